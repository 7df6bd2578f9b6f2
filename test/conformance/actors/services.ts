import type { Context, Handler } from 'vivarium/actor';

type Failure = { readonly code?: string; readonly message?: string; readonly hint?: string; readonly cause?: unknown };

/** What a call came to, in the form in which a plugin gets it. */
const outcome = async (call: () => Promise<unknown> | undefined): Promise<unknown> => {
  try {
    return { ok: await call() };
  } catch (error) {
    const { code, message, hint } = error as Failure;
    return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
  }
};

const named = (context: Context, name: string, input: unknown): Promise<unknown> | undefined => {
  const [group = '', service = ''] = name.split('.');
  return context.services[group]?.[service]?.(input);
};

export const list: Handler = (message, context) => outcome(() => named(context, 'orders.list', message));
export const fails: Handler = (message, context) => outcome(() => named(context, 'orders.fails', message));
export const misshapen: Handler = (message, context) => outcome(() => named(context, 'orders.misshapen', message));
export const denied: Handler = (message, context) => outcome(() => named(context, 'money.send', message));
export const unknown: Handler = (message, context) => outcome(() => named(context, 'orders.none', message));
export const echo: Handler = (message, context) => outcome(() => named(context, 'orders.echo', message));

/** Several in a row, in one turn. */
export const twice: Handler = async (message, context) => [await named(context, 'orders.echo', message), await named(context, 'orders.echo', message)];

/** Several at once. */
export const parallel: Handler<unknown[]> = (messages, context) => Promise.all(messages.map((message) => named(context, 'orders.echo', message)));

/** Lets the error pass. */
export const passing: Handler = (message, context) => named(context, 'money.send', message);

export const handle: Handler = (message) => message;
