/**
 * Strings on their way between JavaScript and Python, in place of Pyodide's own conversions. Those build a string of one piece
 * for each character, thirty times its size and most of the cost of a short message.
 */
import { ascii, latin, type MemoryText, wide } from '../guest/memoryText.ts';

type Import = (...args: never[]) => unknown;

interface Exports {
  PyUnicode_New(length: number, largest: number): number;
  PyUnicode_Data(object: number): number;
}

/**
 * Replaces the conversions among the imports of the interpreter.
 * @param exports those of the interpreter, once it is instantiated
 * @param memory its memory, from the same moment on
 */
export function replaceStrings(imports: Record<string, Import>, exports: () => Exports, memory: () => MemoryText): void {
  /** A Python string, 0 if there is no memory for it; undefined if the text holds what does not fit two bytes. */
  const toPython = (text: string): number | undefined => {
    const bits = memory().bitsOf(text);
    if (bits > wide) return undefined;
    const { PyUnicode_New, PyUnicode_Data } = exports();
    const object = PyUnicode_New(text.length, bits <= ascii ? ascii : bits <= latin ? latin : wide);
    if (object === 0) return 0;
    if (bits <= latin) memory().writeLatin(text, PyUnicode_Data(object));
    else memory().writeUnits(text, PyUnicode_Data(object));
    return object;
  };

  const replace = (name: string, replacement: Import): void => {
    if (typeof imports[name] !== 'function') throw new Error(`the module of Pyodide does not import ${name} any more`);
    imports[name] = replacement;
  };

  const narrow = (at: number, length: number): string => memory().readLatin(at, length);
  replace('_python2js_ascii', narrow);
  replace('_python2js_ucs1', narrow);
  replace('_python2js_ucs2', (at: number, length: number) => memory().readUnits(at, length));
  for (const name of ['js2python_js', 'js2python_immutable_js']) {
    const original = imports[name] as (value: unknown) => number;
    replace(name, (value: unknown) => (typeof value === 'string' ? toPython(value) : undefined) ?? original(value));
  }
}
