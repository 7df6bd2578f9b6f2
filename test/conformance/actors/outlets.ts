import type { Context, Handler } from 'vivarium/actor';

type Failure = { readonly code?: string; readonly message?: string };

/** What a call came to, in the form in which a plugin gets it. */
const outcome = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    return { ok: await call() };
  } catch (error) {
    const { code, message } = error as Failure;
    return { error: { code, message } };
  }
};

export const handle: Handler = (message, context) => {
  context.emit('left', message);
  context.emit('right', message);
  return message;
};

export const nowhere: Handler = (message, context) => {
  context.emit('nowhere', message);
};

export const many: Handler<number> = async (count, context) => {
  for (let n = 0; n < count; n++) await context.emit('left', n);
};

export const again: Handler = (message, context) => {
  context.emit('out', message);
  return message;
};

export const ask: Handler = (message, context) => outcome(async () => context.ask('peer', message));

export const askAway: Handler = (message, context) => outcome(async () => context.ask('distant', message));

export const askNobody: Handler = (message, context) => outcome(async () => context.ask('stranger', message));

export const askAll: Handler<unknown[]> = (messages, context) => Promise.all(messages.map((message) => context.ask('peer', message)));

let kept: Context | undefined;

/** Keeps the context of its turn. */
export const keep: Handler = (_message, context) => {
  kept = context;
};

/** Uses the context of a turn that has ended. */
export const stale: Handler = async (message) => [
  await outcome(async () => kept?.emit('left', message)),
  await outcome(async () => kept?.ask('peer', message)),
  await outcome(async () => kept?.services['orders']?.['list']?.(message)),
];
