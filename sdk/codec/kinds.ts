/**
 * What a value is, decided by what the engine knows of it and not by its class, so that values of another
 * realm count and imitations do not. The intrinsics are taken at load, those that exist in a V8 snapshot.
 */
import { type Place, unsupported } from './refusal.ts';

const { isArray } = Array;
const { isView } = ArrayBuffer;
const { getPrototypeOf, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;
const objectPrototype = Object.prototype;
const tagOf = objectPrototype.toString;

type Getter = (this: unknown) => unknown;
const getterOf = (prototype: object, key: PropertyKey) => getOwnPropertyDescriptor(prototype, key)?.get as Getter;

const typedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object;
const typedArrayName = getterOf(typedArrayPrototype, Symbol.toStringTag);
const typedArrayLength = getterOf(typedArrayPrototype, 'length');
const bufferLength = getterOf(ArrayBuffer.prototype, 'byteLength');
const mapSize = getterOf(Map.prototype, 'size');
const mapForEach = Map.prototype.forEach;
const { getTime } = Date.prototype;

function has(slot: (this: never) => unknown, value: object): boolean {
  try {
    apply(slot, value, []);
    return true;
  } catch {
    return false;
  }
}

export type Kind = 'list' | 'map' | 'keyed' | 'bytes' | 'buffer' | 'date' | 'error' | 'foreign';

/** `keyed` is a `Map`, `buffer` an `ArrayBuffer`; `foreign` is whatever is no message. */
export function kindOf(value: object): Kind {
  if (isArray(value)) return 'list';
  const prototype: object | null = getPrototypeOf(value);
  // The second half admits plain objects of other realms: only an `Object.prototype` is itself without a prototype.
  if (prototype === objectPrototype || prototype === null || getPrototypeOf(prototype) === null) return 'map';
  if (isView(value)) return apply(typedArrayName, value, []) === 'Uint8Array' ? 'bytes' : 'foreign';
  // `Error.isError` appears only after a snapshot is made. Whatever calls itself an error is one: nothing but texts is read from it.
  if (value instanceof Error || apply(tagOf, value, []) === '[object Error]') return 'error';
  if (has(getTime, value)) return 'date';
  if (has(mapSize, value)) return 'keyed';
  if (has(bufferLength, value)) return 'buffer';
  return 'foreign';
}

/** The bytes as the engine sees them: a subclass cannot lie about its length. */
export const viewOf = (value: object, kind: 'bytes' | 'buffer'): { readonly view: Uint8Array; readonly length: number } => {
  const view = kind === 'bytes' ? (value as Uint8Array) : new Uint8Array(value as ArrayBuffer);
  return { view, length: apply(typedArrayLength, view, []) as number };
};

export const millisecondsOf = (value: object): number => apply(getTime, value, []);

export function eachEntry(map: object, visit: (value: unknown, key: unknown) => void): void {
  apply(mapForEach, map, [visit]);
}

function constructorName(value: object): string {
  try {
    const name: unknown = getPrototypeOf(value)?.constructor?.name;
    return typeof name === 'string' ? name.slice(0, 64) : '';
  } catch {
    return '';
  }
}

const foreignHints: Readonly<Record<string, string>> = {
  Promise: 'Await it, and send what it resolves to.',
  Set: 'Send a list: `[...set]`.',
  Map: 'Send a Map whose keys are strings, or a list of entries.',
};

/** The refusal of an object that is no message. */
export function refuseObject(value: object, place: Place | null) {
  const name = constructorName(value);
  const hint =
    foreignHints[name] ??
    (isView(value) ? 'Send the bytes: `new Uint8Array(view.buffer, view.byteOffset, view.byteLength)`.' : 'Send a plain object with what is needed of it.');
  return unsupported(place, name === '' ? 'is an instance of a class' : `is an instance of ${name}`, hint);
}

/** The refusal of a value of a type that no message has. */
export function refuseType(value: unknown, place: Place | null) {
  if (value !== undefined) return unsupported(place, `is a ${typeof value}`);
  return unsupported(place, 'is undefined', place !== null && isArray(place.container) ? 'A list has no gaps: write null.' : 'Write null.');
}

export const refuseText = (place: Place | null) =>
  unsupported(place, 'is a string with half of a surrogate pair', 'Send text that is valid Unicode (`toWellFormed()`), or bytes.');
