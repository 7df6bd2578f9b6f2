/** Messages inside an isolate: the codec of the SDK, and binary payloads as they cross. */
import { type Budget, decode, encode, type Message } from '../../sdk/message.ts';
import { binaryLane, textLane } from '../lanes.ts';
import type { GuestPayload } from './kernel.ts';
import { Uint8ArrayIntrinsic, apply, charCodeAt, fromCharCode, lengthOf, sliceBytes, subarray } from './primordials.ts';

/** Small enough for the arguments of one call. */
const characters = 8192;

export function bytesToText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += characters) {
    const end = at + characters < bytes.length ? at + characters : bytes.length;
    text += apply(fromCharCode, undefined, subarray(bytes, at, end) as never);
  }
  return text;
}

export function textToBytes(text: string): Uint8Array {
  const bytes = new Uint8ArrayIntrinsic(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = charCodeAt(text, i);
  return bytes;
}

/** @throws VivariumError message.unsupported, limit.message */
export function encodeGuest(value: unknown, budget: Budget): GuestPayload {
  const payload = encode(value, budget);
  if (payload.lane === 'text') return { lane: textLane, text: payload.text };
  // A view of our own: by methods that the guest replaced, these may have become anything, or be gone. Here that is refused; later it would be too late.
  return { lane: binaryLane, text: '', bytes: subarray(payload.bytes, 0) };
}

/** The bytes of a binary payload, to be read and not to be shown. */
export const bytesOf = ({ text, bytes }: GuestPayload): Uint8Array => bytes ?? textToBytes(text);

/** Characters or bytes. */
export const sizeOf = ({ text, bytes }: GuestPayload): number => (bytes === undefined ? text.length : lengthOf(bytes));

/** A reply, which may be larger than a message if it is nothing but bytes. @throws VivariumError message.invalid, limit.message */
export const decodeReply = (reply: GuestPayload, budget: Budget): Message =>
  (reply.bytes === undefined ? undefined : plainBytes(reply.bytes)) ?? decodeGuest(reply, budget);

/** @throws VivariumError message.invalid, limit.message */
export function decodeGuest({ lane, text, bytes }: GuestPayload, budget: Budget): Message {
  if (lane === textLane) return decode({ lane: 'text', text }, budget);
  if (bytes === undefined) return decode({ lane: 'binary', bytes: textToBytes(text) }, budget);
  const plain = lengthOf(bytes) <= budget.bytes ? plainBytes(bytes) : undefined;
  // A copy: the codec reads by methods that the guest may have replaced.
  return plain ?? decode({ lane: 'binary', bytes: sliceBytes(bytes, 0) }, budget);
}

/** Of a payload that is nothing but bytes, these: copied once. */
function plainBytes(payload: Uint8Array): Uint8Array | undefined {
  const width = payload[0] === 0xc4 ? 1 : payload[0] === 0xc5 ? 2 : payload[0] === 0xc6 ? 4 : 0;
  let length = 0;
  for (let i = 1; i <= width; i++) length = length * 256 + (payload[i] as number);
  return width > 0 && length === lengthOf(payload) - 1 - width ? sliceBytes(payload, 1 + width) : undefined;
}
