import type { Context, Handler } from 'vivarium/actor';

type Failure = { readonly code?: string; readonly message?: string; readonly hint?: string };

/** What a call came to, in the form in which a plugin gets it. */
const outcome = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    return { ok: await call() };
  } catch (error) {
    const { code, message, hint } = error as Failure;
    return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
  }
};

/** Lines: a key, JSON of a value, JSON of a condition. */
const conditionOf = (line = ''): object => (line === '' ? {} : { if: JSON.parse(line) });

export const handle: Handler<string> = (key, { state }) => outcome(() => state.get(key));

export const put: Handler<string> = (text, { state }) => {
  const [key = '', value = '', condition] = text.split('\n');
  return outcome(() => state.put(key, JSON.parse(value), conditionOf(condition)));
};

export const remove: Handler<string> = (text, { state }) => {
  const [key = '', condition] = text.split('\n');
  return outcome(() => state.delete(key, conditionOf(condition)));
};

export const list: Handler<string> = (text, { state }) => outcome(() => state.list(text === '' ? undefined : JSON.parse(text)));

/** Keeps whatever comes, and gives what was kept. */
export const keep: Handler = async (value, { state }) => {
  await state.put('kept', value);
  return [(await state.get('kept'))?.value];
};

/** Many at once; how many were kept. */
export const many: Handler<string> = async (count, { state }: Context) => {
  const puts = Array.from({ length: Number(count) }, (_, index) => state.put(`key ${index}`, 'x'.repeat(100)));
  return (await Promise.allSettled(puts)).filter(({ status }) => status === 'fulfilled').length;
};

/** What an author may mistake. */
export const wrong: Handler = (_, { state }) =>
  Promise.all([outcome(() => state.put('a', 1, { version: 3 } as never)), outcome(() => state.get(7 as never)), outcome(() => state.list({ most: 1e6 }))]);
