import { type Budget, datetimeRange, type ErrorValue, extension, integerRange, type Message } from './model.ts';
import { invalid, tooLarge } from './refusal.ts';
import { readUtf8 } from './utf8.ts';

const { defineProperty, hasOwn } = Object;

/** Sets an own property whatever the name: `__proto__` and what a prototype has, frozen or not, are keys like others. */
const setOwn = (target: object, name: string, value: unknown, enumerable = true) =>
  defineProperty(target, name, { __proto__: null, value, enumerable, writable: true, configurable: true } as PropertyDescriptor);

/**
 * Reads the MessagePack of the value model, and nothing else of MessagePack. A length is checked against
 * the bytes that are left and against the budget before anything is allocated for it.
 */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #budget: Budget;
  /** Where reading must stop: the end of the payload, or of the extension that is being read. */
  #end: number;
  #position = 0;
  #nodes = 1;

  constructor(bytes: Uint8Array, budget: Budget) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#budget = budget;
    this.#end = bytes.byteLength;
  }

  readAll(): Message {
    const value = this.#read(0);
    if (this.#position !== this.#end) throw invalid(`there are ${this.#end - this.#position} bytes after its end`);
    return value;
  }

  /** Where the next `count` bytes begin. */
  #take(count: number): number {
    const start = this.#position;
    if (count > this.#end - start) throw invalid(`it ends within a value, at byte ${this.#end}`);
    this.#position = start + count;
    return start;
  }

  #unsigned(width: 1 | 2 | 4): number {
    const start = this.#take(width);
    return width === 1 ? (this.#bytes[start] as number) : width === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  #read(depth: number): Message {
    const tag = this.#unsigned(1);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth + 1);
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth + 1);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#unsigned(1));
      case 0xc5:
        return this.#binary(this.#unsigned(2));
      case 0xc6:
        return this.#binary(this.#unsigned(4));
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
        return this.#unsigned(1);
      case 0xcd:
        return this.#unsigned(2);
      case 0xce:
        return this.#unsigned(4);
      case 0xcf:
        return this.#integer(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#integer(this.#view.getBigInt64(this.#take(8)));
      case 0xd9:
        return this.#text(this.#unsigned(1));
      case 0xda:
        return this.#text(this.#unsigned(2));
      case 0xdb:
        return this.#text(this.#unsigned(4));
      case 0xdc:
        return this.#list(this.#unsigned(2), depth + 1);
      case 0xdd:
        return this.#list(this.#unsigned(4), depth + 1);
      case 0xde:
        return this.#map(this.#unsigned(2), depth + 1);
      case 0xdf:
        return this.#map(this.#unsigned(4), depth + 1);
      case 0xc7:
        return this.#extension(this.#unsigned(1));
      case 0xc8:
        return this.#extension(this.#unsigned(2));
      case 0xc9:
        return this.#extension(this.#unsigned(4));
      case 0xc1:
        throw invalid(`byte ${this.#position - 1} begins no value`);
      default:
        return this.#extension(1 << (tag - 0xd4));
    }
  }

  #integer(value: bigint): number | bigint {
    if (value > integerRange.greatest) throw invalid('it holds an integer beyond 64 bits with a sign');
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #text(length: number): string {
    const start = this.#take(length);
    const text = readUtf8(this.#bytes, start, this.#position);
    if (text === null) throw invalid(`the string at byte ${start} is not UTF-8`);
    return text;
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length);
    const copy = new Uint8Array(length);
    copy.set(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length));
    return copy;
  }

  /** Admits a container whose values take at least `bytes`. */
  #admit(nodes: number, bytes: number, depth: number): void {
    if (depth > this.#budget.depth) throw invalid(`it is nested deeper than ${this.#budget.depth} levels`);
    if (bytes > this.#end - this.#position) throw invalid(`it ends within a value, at byte ${this.#end}`);
    this.#nodes += nodes;
    if (this.#nodes > this.#budget.nodes) throw invalid(`it has more than ${this.#budget.nodes} values`);
  }

  #list(length: number, depth: number): Message[] {
    this.#admit(length, length, depth);
    const list = new Array<Message>(length);
    for (let index = 0; index < length; index++) list[index] = this.#read(depth);
    return list;
  }

  #map(length: number, depth: number): { [key: string]: Message } {
    if (length > this.#budget.keys) throw invalid(`a map has more than ${this.#budget.keys} keys`);
    this.#admit(length, length * 2, depth);
    const map: { [key: string]: Message } = {};
    for (let count = 0; count < length; count++) {
      const name = this.#key();
      if (!(name in map)) {
        map[name] = this.#read(depth);
        continue;
      }
      if (hasOwn(map, name)) throw invalid(`a map has the key ${JSON.stringify(name.slice(0, 64))} twice`);
      setOwn(map, name, this.#read(depth));
    }
    return map;
  }

  #key(): string {
    const tag = this.#unsigned(1);
    if (tag >= 0xa0 && tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag === 0xd9) return this.#text(this.#unsigned(1));
    if (tag === 0xda) return this.#text(this.#unsigned(2));
    if (tag === 0xdb) return this.#text(this.#unsigned(4));
    throw invalid(`the key at byte ${this.#position - 1} is no string`);
  }

  #extension(length: number): Date | ErrorValue {
    const type = this.#view.getInt8(this.#take(1));
    const start = this.#take(length);
    if (type === extension.timestamp) return this.#datetime(start, length);
    if (type !== extension.error) throw invalid(`it has a value of the extension type ${type}`);
    const outerEnd = this.#end;
    const errorEnd = this.#position;
    this.#position = start;
    this.#end = errorEnd;
    const error = this.#error();
    if (this.#position !== errorEnd) throw invalid('an error holds more than its fields');
    this.#end = outerEnd;
    return error;
  }

  #datetime(start: number, length: number): Date {
    const view = this.#view;
    let seconds: number;
    let nanoseconds = 0;
    if (length === 4) {
      seconds = view.getUint32(start);
    } else if (length === 8) {
      nanoseconds = view.getUint32(start) >>> 2;
      seconds = (view.getUint32(start) & 3) * 2 ** 32 + view.getUint32(start + 4);
    } else if (length === 12) {
      nanoseconds = view.getUint32(start);
      seconds = Number(view.getBigInt64(start + 4));
    } else throw invalid(`a timestamp has ${length} bytes`);
    const milliseconds = seconds * 1000 + Math.floor(nanoseconds / 1_000_000);
    if (nanoseconds > 999_999_999 || milliseconds < datetimeRange.first || milliseconds > datetimeRange.last) throw invalid('a timestamp is out of range');
    return new Date(milliseconds);
  }

  #error(): ErrorValue {
    const tag = this.#unsigned(1);
    const fields: { [key: string]: string } = { __proto__: null as never };
    if (tag < 0x82 || tag > 0x84) throw invalid('an error is no map of two to four fields');
    for (let count = tag & 0x0f; count > 0; count--) {
      const name = this.#key();
      if (name !== 'name' && name !== 'message' && name !== 'code' && name !== 'stack') throw invalid('an error has an unknown field');
      if (name in fields) throw invalid(`an error has its ${name} twice`);
      fields[name] = this.#key();
    }
    const { name, message, code, stack } = fields;
    if (name === undefined || message === undefined) throw invalid('an error lacks its name or its message');
    return errorOf(name, message, code, stack);
  }
}

/** An error as its receiver sees it: `stack` is the sender’s or undefined, never that of the decoder. */
function errorOf(name: string, message: string, code: string | undefined, stack: string | undefined): ErrorValue {
  const error: ErrorValue = new Error(message);
  if (name !== error.name) setOwn(error, 'name', name, false);
  if (code !== undefined) setOwn(error, 'code', code);
  setOwn(error, 'stack', stack, false);
  return error;
}

/** Of a payload that is nothing but bytes, these, copied once; undefined of any other. */
function bytesAlone(payload: Uint8Array): Uint8Array | undefined {
  const width = payload[0] === 0xc4 ? 1 : payload[0] === 0xc5 ? 2 : payload[0] === 0xc6 ? 4 : 0;
  let length = 0;
  for (let at = 1; at <= width; at++) length = length * 256 + (payload[at] as number);
  if (width === 0 || length !== payload.byteLength - 1 - width) return undefined;
  return new Uint8Array(new Uint8Array(payload.buffer, payload.byteOffset + 1 + width, length));
}

/** The value of a payload of the binary lane. Throws `message.invalid` and `limit.message`. */
export function readBinary(bytes: Uint8Array, budget: Budget): Message {
  if (bytes.byteLength > budget.bytes) throw tooLarge(budget, bytes.byteLength);
  return bytesAlone(bytes) ?? new Reader(bytes, budget).readAll();
}
