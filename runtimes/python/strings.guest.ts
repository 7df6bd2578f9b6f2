/**
 * Strings on their way between JavaScript and Python, in place of Pyodide's own conversions. Those build a string of one piece
 * for each character, thirty times its size and most of the cost of a short message.
 */
import { apply, charCodeAt, fromCharCode, subarray, subarrayOfUnits, Uint8ArrayIntrinsic } from '../guest/primordials.ts';

type Import = (...args: never[]) => unknown;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  PyUnicode_New(length: number, largest: number): number;
  PyUnicode_Data(object: number): number;
}

/** Small enough for the arguments of one call. */
const characters = 4096;
const largestAscii = 127;

/**
 * Replaces the conversions among the imports of the interpreter.
 * @param exports those of the interpreter, once it is instantiated
 */
export function replaceStrings(imports: Record<string, Import>, exports: () => Exports): void {
  let bytes = new Uint8ArrayIntrinsic(0);
  let units = new Uint16Array(0);
  const renew = (): void => {
    const { buffer } = exports().memory;
    bytes = new Uint8ArrayIntrinsic(buffer);
    units = new Uint16Array(buffer);
  };

  /** From Latin-1: short ones in pieces of sixteen, long ones in pieces that one call takes. */
  const latin = (from: number, length: number): string => {
    // A memory that has grown leaves its old buffer empty.
    if (bytes.length === 0) renew();
    const end = from + length;
    let text = '';
    let at = from;
    if (length >= characters) {
      for (; at + characters <= end; at += characters) text += apply(fromCharCode, undefined, subarray(bytes, at, at + characters) as never);
    }
    for (; at + 16 <= end; at += 16) text += sixteen(bytes, at);
    for (; at < end; at++) text += fromCharCode(bytes[at] as number);
    return text;
  };

  const wide = (from: number, length: number): string => {
    if (units.length === 0) renew();
    const first = from / 2;
    const end = first + length;
    let text = '';
    let at = first;
    if (length >= characters) {
      for (; at + characters <= end; at += characters) text += apply(fromCharCode, undefined, subarrayOfUnits(units, at, at + characters) as never);
    }
    for (; at + 16 <= end; at += 16) text += sixteen(units, at);
    for (; at < end; at++) text += fromCharCode(units[at] as number);
    return text;
  };

  /** A Python string of ASCII, 0 if there is no memory for it; undefined if the text holds anything else. */
  const ascii = (text: string): number | undefined => {
    const length = text.length;
    const { PyUnicode_New, PyUnicode_Data } = exports();
    for (let i = 0; i < length; i++) if (charCodeAt(text, i) > largestAscii) return undefined;
    const object = PyUnicode_New(length, largestAscii);
    if (object === 0) return 0;
    const start = PyUnicode_Data(object);
    if (bytes.length === 0) renew();
    for (let i = 0; i < length; i++) bytes[start + i] = charCodeAt(text, i);
    return object;
  };

  const replace = (name: string, replacement: Import): void => {
    if (typeof imports[name] !== 'function') throw new Error(`the module of Pyodide does not import ${name} any more`);
    imports[name] = replacement;
  };

  replace('_python2js_ascii', latin);
  replace('_python2js_ucs1', latin);
  replace('_python2js_ucs2', wide);
  for (const name of ['js2python_js', 'js2python_immutable_js']) {
    const original = imports[name] as (value: unknown) => number;
    replace(name, (value: unknown) => (typeof value === 'string' ? ascii(value) : undefined) ?? original(value));
  }
}

const sixteen = (from: Uint8Array | Uint16Array, at: number): string =>
  fromCharCode(
    from[at] as number,
    from[at + 1] as number,
    from[at + 2] as number,
    from[at + 3] as number,
    from[at + 4] as number,
    from[at + 5] as number,
    from[at + 6] as number,
    from[at + 7] as number,
    from[at + 8] as number,
    from[at + 9] as number,
    from[at + 10] as number,
    from[at + 11] as number,
    from[at + 12] as number,
    from[at + 13] as number,
    from[at + 14] as number,
    from[at + 15] as number,
  );
