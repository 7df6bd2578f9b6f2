/** Payloads one after another, as a cell holds them. */
import { toArrayBuffer } from '../arrayBuffer.ts';

/** Text; or binary payloads: as bytes, which nobody else has, if they are many, and else with a character for each: those are joined at no cost. */
export type Body = string | Buffer;

/** From here on binary payloads are bytes. */
const manyBytes = 16 * 1024;
/** Below this a part may keep the whole in memory; above, a small part is copied. Characters or bytes. */
const smallBody = 64 * 1024;

/** Of binary payloads, which are copied. */
export const bodyOf = (bytes: Buffer): Body => (bytes.length < manyBytes ? bytes.toString('latin1') : Buffer.from(toArrayBuffer(bytes)));

/** As narrow as it was: what is made of two bytes for each character costs twice as much wherever it is copied. */
function copyOf(text: string): string {
  const narrow = Buffer.from(text, 'latin1').toString('latin1');
  return narrow === text ? narrow : Buffer.from(text, 'utf16le').toString('utf16le');
}

/** A part of a body that does not keep a whole in memory that is far larger. */
export function partOf(body: Body, start: number, end: number): Body {
  const isSmall = body.length > smallBody && (end - start) * 8 < body.length;
  if (typeof body !== 'string') return isSmall ? Buffer.from(body.subarray(start, end)) : body.subarray(start, end);
  const part = body.slice(start, end);
  return isSmall ? copyOf(part) : part;
}

/** Parts of one body. */
export const joined = (parts: readonly Body[]): Body => (typeof parts[0] === 'string' ? parts.join('') : Buffer.concat(parts as readonly Buffer[]));
