/**
 * Objects written in code, brought into the same form as documents that were read: a frozen copy of plain data.
 */
import { diagnose, type Diagnostic, type LocatedDocument, maximumDiagnostics, type Path, type Position } from './diagnostic.ts';
import { documentLimits, type ReadDocument } from './document.ts';

/** The position of everything that has no text. */
export const nowhere: Position = Object.freeze({ line: 0, column: 0 });

/**
 * Copies an object as a document. Properties that are undefined count as absent; what is no plain
 * data (functions, class instances, cycles, NaN) is a mistake.
 */
export const readObject = (object: unknown, name: string): ReadDocument => {
  const diagnostics: Diagnostic[] = [];
  let values = 0;
  const refuse = (path: Path, message: string): null => {
    if (diagnostics.length < maximumDiagnostics) diagnostics.push(diagnose({ file: name, ...nowhere, path, message }));
    return null;
  };
  const copy = (value: unknown, path: Path): unknown => {
    values += 1;
    if (values > documentLimits.values) return values === documentLimits.values + 1 ? refuse(path, `more than ${documentLimits.values} values`) : null;
    if (path.length > documentLimits.depth) return refuse(path, `lists and maps nest deeper than ${documentLimits.depth}, or contain themselves`);
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return Number.isFinite(value) ? value : refuse(path, `${value} is no number that JSON has`);
    if (Array.isArray(value)) return Object.freeze(value.map((item, index) => copy(item, [...path, index])));
    if (!isPlainObject(value)) return refuse(path, `${kindOf(value)} is no plain data`);
    return copyEntries(value, path);
  };
  const copyEntries = (value: object, path: Path): unknown => {
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      if (key === '__proto__') refuse([...path, key], 'the key `__proto__` is not allowed');
      else result[key] = copy(item, [...path, key]);
    }
    return Object.freeze(result);
  };
  const document: LocatedDocument = { file: name, value: copy(object, []), locate: () => nowhere };
  return { document, diagnostics };
};

/** Freezes plain data through and through. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
};

const isPlainObject = (value: unknown): value is object => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

const kindOf = (value: unknown): string => {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an instance of a class';
  return value === undefined ? 'undefined' : `a ${typeof value}`;
};
