import * as captured from './captured.ts';

/** What an object is by its internal slots; `plain` is every object without slots that matter here. */
export type Kind =
  | 'array'
  | 'error'
  | 'typedArray'
  | 'dataView'
  | 'arrayBuffer'
  | 'map'
  | 'set'
  | 'date'
  | 'regexp'
  | 'number'
  | 'string'
  | 'boolean'
  | 'bigint'
  | 'symbol'
  | 'weakMap'
  | 'weakSet'
  | 'plain';

/** The prototype by which a kind is suspected, and a read of its slot that throws when the slot is missing. */
const slots: readonly (readonly [prototype: object, kind: Kind, readSlot: (value: object) => unknown])[] = [
  [Error.prototype, 'error', requireError],
  [Map.prototype, 'map', captured.mapSize],
  [Set.prototype, 'set', captured.setSize],
  [Date.prototype, 'date', captured.dateGetTime],
  [RegExp.prototype, 'regexp', captured.regexpSource],
  [ArrayBuffer.prototype, 'arrayBuffer', captured.bufferByteLength],
  [Number.prototype, 'number', captured.numberValueOf],
  [String.prototype, 'string', captured.stringValueOf],
  [Boolean.prototype, 'boolean', captured.booleanValueOf],
  [BigInt.prototype, 'bigint', captured.bigintValueOf],
  [Symbol.prototype, 'symbol', captured.symbolValueOf],
  [WeakMap.prototype, 'weakMap', (value) => captured.weakMapHas(value, slots)],
  [WeakSet.prototype, 'weakSet', (value) => captured.weakSetHas(value, slots)],
];

/** How far up prototypes are followed: a proxy can answer with a new one for ever. */
export const maxPrototypes = 32;

/**
 * The first row whose prototype `value` inherits from.
 * Throws what a proxy in the chain throws.
 */
export function findByPrototype<Row extends readonly [prototype: object, ...rest: unknown[]]>(value: object, rows: readonly Row[]): Row | undefined {
  let prototype = captured.getPrototypeOf(value) as object | null;
  for (let depth = 0; prototype !== null && prototype !== Object.prototype && depth < maxPrototypes; depth++) {
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as Row;
      if (row[0] === prototype) return row;
    }
    prototype = captured.getPrototypeOf(prototype) as object | null;
  }
  return undefined;
}

/**
 * The kind of an object, told by its slots and not by what it says of itself: `Symbol.toStringTag` is not asked.
 * An object whose prototype was replaced by an unrelated one counts as plain. Throws what a proxy throws.
 */
export function kindOf(value: object): Kind {
  if (captured.isArray(value)) return 'array';
  if (captured.isView(value)) return captured.typedArrayName(value) === undefined ? 'dataView' : 'typedArray';
  const row = findByPrototype(value, slots);
  return row !== undefined && holds(row[2], value) ? row[1] : 'plain';
}

function holds(readSlot: (value: object) => unknown, value: object): boolean {
  try {
    readSlot(value);
    return true;
  } catch {
    return false;
  }
}

/** An error keeps its own `stack`, unless somebody deleted it; then its name in `toString` tells, unless it was overridden. */
function requireError(value: object): void {
  if (!captured.hasOwn(value, 'stack') && captured.objectToString(value) !== '[object Error]') throw new TypeError('No error');
}
