import type { Context, Handler } from 'vivarium/actor';
import { divide } from './arithmetic.ts';

export const handle: Handler = (message) => {
  throw new RangeError(`too far: ${JSON.stringify(message)}`); // here
};

export const deep: Handler<number> = (message) => divide(message, 0);

export const later: Handler = async (message) => {
  await Promise.resolve();
  throw new RangeError(`too late: ${JSON.stringify(message)}`); // later
};

export function* halfway(message: unknown): Generator<unknown> {
  yield message;
  throw new RangeError('half way'); // halfway
}

export async function* halfwayLater(message: unknown): AsyncGenerator<unknown> {
  yield message;
  throw new RangeError('half way, later'); // halfwayLater
}

/** Sends, then fails: what was sent is sent. */
export const after: Handler = (message, context: Context) => {
  context.emit('out', message);
  throw new RangeError('after all');
};

export const fine: Handler = (message) => ['fine', message];
