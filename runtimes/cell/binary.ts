/** Binary payloads on their way into an isolate: as bytes, in a buffer that is given away, save for those who take characters. */
import { inBytes, type Place } from '../guest/wire.ts';
import { binaryLane, type Lane } from '../lanes.ts';
import type { RuntimeName } from '../protocol.ts';

/** Python has its memory filled from a string: see guest/memoryText.ts. */
export const placeIn = (runtime: RuntimeName, lane: Lane): Place => (lane === binaryLane && runtime !== 'python' ? inBytes : lane);

/** The bytes of these, a character for each, one after another; undefined if there are none. */
export function bufferOf(bodies: readonly string[]): ArrayBuffer | undefined {
  let size = 0;
  for (const body of bodies) size += body.length;
  if (size === 0) return undefined;
  const buffer = new ArrayBuffer(size);
  const bytes = Buffer.from(buffer);
  let at = 0;
  for (const body of bodies) at += bytes.write(body, at, 'latin1');
  return buffer;
}
