/**
 * How messages enter and leave a plugin: as `json`, `text`, `bytes` or `msgpack`, as the manifest says. What a plugin gives is
 * decoded strictly and encoded anew, so that it travels in the lane that suits it and no receiver gets what is no message.
 */
import { writeBinary } from '../../sdk/codec/binary-writer.ts';
import type { Budget, Message } from '../../sdk/message.ts';
import { bytesOf, decodeGuest, encodeGuest } from '../guest/codec.ts';
import type { GuestPayload } from '../guest/kernel.ts';
import { hostError } from '../guest/failure.ts';
import { binaryLane, textLane } from '../lanes.ts';
import type { WasmCodec } from '../protocol.ts';
import type { Content } from './blocks.guest.ts';
import { fromUtf8 } from './text.guest.ts';

export interface Codec {
  /** What it takes of a plugin may come as text. */
  readonly isText: boolean;
  /** What the plugin gets. @throws HostError message.unsupported; VivariumError message.invalid, limit.message */
  encode(payload: GuestPayload): Content;
  /** The message that the plugin gave. @throws HostError, VivariumError message.invalid, limit.message */
  decode(content: Content): GuestPayload;
}

export function createCodec(kind: WasmCodec, budget: Budget): Codec {
  const message = (payload: GuestPayload): Message => decodeGuest(payload, budget);

  switch (kind) {
    case 'json':
      return {
        isText: true,
        encode: (payload) => jsonOf(payload, budget),
        decode: (content) => encodeGuest(fromJson(content, budget), budget),
      };
    case 'text':
      return {
        isText: true,
        encode(payload) {
          const value = message(payload);
          if (typeof value !== 'string') throw unfit(value, 'text');
          return value;
        },
        decode: (content) => encodeGuest(strictText(content), budget),
      };
    case 'bytes':
      return {
        isText: false,
        encode(payload) {
          const value = message(payload);
          if (!(value instanceof Uint8Array)) throw unfit(value, 'bytes');
          return value;
        },
        decode: (content) => encodeGuest(content, budget),
      };
    case 'msgpack':
      return {
        isText: false,
        encode(payload) {
          const value = message(payload);
          return payload.lane === binaryLane ? bytesOf(payload) : writeBinary(value, budget);
        },
        decode: (content) => encodeGuest(decodeGuest({ lane: binaryLane, text: '', bytes: content as Uint8Array }, budget), budget),
      };
  }
}

/** @throws VivariumError message.invalid, limit.message */
export const fromJson = (content: Content, budget: Budget): Message => decodeGuest({ lane: textLane, text: strictText(content) }, budget);

/**
 * A payload as JSON; 64-bit integers are written in full.
 * @throws HostError message.unsupported for bytes, datetimes, errors, NaN and infinities; VivariumError message.invalid, limit.message
 */
export function jsonOf(payload: GuestPayload, budget: Budget): string {
  const value = decodeGuest(payload, budget);
  return payload.lane === textLane ? payload.text : toJson(value);
}

function toJson(value: Message): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, shown: unknown) {
    // `toJSON` of a date has run already; what was there says what it is.
    const entry = this[key];
    if (typeof entry === 'bigint') return rawJson(String(entry));
    if (typeof entry === 'number' && !Number.isFinite(entry)) throw unfit(entry, 'JSON');
    // Without a point it would be read as an integer, and a float of 2^53 and more is none.
    if (typeof entry === 'number' && Number.isInteger(entry) && !Number.isSafeInteger(entry)) return rawJson(wholeFloat(entry));
    if (entry instanceof Uint8Array || entry instanceof Date || entry instanceof Error) throw unfit(entry, 'JSON');
    return shown;
  });
}

/** JavaScript writes digits alone up to 1e21. */
const wholeFloat = (value: number): string => (Math.abs(value) < 1e21 ? `${value}.0` : String(value));

const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

/** @throws HostError message.invalid */
export function strictText(content: Content): string {
  const text = typeof content === 'string' ? content : fromUtf8(content);
  if (text === null) throw hostError('message.invalid', 'the plugin gave text that is not valid UTF-8', 'output: bytes');
  return text;
}

const unfit = (value: unknown, wanted: string): Error =>
  hostError(
    'message.unsupported',
    `the plugin takes ${wanted}, and the message ${wanted === 'JSON' ? 'holds' : 'is'} ${nameOf(value)}`,
    'input: json, text, bytes or msgpack',
  );

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Date) return 'a datetime';
  if (value instanceof Error) return 'an error';
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  if (typeof value === 'bigint') return 'an integer of 64 bits';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}
