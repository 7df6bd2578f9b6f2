import type { Handler } from 'vivarium/actor';

let calls = 0;

/** The message, and how many came before it. */
export const handle: Handler = (message) => [message, calls++];

/** Sends the numbers below `count`, one by one, as there is room. */
export const burst: Handler<number> = async (count, context) => {
  for (let n = 0; n < count; n++) await context.emit('out', n);
};
