/** Bytes on their way from a file to a guest: read into memory that has room for what the message says before them, so that nothing is copied. */
import type { Payload } from '../../../sdk/message.ts';

/** MessagePack says before bytes that they are bytes, and how many. */
const before = 5;

/** Memory for so many bytes; what it held before is in it until it is read over. */
export const roomFor = (length: number): Buffer => Buffer.allocUnsafeSlow(before + length).subarray(before);

/** @param bytes the beginning of what {@link roomFor} gave */
export function bulkPayload(bytes: Uint8Array): Payload {
  const { buffer, byteOffset, length } = bytes;
  const width = length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
  const payload = new Uint8Array(buffer, byteOffset - 1 - width, 1 + width + length);
  payload[0] = width === 1 ? 0xc4 : width === 2 ? 0xc5 : 0xc6;
  for (let i = 0; i < width; i++) payload[1 + i] = (length / 256 ** (width - 1 - i)) & 0xff;
  return { lane: 'binary', bytes: payload };
}
