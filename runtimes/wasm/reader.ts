/** Reads the binary format of WebAssembly, byte by byte, from memory that is hostile. Whatever does not fit is a typed error with its place. */
import { VivariumError } from '../../sdk/errors.ts';

/** @param offset byte of the module. */
export function malformed(what: string, offset: number): VivariumError {
  return new VivariumError('source.invalid', `The WebAssembly module is malformed at byte ${offset}: ${what}.`, {
    hint: 'Build the module again; what arrived here is cut off or damaged.',
  });
}

/** What is well formed, but not what an actor may be made of. */
export const refused = (what: string, offset: number, hint: string): VivariumError =>
  new VivariumError('source.invalid', `The WebAssembly module ${what} (byte ${offset}).`, { hint });

/** A part of a module that is read from its begin to its end. */
export class ModuleReader {
  readonly #bytes: Uint8Array;
  readonly end: number;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get left(): number {
    return this.end - this.offset;
  }

  byte(): number {
    const value = this.#bytes[this.offset];
    if (value === undefined || this.offset >= this.end) throw malformed('it ends in the middle', this.offset);
    this.offset += 1;
    return value;
  }

  /** An unsigned 32-bit integer in LEB128: at most five bytes, the last of them without surplus bits. */
  unsigned(): number {
    const start = this.offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) throw malformed('an integer is too large', start);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed('an integer is too long', start);
  }

  /** How many entries follow. Each takes a byte at least, so a number that cannot be true is refused before anything is kept for it. */
  count(what: string, maximum: number): number {
    const start = this.offset;
    const count = this.unsigned();
    if (count > maximum) {
      throw new VivariumError('source.invalid', `The WebAssembly module has ${count} ${what} (byte ${start}); ${maximum} are allowed.`, {
        hint: 'A module of this size is not meant for an actor.',
      });
    }
    if (count > this.left) throw malformed(`${count} ${what} cannot fit`, start);
    return count;
  }

  /** A part of its own, of the length that stands before it. */
  part(): ModuleReader {
    const start = this.offset;
    const length = this.unsigned();
    if (length > this.left) throw malformed(`a part of ${length} bytes cannot fit`, start);
    const part = new ModuleReader(this.#bytes, this.offset, this.offset + length);
    this.offset += length;
    return part;
  }

  /** A name: UTF-8, with its length before it. */
  name(): string {
    const { offset, end } = this.part();
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#bytes.subarray(offset, end));
    } catch {
      throw malformed('a name is not UTF-8', offset);
    }
  }

  done(what: string): void {
    if (this.left > 0) throw malformed(`${this.left} bytes too many in ${what}`, this.offset);
  }
}

/** An unsigned integer in LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
