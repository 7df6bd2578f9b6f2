/** Binary payloads on their way into an isolate: as bytes, in a buffer that is given away, save for those who take characters. */
import { inBytes, type Place } from '../guest/wire.ts';
import { binaryLane, type Lane } from '../lanes.ts';
import type { RuntimeName } from '../protocol.ts';
import type { Body } from './body.ts';

/** Python has its memory filled from a string: see guest/memoryText.ts. */
export const placeIn = (runtime: RuntimeName, lane: Lane): Place => (lane === binaryLane && runtime !== 'python' ? inBytes : lane);

/** The bytes of these, one after another, in a buffer that can be given away; undefined if there are none. */
export function bufferOf(bodies: readonly Body[]): ArrayBuffer | undefined {
  let size = 0;
  for (const body of bodies) size += body.length;
  if (size === 0) return undefined;
  const buffer = new ArrayBuffer(size);
  const bytes = Buffer.from(buffer);
  let at = 0;
  for (const body of bodies) at += typeof body === 'string' ? bytes.write(body, at, 'latin1') : body.copy(bytes, at);
  return buffer;
}
