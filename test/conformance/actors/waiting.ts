/** Never ends by itself. */
import type { Context, Handler } from 'vivarium/actor';

export const handle: Handler = (message) => ['fine', message];

export const spin: Handler = () => {
  for (;;);
};

/** Computes for ever, after a call. */
export const spinAfterCall: Handler = async (_, { services }) => {
  await services['gate']?.['enter']?.();
  for (;;);
};

export const wait: Handler = async (_, { services }) => {
  await services['gate']?.['enter']?.();
  await new Promise(() => {});
};

export const call: Handler = (_, { services }) => services['gate']?.['wait']?.();

/** Hears that it was cancelled. */
export const listen: Handler = async (_, context: Context) => {
  const { signal, log } = context;
  signal.addEventListener('abort', () => log.info('aborted', (signal.reason as { code?: string }).code));
  await context.services['gate']?.['enter']?.();
  await new Promise(() => {});
};

/** Milliseconds until the deadline. */
export const remaining: Handler = (_, { execution }) => (execution?.deadline === undefined ? null : execution.deadline.getTime() - Date.now());
