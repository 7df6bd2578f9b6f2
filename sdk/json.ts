/**
 * Messages as JSON for people and files: what JSON has no form for is an object with one key that begins with `$`.
 *
 * | value | form |
 * |---|---|
 * | bytes | `{ "$bytes": "base64" }` |
 * | datetime | `{ "$datetime": "2026-01-31T12:00:00.000Z" }` |
 * | integer beyond 2^53 | `{ "$integer": "9007199254740993" }` |
 * | NaN, infinities | `{ "$float": "NaN" }` |
 * | error | `{ "$error": { "name", "message", "code" } }` |
 * | a map with one key that begins with `$` | `{ "$map": { … } }` |
 */
import type { Message } from './message.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** @example toJson({ at: new Date(0) }) // { at: { $datetime: '1970-01-01T00:00:00.000Z' } } */
export function toJson(message: Message): Json {
  if (typeof message === 'bigint') return { $integer: String(message) };
  if (typeof message === 'number') return Number.isFinite(message) ? message : { $float: String(message) };
  if (typeof message !== 'object' || message === null) return message;
  if (message instanceof Uint8Array) return { $bytes: message.toBase64() };
  if (message instanceof Date) return { $datetime: message.toISOString() };
  if (message instanceof Error) return { $error: errorToJson(message) };
  if (Array.isArray(message)) return (message as readonly Message[]).map(toJson);
  const map = Object.fromEntries(Object.entries(message as { readonly [key: string]: Message }).map(([key, value]) => [key, toJson(value)]));
  return isTagged(map) ? { $map: map } : map;
}

/**
 * The inverse of {@link toJson}.
 * @throws TypeError where a tagged object holds what it cannot mean
 */
export function fromJson(json: unknown): Message {
  if (typeof json !== 'object' || json === null) return json as Message;
  if (Array.isArray(json)) return json.map(fromJson);
  if (isTagged(json)) {
    const [tag, value] = Object.entries(json)[0] as [string, unknown];
    return untag(tag, value);
  }
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

const isTagged = (map: object): boolean => {
  const keys = Object.keys(map);
  return keys.length === 1 && (keys[0] as string).startsWith('$');
};

function untag(tag: string, value: unknown): Message {
  switch (tag) {
    case '$bytes':
      return Uint8Array.fromBase64(text(tag, value));
    case '$datetime':
      return datetime(text(tag, value));
    case '$integer':
      return BigInt(text(tag, value));
    case '$float':
      return float(text(tag, value));
    case '$error':
      return errorFromJson(value);
    case '$map':
      return Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, fromJson(entry)]));
    default:
      throw new TypeError(`an object with the one key ${JSON.stringify(tag)} means nothing; a map with that key is written { "$map": { … } }`);
  }
}

function text(tag: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${tag} takes a string`);
  return value;
}

function datetime(value: string): Date {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new TypeError(`$datetime takes an ISO 8601 date, not ${JSON.stringify(value)}`);
  return date;
}

function float(value: string): number {
  if (value !== 'NaN' && value !== 'Infinity' && value !== '-Infinity') throw new TypeError('$float takes NaN, Infinity or -Infinity');
  return Number(value);
}

function errorToJson(error: Error): Json {
  const { code } = error as { code?: unknown };
  return { name: error.name, message: error.message, ...(typeof code === 'string' ? { code } : {}) };
}

function errorFromJson(value: unknown): Error {
  const { name, message, code } = (value ?? {}) as { name?: unknown; message?: unknown; code?: unknown };
  const error = new Error(typeof message === 'string' ? message : '');
  if (typeof name === 'string') error.name = name;
  return typeof code === 'string' ? Object.assign(error, { code }) : error;
}
