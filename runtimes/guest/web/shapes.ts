import { AbortController, AbortSignal } from './abort.ts';
import * as captured from './captured.ts';
import { Event } from './events.ts';
import { findByPrototype, kindOf, maxPrototypes } from './kinds.ts';
import { contains, cut, plural, quote, startsWith } from './text.ts';
import { type Urls, urls } from './url.ts';

/** How one object looks in a log, apart from its properties. */
export interface Shape {
  /** What stands for the object where nesting ends. */
  readonly name: string;
  /** What stands before the brackets; empty for plain objects and arrays. */
  readonly head: string;
  /** Brackets are left out when there is nothing to put into them. */
  readonly complete: boolean;
  readonly brackets: '{}' | '[]';
  /** How many items there are. An item is what an object holds by its kind, before its properties. */
  readonly size: number;
  /** Adds items until `add` answers false, and returns how many of `size` they stand for. */
  readonly items?: (add: Add, show: Show) => number;
  /** Properties that are items already: the indexes. */
  readonly indexed?: boolean;
  /** Properties that the head says already. */
  readonly said?: readonly PropertyKey[];
  /** Properties that are shown although they are not enumerable. */
  readonly hidden?: readonly PropertyKey[];
}

type Add = (item: string) => boolean;
type Items = NonNullable<Shape['items']>;

/** How what lies within an object is shown. */
export interface Show {
  value(value: unknown): string;
  property(descriptor: PropertyDescriptor): string;
}

const maxName = 128;
const maxBytes = 50;
const maxBigintBits = 4096;

/** Invokes no accessor of a guest. Throws what a proxy throws. */
export function shapeOf(value: object): Shape {
  if (typeof value === 'function') return headline(value, functionHead(value));
  const kind = kindOf(value);
  switch (kind) {
    case 'array':
      return { ...bracketed(value, 'Array', '[]', lengthOf(value), arrayItems(value)), indexed: true };
    case 'typedArray': {
      const size = captured.typedArrayLength(value);
      return { ...bracketed(value, captured.typedArrayName(value) ?? '', '[]', size, typedArrayItems(value, size)), indexed: true };
    }
    case 'map':
      return bracketed(value, 'Map', '{}', captured.mapSize(value), mapItems(value));
    case 'set':
      return bracketed(value, 'Set', '{}', captured.setSize(value), setItems(value));
    case 'arrayBuffer':
      return holding(value, 'ArrayBuffer', bufferItems(value as ArrayBuffer));
    case 'dataView':
      return holding(value, 'DataView', dataViewItems(value));
    case 'weakMap':
      return holding(value, 'WeakMap', [unknownItems]);
    case 'weakSet':
      return holding(value, 'WeakSet', [unknownItems]);
    case 'error':
      return { ...headline(value, errorHead(value)), said: ['name', 'message', 'stack'], hidden: ['cause', 'errors'] };
    case 'date':
      return headline(value, dateHead(value));
    case 'regexp':
      return headline(value, `/${captured.regexpSource(value)}/${captured.regexpFlags(value)}`);
    case 'number':
      return headline(value, `[Number: ${showNumber(captured.numberValueOf(value))}]`);
    case 'boolean':
      return headline(value, `[Boolean: ${captured.booleanValueOf(value)}]`);
    case 'bigint':
      return headline(value, `[BigInt: ${showBigint(captured.bigintValueOf(value))}]`);
    case 'symbol':
      return headline(value, `[Symbol: ${showSymbol(captured.symbolValueOf(value))}]`);
    case 'string':
      return { ...headline(value, `[String: ${quote(captured.stringValueOf(value))}]`), indexed: true };
    case 'plain':
      return shapeOfPlain(value);
  }
}

function shapeOfPlain(value: object): Shape {
  if (isArguments(value)) return { ...bracketed(value, 'Object', '[]', lengthOf(value), arrayItems(value)), head: '[Arguments]', indexed: true };
  const web = findByPrototype(value, webClasses) ?? findByPrototype(value, urlClasses());
  return holding(value, 'Object', web === undefined ? [] : web[1](value));
}

/** An object of which one line says all, unless it has properties. */
function headline(value: object, head: string): Shape {
  return { name: classNameOf(value) ?? 'Object', head, complete: true, brackets: '{}', size: 0 };
}

/** An object with counted items. */
function bracketed(value: object, fallback: string, brackets: Shape['brackets'], size: number, items: Items): Shape {
  return { ...titleOf(value, fallback, `(${size})`), complete: false, brackets, size, items };
}

/** An object with a few named items. */
function holding(value: object, fallback: string, pairs: readonly (readonly [label: string, held: unknown])[]): Shape {
  const items: Items = (add, show) => {
    let index = 0;
    while (index < pairs.length) {
      const [label, held] = pairs[index++] as readonly [string, unknown];
      if (!add(held === nothing ? label : label + show.value(held))) break;
    }
    return index;
  };
  return { ...titleOf(value, fallback, ''), complete: false, brackets: '{}', size: pairs.length, items };
}

const nothing = Symbol('nothing');
const unknownItems = ['<items unknown>', nothing] as const;

function titleOf(value: object, fallback: string, count: string): { name: string; head: string } {
  const className = classNameOf(value);
  const tag = tagOf(value);
  const tagged = tag === '' || tag === className ? '' : ` [${tag}]`;
  if (className === null) return { name: `${fallback}: null prototype`, head: `[${fallback}${count}: null prototype]${tagged}` };
  const ordinary = (fallback === 'Array' || fallback === 'Object') && className === fallback && tagged === '';
  return { name: className + tagged, head: ordinary ? '' : className + count + tagged };
}

/** The name of the first constructor up the prototypes, null if there is no prototype at all. */
function classNameOf(value: object): string | null {
  let prototype = captured.getPrototypeOf(value) as object | null;
  if (prototype === null) return null;
  for (let depth = 0; prototype !== null && depth < maxPrototypes; depth++) {
    const maker = ownData(prototype, 'constructor');
    const name = typeof maker === 'function' ? ownData(maker, 'name') : undefined;
    if (typeof name === 'string' && name !== '') return cut(name, maxName);
    prototype = captured.getPrototypeOf(prototype) as object | null;
  }
  return 'Object';
}

/** `Symbol.toStringTag`, unless it is a property that is listed anyway. */
function tagOf(value: object): string {
  if (captured.getOwnPropertyDescriptor(value, Symbol.toStringTag)?.enumerable === true) return '';
  const tag = findInherited(value, Symbol.toStringTag);
  return typeof tag === 'string' ? cut(tag, maxName) : '';
}

/** What reading the property gives, own or inherited; undefined if it is an accessor. */
export function findInherited(value: object, key: PropertyKey): unknown {
  let holder = value as object | null;
  for (let depth = 0; holder !== null && depth < maxPrototypes; depth++) {
    if (captured.hasOwn(holder, key)) return ownData(holder, key);
    holder = captured.getPrototypeOf(holder) as object | null;
  }
  return undefined;
}

/** The value of an own property that is no accessor. */
function ownData(value: object, key: PropertyKey): unknown {
  const descriptor = captured.getOwnPropertyDescriptor(value, key);
  return descriptor !== undefined && captured.hasOwn(descriptor, 'value') ? descriptor.value : undefined;
}

function lengthOf(value: object): number {
  const length = ownData(value, 'length');
  return typeof length === 'number' && length > 0 ? length : 0;
}

function isArguments(value: object): boolean {
  // Without a tag of the guest's own, `toString` tells the truth and runs none of its code.
  return (
    captured.getPrototypeOf(value) === Object.prototype &&
    !captured.hasOwn(value, Symbol.toStringTag) &&
    captured.objectToString(value) === '[object Arguments]'
  );
}

function functionHead(value: object): string {
  const name = nameOf(value);
  const source = captured.functionToString(value);
  if (startsWith(source, 'class') && captured.stringSlice(source, -1) === '}') {
    const parent = captured.getPrototypeOf(value) as object | null;
    const parentName = parent === null ? 'null' : nameOf(parent);
    return `[class ${name === '' ? '(anonymous)' : name}${parentName === '' ? '' : ` extends ${parentName}`}]`;
  }
  const className = classNameOf(value);
  const type = className === 'AsyncFunction' || className === 'GeneratorFunction' || className === 'AsyncGeneratorFunction' ? className : 'Function';
  return name === '' ? `[${type} (anonymous)]` : `[${type}: ${name}]`;
}

function nameOf(value: object): string {
  const name = ownData(value, 'name');
  return typeof name === 'string' ? cut(name, maxName) : '';
}

/** The getter that V8 gives each error, which formats the stack; any other is a guest's. */
const nativeStack = captured.getOwnPropertyDescriptor(new Error(), 'stack')?.get;
const readNativeStack = captured.getterOf<unknown>(new Error(), 'stack');

function errorHead(error: object): string {
  const className = classNameOf(error) ?? 'Error';
  const stack = stackOf(error);
  if (stack === '') {
    const message = ownData(error, 'message');
    return typeof message === 'string' && message !== '' ? `[${className}: ${message}]` : `[${className}]`;
  }
  const newline = captured.stringIndexOf(stack, '\n    at ');
  const title = newline < 0 ? stack : captured.stringSlice(stack, 0, newline);
  // A subclass that does not set its name calls itself `Error` in its stack.
  const renamed = startsWith(stack, 'Error') && !contains(title, className) ? `${className} [Error]${captured.stringSlice(stack, 'Error'.length)}` : stack;
  return newline < 0 ? `[${renamed}]` : renamed;
}

function stackOf(error: object): string {
  const descriptor = captured.getOwnPropertyDescriptor(error, 'stack');
  if (descriptor === undefined) return '';
  const stack = captured.hasOwn(descriptor, 'value') ? descriptor.value : descriptor.get === nativeStack ? formatStack(error) : undefined;
  return typeof stack === 'string' ? stack : '';
}

/** Calls the guest's `Error.prepareStackTrace`, if it has one. */
function formatStack(error: object): unknown {
  try {
    return readNativeStack(error);
  } catch {
    return undefined;
  }
}

function dateHead(value: object): string {
  return captured.is(captured.dateGetTime(value), Number.NaN) ? 'Invalid Date' : captured.dateToIsoString(value);
}

export const showNumber = (value: number): string => (captured.is(value, -0) ? '-0' : `${value}`);

/** The digits of a huge integer take longer than any time limit notices. */
export const showBigint = (value: bigint): string =>
  captured.asIntN(maxBigintBits, value) === value ? `${value}n` : `<bigint of more than ${maxBigintBits} bits>`;

export const showSymbol = (value: symbol): string => `Symbol(${cut(captured.symbolDescription(value) ?? '', maxName)})`;

function arrayItems(value: object): Items {
  return (add, show) => {
    const length = lengthOf(value);
    const nextIndex = indexesOf(value, length);
    let index = 0;
    while (index < length) {
      const descriptor = captured.getOwnPropertyDescriptor(value, index);
      const next = descriptor === undefined ? nextIndex(index) : index + 1;
      const more = add(descriptor === undefined ? `<${plural(next - index, 'empty item')}>` : show.property(descriptor));
      index = next;
      if (!more) break;
    }
    return index;
  };
}

/** Finds where a gap ends. The indexes are listed only if there is a gap, which may be longer than anybody wants to walk. */
function indexesOf(value: object, length: number): (gap: number) => number {
  let keys: readonly string[] | undefined;
  let position = 0;
  return (gap) => {
    keys ??= captured.objectKeys(value);
    while (position < keys.length && +(keys[position] as string) <= gap) position++;
    const next = position < keys.length ? +(keys[position] as string) : length;
    return next > gap && next < length ? next : length;
  };
}

function typedArrayItems(value: object, size: number): Items {
  return (add, show) => {
    let index = 0;
    while (index < size && add(show.value((value as ArrayLike<unknown>)[index++])));
    return index;
  };
}

function mapItems(value: object): Items {
  return (add, show) => {
    const entries = captured.mapEntries(value);
    let count = 0;
    for (let step = captured.nextEntry(entries); step.done !== true; step = captured.nextEntry(entries)) {
      count++;
      if (!add(`${show.value(step.value[0])} => ${show.value(step.value[1])}`)) break;
    }
    return count;
  };
}

function setItems(value: object): Items {
  return (add, show) => {
    const values = captured.setValues(value);
    let count = 0;
    for (let step = captured.nextValue(values); step.done !== true; step = captured.nextValue(values)) {
      count++;
      if (!add(show.value(step.value))) break;
    }
    return count;
  };
}

const digits = '0123456789abcdef';

function bufferItems(value: ArrayBuffer): [string, unknown][] {
  if (captured.bufferDetached(value))
    return [
      ['(detached)', nothing],
      ['[byteLength]: ', 0],
    ];
  const bytes = new Uint8Array(value);
  let contents = '';
  for (let index = 0; index < bytes.length && index < maxBytes; index++) {
    const byte = bytes[index] as number;
    contents += `${index === 0 ? '' : ' '}${digits[byte >> 4]}${digits[byte & 15]}`;
  }
  if (bytes.length > maxBytes) contents += ` ... ${plural(bytes.length - maxBytes, 'more byte')}`;
  return [
    [`[Uint8Contents]: <${contents}>`, nothing],
    ['[byteLength]: ', bytes.length],
  ];
}

function dataViewItems(value: object): [string, unknown][] {
  return [
    ['[byteLength]: ', captured.dataViewByteLength(value)],
    ['[byteOffset]: ', captured.dataViewByteOffset(value)],
    ['[buffer]: ', captured.dataViewBuffer(value)],
  ];
}

const abortedOf = captured.getterOf<boolean>(AbortSignal.prototype, 'aborted');
const signalOf = captured.getterOf<AbortSignal>(AbortController.prototype, 'signal');
const typeOf = captured.getterOf<string>(Event.prototype, 'type');

/** The classes of these globals whose state is private, with what is worth knowing of it. */
type WebClass = readonly [prototype: object, pairs: (value: object) => [string, unknown][]];

const webClasses: readonly WebClass[] = [
  [AbortSignal.prototype, (value) => [['aborted: ', abortedOf(value)]]],
  [AbortController.prototype, (value) => [['signal: ', signalOf(value)]]],
  [Event.prototype, (value) => [['type: ', typeOf(value)]]],
];

let classesOfUrls: readonly WebClass[] | undefined;

function urlClasses(): readonly WebClass[] {
  const { made } = urls;
  if (made === undefined) return [];
  classesOfUrls ??= [
    [made.URL.prototype, (value) => [['href: ', made.hrefOf(value)]]],
    [made.URLSearchParams.prototype, (value) => parameterPairs(value, made)],
  ];
  return classesOfUrls;
}

function parameterPairs(value: object, { forEachParameter }: Urls): [string, unknown][] {
  const pairs: [string, unknown][] = [];
  forEachParameter(value, (held, name) => {
    pairs[pairs.length] = [`${quote(name)} => `, held];
  });
  return pairs;
}
