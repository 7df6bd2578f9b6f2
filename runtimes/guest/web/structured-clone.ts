// biome-ignore-all lint/complexity/noArguments: the standards tell a missing argument from an undefined one
import { AbortController } from './abort.ts';
import * as captured from './captured.ts';
import { DOMException, isDOMException } from './dom-exception.ts';
import { Event, EventTarget } from './events.ts';
import { findByPrototype, kindOf } from './kinds.ts';
import { urls } from './url.ts';

type Memory = Map<object, object>;

const errorConstructors: Record<string, ErrorConstructor> = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
Object.setPrototypeOf(errorConstructors, null);

/** Objects that live by identity or by hidden state, told by their prototype. */
const uncloneable: readonly (readonly [prototype: object])[] = [
  Promise.prototype,
  WeakMap.prototype,
  WeakSet.prototype,
  WeakRef.prototype,
  Iterator.prototype,
  EventTarget.prototype,
  Event.prototype,
  AbortController.prototype,
].map((prototype) => [prototype] as const);

const isUrl = (value: object): boolean => {
  const { made } = urls;
  return made !== undefined && findByPrototype(value, [[made.URL.prototype], [made.URLSearchParams.prototype]]) !== undefined;
};

/**
 * A deep copy: primitives, plain objects, arrays, maps, sets, dates, regular expressions, buffers and their views, boxed primitives
 * and errors, with cycles and shared parts kept. Classes are lost, getters are read. Nothing is transferred.
 *
 * Throws a `DataCloneError` on functions, symbols, promises, weak collections and the like.
 */
export function structuredClone(value: unknown, options?: { readonly transfer?: Iterable<unknown> }): unknown {
  if (arguments.length === 0) throw new TypeError('The "value" argument must be specified');
  if (options?.transfer !== undefined && [...options.transfer].length > 0) throw refusal('Nothing can be transferred between guests; leave out `transfer`.');
  return cloneValue(value, new Map());
}

function cloneValue(value: unknown, memory: Memory): unknown {
  if (typeof value === 'symbol') throw refusal(`${captured.symbolToString(value)} could not be cloned.`);
  if (typeof value === 'function') throw refusal(`${captured.functionToString(value)} could not be cloned.`);
  if (typeof value !== 'object' || value === null) return value;
  return captured.mapGet(memory, value) ?? cloneObject(value, memory);
}

function cloneObject(source: object, memory: Memory): object {
  const kind = kindOf(source);
  switch (kind) {
    case 'array':
      return cloneProperties(source, remember(source, new Array((source as unknown[]).length), memory), memory);
    case 'map':
      return cloneMap(source, memory);
    case 'set':
      return cloneSet(source, memory);
    case 'error':
      return cloneError(source as Error, memory);
    case 'typedArray':
    case 'dataView':
      return remember(source, cloneView(source, memory), memory);
    case 'weakMap':
    case 'weakSet':
      throw refusal(`#<${kind === 'weakMap' ? 'WeakMap' : 'WeakSet'}> could not be cloned.`);
    case 'plain':
      if (findByPrototype(source, uncloneable) !== undefined || isUrl(source)) throw refusal(`${captured.objectToString(source)} could not be cloned.`);
      return cloneProperties(source, remember(source, {}, memory), memory);
    default:
      return remember(source, cloneLeaf(source, kind), memory);
  }
}

type LeafKind = 'date' | 'regexp' | 'number' | 'string' | 'boolean' | 'bigint' | 'symbol' | 'arrayBuffer';

function cloneLeaf(source: object, kind: LeafKind): object {
  switch (kind) {
    case 'date':
      return new Date(captured.dateGetTime(source));
    case 'regexp':
      return new RegExp(captured.regexpSource(source), captured.regexpFlags(source));
    case 'number':
      return Object(captured.numberValueOf(source));
    case 'string':
      return Object(captured.stringValueOf(source));
    case 'boolean':
      return Object(captured.booleanValueOf(source));
    case 'bigint':
      return Object(captured.bigintValueOf(source));
    case 'symbol':
      throw refusal('Object(Symbol()) could not be cloned.');
    case 'arrayBuffer':
      return cloneBuffer(source as ArrayBuffer);
  }
}

function cloneBuffer(source: ArrayBuffer): ArrayBuffer {
  if (captured.bufferDetached(source)) throw refusal('An ArrayBuffer is detached and could not be cloned.');
  const copy = new ArrayBuffer(captured.bufferByteLength(source));
  captured.typedArraySet(new Uint8Array(copy), new Uint8Array(source));
  return copy;
}

/** Views of one buffer stay views of one buffer. */
function cloneView(source: object, memory: Memory): object {
  const name = captured.typedArrayName(source);
  if (name === undefined) {
    const buffer = cloneValue(captured.dataViewBuffer(source), memory) as ArrayBuffer;
    return new DataView(buffer, captured.dataViewByteOffset(source), captured.dataViewByteLength(source));
  }
  const buffer = cloneValue(captured.typedArrayBuffer(source), memory) as ArrayBuffer;
  return new captured.typedArrayConstructors[name](buffer, captured.typedArrayByteOffset(source), captured.typedArrayLength(source));
}

/** The entries are read before the first is cloned: a getter among them may change the map. */
function cloneMap(source: object, memory: Memory): object {
  const copy = remember(source, new Map(), memory);
  const entries: [unknown, unknown][] = [];
  captured.mapForEach(source, (value, key) => {
    entries[entries.length] = [key, value];
  });
  for (let index = 0; index < entries.length; index++) {
    const [key, value] = entries[index] as [unknown, unknown];
    captured.mapSet(copy, cloneValue(key, memory), cloneValue(value, memory));
  }
  return copy;
}

function cloneSet(source: object, memory: Memory): object {
  const copy = remember(source, new Set(), memory);
  const values: unknown[] = [];
  captured.setForEach(source, (value) => {
    values[values.length] = value;
  });
  for (let index = 0; index < values.length; index++) captured.setAdd(copy, cloneValue(values[index], memory));
  return copy;
}

/** An error keeps name (if it is one of the language), message, stack and cause; whatever else was put on it is lost. */
function cloneError(source: Error, memory: Memory): object {
  const { name, stack } = source;
  const message = captured.getOwnPropertyDescriptor(source, 'message');
  const copy = isDOMException(source)
    ? new DOMException(source.message, source.name)
    : new (errorConstructors[`${name}`] ?? Error)(message !== undefined && captured.hasOwn(message, 'value') ? `${message.value}` : undefined);
  remember(source, copy, memory);
  if (captured.hasOwn(source, 'cause')) defineHidden(copy, 'cause', cloneValue(source.cause, memory));
  if (typeof stack === 'string') defineHidden(copy, 'stack', stack);
  return copy;
}

function cloneProperties(source: object, copy: object, memory: Memory): object {
  const keys = captured.objectKeys(source);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    // A getter that was read before may have deleted it.
    if (!captured.hasOwn(source, key)) continue;
    const value = cloneValue((source as Record<string, unknown>)[key], memory);
    // An inherited property may have a setter, as `__proto__` has.
    if (key in copy) captured.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
    else (copy as Record<string, unknown>)[key] = value;
  }
  return copy;
}

function defineHidden(target: object, key: string, value: unknown): void {
  captured.defineProperty(target, key, { value, writable: true, configurable: true });
}

function remember<Copy extends object>(source: object, copy: Copy, memory: Memory): Copy {
  captured.mapSet(memory, source, copy);
  return copy;
}

function refusal(message: string): DOMException {
  return new DOMException(message, 'DataCloneError');
}
