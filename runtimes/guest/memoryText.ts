/**
 * Text on its way between JavaScript and a memory of WebAssembly, of a Python interpreter or of a plugin. Character by character
 * it would cost more than most handlers do.
 */
import { slice } from './primordials.ts';
import type { Captured } from './realm.ts';

/** The most that is taken at once. As long as `$piece` in assembly/text.wat. */
const pieceLength = 8192;

export const ascii = 0x7f;
export const latin = 0xff;
/** Two bytes hold each unit: none is half of a surrogate pair. */
export const wide = 0xffff;

interface Exports {
  take(text: string): number;
  put8(at: number, length: number): void;
  put16(at: number, length: number): void;
  get8(at: number, length: number): string;
  get16(at: number, length: number): string;
  bits(at: number, length: number): number;
}

export interface MemoryText {
  /** At most {@link ascii}, {@link latin} or {@link wide}, if all of the text is; more if it holds a surrogate. */
  bitsOf(text: string): number;
  /** Writes text that is {@link latin} to an address, a byte for each character. */
  writeLatin(text: string, at: number): void;
  /** Writes text to an address, two bytes for each unit. */
  writeUnits(text: string, at: number): void;
  /** Reads a character from each byte. */
  readLatin(at: number, length: number): string;
  /** Reads units of two bytes. */
  readUnits(at: number, length: number): string;
  /** At most {@link ascii}, if all of the bytes are. */
  bitsAt(at: number, length: number): number;
}

/** @param bytes what assembly/text.wat is assembled to */
export function compileText(webAssembly: Captured['webAssembly'], bytes: ArrayBuffer): WebAssembly.Module {
  const Module = webAssembly.Module as unknown as new (bytes: ArrayBuffer, options: object) => WebAssembly.Module;
  return new Module(bytes, { __proto__: null, builtins: ['js-string'] });
}

/** @param module see {@link compileText} */
export function createMemoryText(webAssembly: Captured['webAssembly'], module: WebAssembly.Module, memory: object): MemoryText {
  const instance = new webAssembly.Instance(module, { env: { memory } } as never);
  const { take, put8, put16, get8, get16, bits } = instance.exports as unknown as Exports;
  /** The text whose piece was taken last, and that is all of it: to look at a short text and to write it, it is taken once. */
  let taken = '';

  const write =
    (put: Exports['put8'], width: number) =>
    (text: string, at: number): void => {
      const { length } = text;
      if (length <= pieceLength) {
        if (text !== taken) take(text);
        taken = '';
        put(at, length);
        return;
      }
      for (let from = 0; from < length; from += pieceLength) {
        const piece = slice(text, from, from + pieceLength);
        take(piece);
        put(at + from * width, piece.length);
      }
    };

  const read =
    (get: Exports['get8'], width: number) =>
    (at: number, length: number): string => {
      taken = '';
      if (length <= pieceLength) return get(at, length);
      let text = '';
      for (let from = 0; from < length; from += pieceLength) text += get(at + from * width, length - from < pieceLength ? length - from : pieceLength);
      return text;
    };

  return {
    bitsOf(text) {
      const { length } = text;
      if (length <= pieceLength) {
        const found = take(text);
        taken = text;
        return found;
      }
      let found = 0;
      for (let from = 0; from < length; from += pieceLength) found |= take(slice(text, from, from + pieceLength));
      return found;
    },
    writeLatin: write(put8, 1),
    writeUnits: write(put16, 2),
    readLatin: read(get8, 1),
    readUnits: read(get16, 2),
    bitsAt: bits,
  };
}
