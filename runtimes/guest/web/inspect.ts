import * as captured from './captured.ts';
import { type Shape, shapeOf, showBigint, showNumber, showSymbol } from './shapes.ts';
import { cut, escapeText, isIdentifier, plural, quote } from './text.ts';

const maxEntries = 100;
const maxKey = 256;
const unreadable = '[Unreadable]';

interface Inspection {
  /** Characters that may still be produced, roughly: what exceeds the limit is cut at the end, this bounds the work. */
  left: number;
  readonly maxDepth: number;
  readonly ancestors: object[];
  /** Objects found within themselves, numbered by their place. */
  readonly circular: object[];
}

/**
 * A value as a person wants to read it, on one line except for stacks: like Node's `util.inspect`, at most `limit` characters.
 *
 * It never throws and invokes no getter, whatever the guest passes; a proxy's traps are called, and what they throw shows as `[Unreadable]`.
 * Objects nested deeper than `maxDepth` show as their class, at most 100 entries of each are shown.
 *
 * @example inspect({ id: 7, tags: new Set(['a']) }, 100); // "{ id: 7, tags: Set(1) { 'a' } }"
 */
export function inspect(value: unknown, limit: number, maxDepth = 3): string {
  try {
    return cut(describe(value, { left: limit, maxDepth, ancestors: [], circular: [] }), limit);
  } catch {
    return cut(unreadable, limit);
  }
}

function describe(value: unknown, inspection: Inspection): string {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return describeReference(value, inspection);
  return spend(describePrimitive(value, inspection.left), inspection);
}

function describePrimitive(value: unknown, left: number): string {
  switch (typeof value) {
    case 'string':
      // One character more than there is room for, so that the cut at the end is seen.
      return quote(cut(value, left + 1));
    case 'number':
      return showNumber(value);
    case 'bigint':
      return showBigint(value);
    case 'symbol':
      return showSymbol(value);
    default:
      return `${value}`;
  }
}

function spend(text: string, inspection: Inspection): string {
  inspection.left -= text.length;
  return text;
}

function describeReference(value: object, inspection: Inspection): string {
  const depth = inspection.ancestors.length;
  try {
    return describeObject(value, inspection);
  } catch {
    return spend(unreadable, inspection);
  } finally {
    inspection.ancestors.length = depth;
  }
}

function describeObject(value: object, inspection: Inspection): string {
  const { ancestors, circular } = inspection;
  if (positionIn(ancestors, value) >= 0) {
    if (positionIn(circular, value) < 0) circular[circular.length] = value;
    return spend(`[Circular *${positionIn(circular, value) + 1}]`, inspection);
  }
  const shape = shapeOf(value);
  const head = spend(cut(shape.head, Math.max(inspection.left, 0) + 1), inspection);
  const keys = listedKeys(value, shape);
  const [open, close] = shape.brackets;
  const spaced = head === '' ? '' : `${head} `;
  if (shape.size === 0 && keys.length === 0) return shape.complete ? head : spaced + spend(`${open}${close}`, inspection);
  if (ancestors.length > inspection.maxDepth) return spend(`[${shape.name}]`, inspection);
  ancestors[ancestors.length] = value;
  const entries = describeEntries(value, shape, keys, inspection);
  const reference = positionIn(circular, value);
  return `${reference < 0 ? '' : `<ref *${reference + 1}> `}${spaced}${open} ${entries} ${close}`;
}

function positionIn(list: readonly object[], value: object): number {
  for (let index = 0; index < list.length; index++) if (list[index] === value) return index;
  return -1;
}

function describeEntries(value: object, shape: Shape, keys: readonly PropertyKey[], inspection: Inspection): string {
  let text = '';
  const append = (entry: string): void => {
    text += text === '' ? entry : `, ${entry}`;
  };
  let count = 0;
  const add = (item: string): boolean => {
    append(item);
    return ++count < maxEntries && inspection.left > 0;
  };
  const show = {
    value: (item: unknown) => describe(item, inspection),
    property: (descriptor: PropertyDescriptor) => describeProperty(descriptor, inspection),
  };
  const shown = shape.items?.(add, show) ?? 0;
  if (shown < shape.size) append(`... ${plural(shape.size - shown, 'more item')}`);
  for (let index = 0; index < keys.length && index < maxEntries && inspection.left > 0; index++) {
    const key = keys[index] as PropertyKey;
    const descriptor = captured.getOwnPropertyDescriptor(value, key);
    if (descriptor !== undefined) append(`${describeKey(key, descriptor, inspection)}: ${describeProperty(descriptor, inspection)}`);
  }
  if (keys.length > maxEntries) append('... more properties');
  return text;
}

function describeKey(key: PropertyKey, descriptor: PropertyDescriptor, inspection: Inspection): string {
  const name = typeof key === 'symbol' ? escapeText(showSymbol(key), "'") : cut(`${key as string}`, maxKey);
  const shown = descriptor.enumerable !== true ? `[${name}]` : typeof key === 'symbol' || isIdentifier(name) ? name : quote(name);
  return spend(shown, inspection);
}

function describeProperty(descriptor: PropertyDescriptor, inspection: Inspection): string {
  if (captured.hasOwn(descriptor, 'value')) return describe(descriptor.value, inspection);
  return spend(descriptor.get === undefined ? '[Setter]' : descriptor.set === undefined ? '[Getter]' : '[Getter/Setter]', inspection);
}

/** The keys to show: one more than `maxEntries`, if there are more. Long arrays show their items only. */
function listedKeys(value: object, shape: Shape): PropertyKey[] {
  const listed: PropertyKey[] = [];
  if (shape.indexed === true && shape.size > maxEntries) return listed;
  const keys = captured.ownKeys(value);
  for (let index = 0; index < keys.length && listed.length <= maxEntries; index++) {
    const key = keys[index] as PropertyKey;
    if (isListed(value, key, shape)) listed[listed.length] = key;
  }
  return listed;
}

function isListed(value: object, key: PropertyKey, shape: Shape): boolean {
  if (shape.said !== undefined && includes(shape.said, key)) return false;
  if (shape.indexed === true && typeof key === 'string' && isIndex(key)) return false;
  const descriptor = captured.getOwnPropertyDescriptor(value, key);
  return descriptor?.enumerable === true || (descriptor !== undefined && shape.hidden !== undefined && includes(shape.hidden, key));
}

function includes(keys: readonly PropertyKey[], wanted: PropertyKey): boolean {
  for (let index = 0; index < keys.length; index++) if (keys[index] === wanted) return true;
  return false;
}

const isIndex = (key: string): boolean => `${+key >>> 0}` === key && key !== '4294967295';
