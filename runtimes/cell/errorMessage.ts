/** Errors of guests on their way out of the cell. */
import { encode } from '../../sdk/message.ts';
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { binaryLane, textLane } from '../lanes.ts';
import { onePayload, type Payloads } from './batch.ts';
import { bodyOf } from './body.ts';

/** An error as a message value, for an `error` outlet. */
export function errorMessage(error: ErrorRecord): Payloads {
  const value = Object.assign(VivariumError.from(error), { name: error.name ?? 'VivariumError', stack: error.stack ?? error.message });
  const payload = encode(value);
  return payload.lane === 'text' ? onePayload(textLane, payload.text) : onePayload(binaryLane, bodyOf(Buffer.from(payload.bytes)));
}

/** Whatever went wrong in the author's code at start is one thing to the caller: the actor could not be started. */
export function startError(error: ErrorRecord): ErrorRecord {
  return error.code === 'actor.failed' || error.code === 'actor.fatal' ? { ...error, code: 'actor.start' } : error;
}
