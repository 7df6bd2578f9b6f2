/** Messages inside an isolate: the codec of the SDK, with binary payloads as one character a byte. */
import { type Budget, decode, defaultBudget, encode, type Message } from '../../sdk/message.ts';
import { binaryLane, type Lane, textLane } from '../lanes.ts';
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

export const budgetFor = (messageLimit: number): Budget => ({ ...defaultBudget, bytes: messageLimit });

/** @throws VivariumError message.unsupported, limit.message */
export function encodeGuest(value: unknown, budget: Budget): GuestPayload {
  const payload = encode(value, budget);
  return payload.lane === 'text' ? { lane: textLane, text: payload.text } : { lane: binaryLane, text: bytesToText(payload.bytes) };
}

/** What {@link GuestPayload} says. @throws VivariumError message.invalid, limit.message */
export function decodePayload({ lane, text, bulk }: GuestPayload, budget: Budget): Message {
  if (bulk === undefined) return decodeGuest(lane, text, budget);
  return plainBytes(bulk) ?? decode({ lane: 'binary', bytes: bulk }, budget);
}

/** Of a payload that is nothing but bytes, these: copied once. */
function plainBytes(payload: Uint8Array): Uint8Array | undefined {
  const width = payload[0] === 0xc4 ? 1 : payload[0] === 0xc5 ? 2 : payload[0] === 0xc6 ? 4 : 0;
  let length = 0;
  for (let i = 1; i <= width; i++) length = length * 256 + (payload[i] as number);
  return width > 0 && length === lengthOf(payload) - 1 - width ? sliceBytes(payload, 1 + width) : undefined;
}

/** @throws VivariumError message.invalid, limit.message */
export const decodeGuest = (lane: Lane, text: string, budget: Budget): Message =>
  decode(lane === textLane ? { lane: 'text', text } : { lane: 'binary', bytes: textToBytes(text) }, budget);
