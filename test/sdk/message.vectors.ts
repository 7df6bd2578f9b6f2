/** The vectors of message.vectors.json as values and payloads of JavaScript. */
import { readFileSync } from 'node:fs';
import type { Payload } from '../../sdk/message.ts';

type Lane = 'text' | 'binary';
type Part = [piece: string, times: number] | { readonly keys: number };

interface Encoded {
  readonly name: string;
  readonly lane: Lane;
  readonly text?: string;
  readonly hex?: string;
  readonly parts?: readonly Part[];
}

interface Vectors {
  readonly valid: readonly (Encoded & { readonly value: unknown; readonly encodedBy?: readonly string[] })[];
  readonly edges: readonly Encoded[];
  readonly invalid: readonly (Encoded & { readonly code: string })[];
}

export const vectorsFile = new URL('./message.vectors.json', import.meta.url);
export const vectors = JSON.parse(readFileSync(vectorsFile, 'utf8')) as Vectors;

function expand(part: Part, lane: Lane): string {
  if (!Array.isArray(part)) {
    const names = Array.from({ length: part.keys }, (_, index) => index.toString().padStart(5, '0'));
    return lane === 'text' ? names.map((name) => `"${name}":0`).join(',') : names.map((name) => `a5${Buffer.from(name).toString('hex')}00`).join('');
  }
  const [piece, times] = part;
  return piece.repeat(times);
}

export function payloadOf({ lane, text, hex, parts }: Encoded): Payload {
  const content = text ?? hex ?? (parts ?? []).map((part) => expand(part, lane)).join('');
  return lane === 'text' ? { lane, text: content } : { lane, bytes: new Uint8Array(Buffer.from(content, 'hex')) };
}

function errorOf({ name, message, code, stack }: Record<string, string>): Error {
  const error = new Error(message);
  return Object.assign(error, { name, stack }, code === undefined ? {} : { code });
}

/** The value that a notation stands for. */
export function fromNotation(notation: unknown): unknown {
  if (Array.isArray(notation)) return notation.map(fromNotation);
  if (typeof notation !== 'object' || notation === null) return notation;
  const [key, content] = Object.entries(notation)[0] ?? [];
  switch (key) {
    case '$integer':
      return Number.isSafeInteger(Number(content)) ? Number(content) : BigInt(content);
    case '$float':
      return Number(content);
    case '$bytes':
      return new Uint8Array(Buffer.from(content, 'hex'));
    case '$datetime':
      return new Date(content);
    case '$error':
      return errorOf(content);
    case '$map':
      return Object.fromEntries((content as [string, unknown][]).map(([name, entry]) => [name, fromNotation(entry)]));
    default:
      return Object.fromEntries(Object.entries(notation).map(([name, entry]) => [name, fromNotation(entry)]));
  }
}

/** A value in a form that two values share only if they are the same message: tells -0 from 0, bytes from lists, own keys from inherited ones. */
export function describeValue(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : `number ${Object.is(value, -0) ? '-0' : value}`;
  if (typeof value === 'bigint') return `bigint ${value}`;
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `string ${value}` : value;
  if (Array.isArray(value)) return ['list', ...value.map(describeValue)];
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return `date ${value.getTime()}`;
  if (value instanceof Error) return ['error', value.name, value.message, (value as { code?: unknown }).code, value.stack];
  if (Object.getPrototypeOf(value) !== Object.prototype) return 'an object with another prototype';
  return [
    'map',
    ...Object.keys(value)
      .sort()
      .map((key) => [key, describeValue((value as Record<string, unknown>)[key])]),
  ];
}
