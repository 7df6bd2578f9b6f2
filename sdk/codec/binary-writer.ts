import { checkBigint, countNode, countText, entriesOf, type Tally } from './survey.ts';
import { kindOf, millisecondsOf, refuseObject, refuseType, viewOf } from './kinds.ts';
import { type Budget, datetimeRange, extension, isInteger } from './model.ts';
import { type Place, refuseDepth, tooLarge, tooMany, unsupported } from './refusal.ts';
import { utf8Length, writeUtf8 } from './utf8.ts';

const { keys } = Object;

/** What an output starts with; the one that is in use is not here, for a getter may encode while another value is encoded. */
let spare: Uint8Array<ArrayBuffer> | null = null;
const spareSize = 4096;

/** Bytes that grow as they are written, up to the budget. */
class Output {
  readonly #budget: Budget;
  #bytes = spare ?? new Uint8Array(spareSize);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
    spare = null;
  }

  /** Makes room for so many more bytes, and answers where they begin. May replace `#bytes` and `#view`: take first, then look at them. */
  #take(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#budget.bytes) throw tooLarge(this.#budget);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }

  byte(value: number): void {
    const start = this.#take(1);
    this.#bytes[start] = value;
  }

  sized(tag: number, width: 1 | 2 | 4, value: number): void {
    const start = this.#take(1 + width);
    this.#bytes[start] = tag;
    if (width === 1) this.#bytes[start + 1] = value;
    else if (width === 2) this.#view.setUint16(start + 1, value);
    else this.#view.setUint32(start + 1, value);
  }

  float64(value: number): void {
    const start = this.#take(9);
    this.#bytes[start] = 0xcb;
    this.#view.setFloat64(start + 1, value);
  }

  int64(value: bigint): void {
    const start = this.#take(9);
    this.#bytes[start] = 0xd3;
    this.#view.setBigInt64(start + 1, value);
  }

  /** Seconds of a timestamp, of which 96-bit ones have 64 bits. */
  seconds(value: number): void {
    const start = this.#take(8);
    this.#view.setBigInt64(start, BigInt(value));
  }

  uint32(value: number): void {
    const start = this.#take(4);
    this.#view.setUint32(start, value);
  }

  text(value: string, length: number): void {
    const start = this.#take(length);
    writeUtf8(value, this.#bytes, start);
  }

  bytes(view: Uint8Array, length: number): void {
    const start = this.#take(length);
    this.#bytes.set(view, start);
  }

  /** What was written. The output ends with it. */
  finish(): Uint8Array {
    // Large bytes have made the output just as large as it had to be.
    if (this.#bytes.length === this.#length && this.#length > spareSize) return this.#bytes;
    const written = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length === spareSize) spare = this.#bytes;
    return written;
  }
}

/** Writes a header in the shortest form: within `short`, else with a length of 8 (`tag8` 0: there is none), 16 or 32 bits. */
function writeLength(output: Output, length: number, short: number, shortTag: number, tag8: number, tag16: number): void {
  if (length < short) output.byte(shortTag | length);
  else if (length < 0x100 && tag8 !== 0) output.sized(tag8, 1, length);
  else if (length < 0x10000) output.sized(tag16, 2, length);
  else output.sized(tag16 + 1, 4, length);
}

function writeText(output: Output, value: string): void {
  const length = utf8Length(value);
  writeLength(output, length, 32, 0xa0, 0xd9, 0xda);
  output.text(value, length);
}

function writeBytes(output: Output, { view, length }: { readonly view: Uint8Array; readonly length: number }): void {
  writeLength(output, length, 0, 0, 0xc4, 0xc5);
  output.bytes(view, length);
}

function writeInteger(output: Output, value: number): void {
  if (value >= 0) {
    if (value < 0x80) output.byte(value);
    else if (value < 0x100) output.sized(0xcc, 1, value);
    else if (value < 0x10000) output.sized(0xcd, 2, value);
    else if (value < 0x1_0000_0000) output.sized(0xce, 4, value);
    else output.int64(BigInt(value));
  } else if (value >= -0x20) output.byte(value & 0xff);
  else if (value >= -0x80) output.sized(0xd0, 1, value & 0xff);
  else if (value >= -0x8000) output.sized(0xd1, 2, value & 0xffff);
  else if (value >= -0x8000_0000) output.sized(0xd2, 4, value >>> 0);
  else output.int64(BigInt(value));
}

function writeBigint(output: Output, value: bigint): void {
  const number = Number(value);
  if (isInteger(number)) writeInteger(output, number);
  else output.int64(value);
}

function writeExtensionHeader(output: Output, type: number, length: number): void {
  const fixed = [1, 2, 4, 8, 16].indexOf(length);
  if (fixed >= 0) output.byte(0xd4 + fixed);
  else if (length < 0x100) output.sized(0xc7, 1, length);
  else if (length < 0x10000) output.sized(0xc8, 2, length);
  else output.sized(0xc9, 4, length);
  output.byte(type & 0xff);
}

function writeDatetime(output: Output, milliseconds: number, place: Place | null): void {
  if (!(milliseconds >= datetimeRange.first && milliseconds <= datetimeRange.last)) {
    throw unsupported(place, Number.isNaN(milliseconds) ? 'is an invalid Date' : 'is a Date outside the years 1 to 9999');
  }
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = (milliseconds - seconds * 1000) * 1_000_000;
  if (nanoseconds === 0 && seconds >= 0 && seconds < 2 ** 32) {
    writeExtensionHeader(output, extension.timestamp, 4);
    output.uint32(seconds);
  } else if (seconds >= 0 && seconds < 2 ** 34) {
    writeExtensionHeader(output, extension.timestamp, 8);
    output.uint32(nanoseconds * 4 + Math.floor(seconds / 2 ** 32));
    output.uint32(seconds % 2 ** 32);
  } else {
    writeExtensionHeader(output, extension.timestamp, 12);
    output.uint32(nanoseconds);
    output.seconds(seconds);
  }
}

/** Frames in which an actor is run: they would show how, and their lines are nobody’s. Frames of the author’s own files stay. */
function withoutFramesOfIsolates(stack: string): string {
  if (!stack.includes('vivarium')) return stack;
  const kept = stack.split('\n').filter((line) => !(line.startsWith('    at ') && (line.includes('vivarium:') || line.includes('<vivarium>'))));
  return kept.join('\n');
}

/** The texts of an error are mended where they are not valid Unicode: an error must not be lost because of what it quotes. */
function writeError(output: Output, error: { readonly [key: string]: unknown }, budget: Budget): void {
  const fields: [string, string][] = [];
  for (const name of ['name', 'message', 'code', 'stack']) {
    const field = error[name];
    if (typeof field === 'string') {
      if (field.length > budget.bytes) throw tooLarge(budget);
      fields.push([name, (name === 'stack' ? withoutFramesOfIsolates(field) : field).toWellFormed()]);
    } else if (name === 'name' || name === 'message') fields.push([name, name === 'name' ? 'Error' : '']);
  }
  const content = new Output(budget);
  writeLength(content, fields.length, 16, 0x80, 0, 0xde);
  for (const [name, field] of fields) {
    writeText(content, name);
    writeText(content, field);
  }
  const bytes = content.finish();
  writeExtensionHeader(output, extension.error, bytes.length);
  output.bytes(bytes, bytes.length);
}

/**
 * Writes a value as MessagePack, in the shortest form of each part. Reads every property once, and
 * checks what it writes.
 */
class Writer {
  readonly output: Output;
  readonly #tally: Tally;

  constructor(budget: Budget) {
    this.output = new Output(budget);
    this.#tally = { budget, nodes: 0, characters: 0 };
  }

  write(value: unknown, parent: Place | null, depth: number): void {
    countNode(this.#tally);
    switch (typeof value) {
      case 'string':
        countText(value, parent, this.#tally);
        writeText(this.output, value);
        break;
      case 'number':
        if (isInteger(value)) writeInteger(this.output, value);
        else this.output.float64(value);
        break;
      case 'boolean':
        this.output.byte(value ? 0xc3 : 0xc2);
        break;
      case 'bigint':
        checkBigint(value, parent);
        writeBigint(this.output, value);
        break;
      case 'object':
        if (value === null) this.output.byte(0xc0);
        else this.#writeObject(value, parent, depth + 1);
        break;
      default:
        throw refuseType(value, parent);
    }
  }

  #writeObject(value: object, parent: Place | null, depth: number): void {
    const kind = kindOf(value);
    switch (kind) {
      case 'bytes':
      case 'buffer':
        writeBytes(this.output, viewOf(value, kind));
        break;
      case 'date':
        writeDatetime(this.output, millisecondsOf(value), parent);
        break;
      case 'error':
        writeError(this.output, value as never, this.#tally.budget);
        break;
      case 'foreign':
        throw refuseObject(value, parent);
      default:
        this.#writeContainer(value, kind, parent, depth);
    }
  }

  #writeContainer(value: object, kind: 'list' | 'map' | 'keyed', parent: Place | null, depth: number): void {
    const { budget } = this.#tally;
    if (depth > budget.depth) throw refuseDepth(value, parent, budget);
    const place: Place = { container: value, key: 0, parent };
    if (kind === 'list') this.#writeList(value as readonly unknown[], place, depth);
    else if (kind === 'map') this.#writeEntries(this.#entriesOfObject(value as Readonly<Record<string, unknown>>, parent), place, depth);
    else this.#writeEntries(entriesOf(value, parent, budget), place, depth);
  }

  #writeList(list: readonly unknown[], place: Place, depth: number): void {
    const { length } = list;
    if (length > this.#tally.budget.nodes) throw tooMany('values', place.parent, this.#tally.budget);
    writeLength(this.output, length, 16, 0x90, 0, 0xdc);
    for (let index = 0; index < length; index++) {
      place.key = index;
      this.write(list[index], place, depth);
    }
  }

  #entriesOfObject(map: Readonly<Record<string, unknown>>, parent: Place | null): [string, unknown][] {
    const names = keys(map);
    if (names.length > this.#tally.budget.keys) throw tooMany('keys', parent, this.#tally.budget);
    const entries: [string, unknown][] = [];
    for (const name of names) {
      const entry = map[name];
      if (entry !== undefined) entries.push([name, entry]);
    }
    return entries;
  }

  #writeEntries(entries: readonly [string, unknown][], place: Place, depth: number): void {
    writeLength(this.output, entries.length, 16, 0x80, 0, 0xde);
    for (const [name, entry] of entries) {
      place.key = name;
      countText(name, place, this.#tally);
      writeText(this.output, name);
      this.write(entry, place, depth);
    }
  }
}

/** Bytes that are all of the value, copied once. Throws `limit.message`. */
export function writeBytesAlone(value: object, kind: 'bytes' | 'buffer', budget: Budget): Uint8Array {
  const { view, length } = viewOf(value, kind);
  const start = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
  if (start + length > budget.bytes) throw tooLarge(budget);
  const bytes = new Uint8Array(start + length);
  bytes[0] = start === 2 ? 0xc4 : start === 3 ? 0xc5 : 0xc6;
  for (let at = start - 1, left = length; at > 0; at--, left >>>= 8) bytes[at] = left;
  bytes.set(view, start);
  return bytes;
}

/** The value in the binary lane. Throws `message.unsupported` and `limit.message`. */
export function writeBinary(value: unknown, budget: Budget): Uint8Array {
  const writer = new Writer(budget);
  writer.write(value, null, 0);
  return writer.output.finish();
}
