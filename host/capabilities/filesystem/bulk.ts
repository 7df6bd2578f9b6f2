/**
 * Bytes on their way from a file to a guest: read into memory that has room for what the message says before them, so that
 * nothing is copied; and memory that is used again, because giving it back is most of what a read would cost.
 */
import type { Answer } from '../capability.ts';

/** MessagePack says before bytes that they are bytes, and how many. */
const before = 5;

/** Bytes of one read or write: enough to be fast, little enough to be held many times. */
export const chunk = 512 * 1024;

/** Chunks that are kept for the next reads of whichever guest: each shows no more of one than was read into it. */
const mostKept = 8;
const kept: ArrayBuffer[] = [];

/** Memory for so many bytes; what it held before is in it until it is read over. */
export function roomFor(length: number): Buffer {
  const reused = length === chunk ? kept.pop() : undefined;
  return reused === undefined ? Buffer.allocUnsafeSlow(before + length).subarray(before) : Buffer.from(reused, before);
}

/** @param bytes the beginning of what {@link roomFor} gave */
export function bulkAnswer(bytes: Buffer): Answer {
  const { buffer, byteOffset, length } = bytes;
  const width = length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
  const payload = new Uint8Array(buffer, byteOffset - 1 - width, 1 + width + length);
  payload[0] = width === 1 ? 0xc4 : width === 2 ? 0xc5 : 0xc6;
  for (let i = 0; i < width; i++) payload[1 + i] = (length / 256 ** (width - 1 - i)) & 0xff;
  const taken = (): void => {
    if (buffer.byteLength === before + chunk && kept.length < mostKept) kept.push(buffer as ArrayBuffer);
  };
  return { lane: 'binary', bytes: payload, taken };
}
