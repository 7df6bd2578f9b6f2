/** Turns whatever a guest threw into a bounded record, and host errors into errors that a guest can catch. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { defineProperty, indexOf, parse, slice, StringIntrinsic, table } from './primordials.ts';
import type { GuestError } from './wire.ts';

const textLimit = 8 * 1024 - 64;

const isObject = (value: unknown): value is Record<string, unknown> => (typeof value === 'object' && value !== null) || typeof value === 'function';

const textOf = (value: unknown, limit: number): string | undefined => (typeof value === 'string' ? slice(value, 0, limit) : undefined);

/**
 * An error that the host or the bootstrap made. Only such an error keeps its code when a handler lets it
 * pass; an object that a guest made with a `code` of its own is `actor.failed`.
 */
export class HostError extends Error {
  readonly #record: ErrorRecord;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(record: ErrorRecord) {
    super(record.message);
    this.#record = record;
    this.code = record.code;
    this.hint = record.hint;
  }

  static recordOf(value: unknown): ErrorRecord | undefined {
    return isObject(value) && #record in value ? (value as unknown as HostError).#record : undefined;
  }
}
Object.defineProperty(HostError.prototype, 'name', { value: 'VivariumError', writable: true, configurable: true });
// Whoever had the class could make errors with any code.
Object.defineProperty(HostError.prototype, 'constructor', { value: Error, writable: true, configurable: true });

/** Where the author called the host: the error that a reply brings is made far from there. */
export class CallPlace extends Error {}

/** The error of a reply, told with the place of its call. Anything else stays as it is. */
export function errorAt(place: CallPlace, error: unknown): unknown {
  const frames = readText(place, 'stack', textLimit) ?? '';
  const start = indexOf(frames, '\n    at ');
  const record = HostError.recordOf(error);
  if (record !== undefined && start >= 0)
    defineProperty(error, 'stack', { value: `VivariumError: ${record.message}${slice(frames, start)}`, writable: true, configurable: true });
  return error;
}

/** An error of a language that is not JavaScript, told by the record that was made of it there. */
class ForeignError {
  readonly #record: GuestError;

  constructor(record: GuestError) {
    this.#record = record;
  }

  static recordOf(value: unknown): GuestError | undefined {
    return isObject(value) && #record in value ? (value as unknown as ForeignError).#record : undefined;
  }
}

/**
 * Something to throw, or to fail a turn with, of which `describe` gives just this record.
 * @param json a record as the guest's interpreter tells it: bounded here, and believed by the cell no more than any other
 */
export function foreignError(json: unknown): object {
  const record = table<string | number>();
  record['code'] = 'actor.failed';
  record['message'] = 'an error that cannot be shown';
  try {
    const told = parse(StringIntrinsic(json)) as Record<string, unknown>;
    for (let i = 0; i < foreignTexts.length; i++) {
      const key = foreignTexts[i] as string;
      const text = readText(told, key, textLimit);
      if (text !== undefined) record[key] = text;
    }
    if (typeof told['line'] === 'number') record['line'] = told['line'];
    if (typeof told['column'] === 'number') record['column'] = told['column'];
  } catch {
    // What is no record tells nothing.
  }
  return new ForeignError(record as never);
}

const foreignTexts = ['code', 'message', 'name', 'stack', 'file', 'hint'] as const;

/** Never throws. May run the guest's getters: it is only called inside a time limit. */
export function describe(thrown: unknown): GuestError {
  const foreign = ForeignError.recordOf(thrown);
  if (foreign !== undefined) return foreign;
  const host = HostError.recordOf(thrown);
  if (host !== undefined) return { __proto__: null, ...host, stack: readText(thrown, 'stack', textLimit) } as never;
  const record = table<string | undefined>();
  record['code'] = 'actor.failed';
  if (!isObject(thrown)) {
    record['message'] = describePrimitive(thrown);
    return record as never;
  }
  record['message'] = readText(thrown, 'message', textLimit) ?? 'a value that is no error was thrown';
  record['name'] = readText(thrown, 'name', 200);
  record['stack'] = readText(thrown, 'stack', textLimit);
  const code = readText(thrown, 'code', 64);
  if (HostCodes.has(code)) record['code'] = code;
  if (record['name'] === 'RangeError' && record['message'] === noBuffer) {
    record['code'] = 'limit.memory';
    record['hint'] = 'limits: { memory: … }';
  }
  return record as never;
}

/** Codes that the codec, which knows nothing of {@link HostError}, gives to its errors. */
const codecCodes = table<true>();
codecCodes['message.unsupported'] = true;
codecCodes['message.invalid'] = true;
codecCodes['limit.message'] = true;
const HostCodes = { has: (code: string | undefined): code is string => code !== undefined && codecCodes[code] === true };

/** What V8 says when the isolate may have no more buffers. Whoever says so without need deceives nobody but its own author. */
const noBuffer = 'Array buffer allocation failed';

function describePrimitive(thrown: unknown): string {
  try {
    return slice(StringIntrinsic(thrown), 0, textLimit);
  } catch {
    return 'a value that cannot be shown was thrown';
  }
}

function readText(value: unknown, key: string, limit: number): string | undefined {
  try {
    return textOf((value as Record<string, unknown>)[key], limit);
  } catch {
    return undefined;
  }
}

export const hostError = (code: ErrorRecord['code'], message: string, hint?: string): HostError =>
  new HostError(hint === undefined ? { code, message } : { code, message, hint });
