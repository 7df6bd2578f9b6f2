/**
 * The built-ins that the web globals use, captured while the snapshot is made, before any guest runs.
 * A guest that patches a prototype changes its own calls, not the ordinary use of these globals.
 *
 * Methods are turned inside out: `mapGet(map, key)` for `map.get(key)`. V8 adds its newest built-ins (`Error.isError`,
 * `Uint8Array.fromBase64` and others) only to a context made from the snapshot, so they cannot be captured here.
 */

const { bind, call } = Function.prototype;
const { getOwnPropertyDescriptor, getPrototypeOf } = Object;

/** A method as a function whose first parameter is `this`. */
export const uncurry = bind.bind(call) as unknown as <Rest extends readonly unknown[], Result>(
  method: (...rest: Rest) => Result,
) => (self: unknown, ...rest: Rest) => Result;

/** The getter of an accessor property as a function of the object. It throws on an object that lacks the internal slot. */
export const getterOf = <Result>(prototype: object, key: PropertyKey): ((self: unknown) => Result) =>
  uncurry(getOwnPropertyDescriptor(prototype, key)?.get as () => Result);

export const { ownKeys, apply } = Reflect;
export const { create, defineProperty, hasOwn, is, keys: objectKeys } = Object;
export { getOwnPropertyDescriptor, getPrototypeOf };
export const { isArray } = Array;
export const { isView } = ArrayBuffer;
export const { stringify } = JSON;
export const { fromCharCode } = String;
export const { asIntN } = BigInt;

export const objectToString = uncurry(Object.prototype.toString);
export const symbolToString = uncurry(Symbol.prototype.toString);
export const functionToString = uncurry(Function.prototype.toString);
export const arraySlice = uncurry(Array.prototype.slice) as (self: unknown, start?: number, end?: number) => never[];
export const arraySplice = uncurry(Array.prototype.splice) as (self: unknown, start: number, count: number) => unknown[];
export const stringSlice = uncurry(String.prototype.slice);
export const stringIndexOf = uncurry(String.prototype.indexOf);
export const charCodeAt = uncurry(String.prototype.charCodeAt);
export const symbolDescription = getterOf<string | undefined>(Symbol.prototype, 'description');
export const numberValueOf = uncurry(Number.prototype.valueOf);
export const stringValueOf = uncurry(String.prototype.valueOf);
export const booleanValueOf = uncurry(Boolean.prototype.valueOf);
export const bigintValueOf = uncurry(BigInt.prototype.valueOf);
export const symbolValueOf = uncurry(Symbol.prototype.valueOf);
export const dateGetTime = uncurry(Date.prototype.getTime);
export const dateToIsoString = uncurry(Date.prototype.toISOString);
export const regexpSource = getterOf<string>(RegExp.prototype, 'source');
export const regexpFlags = getterOf<string>(RegExp.prototype, 'flags');

export const mapSize = getterOf<number>(Map.prototype, 'size');
export const mapGet = uncurry(Map.prototype.get);
export const mapSet = uncurry(Map.prototype.set);
export const mapForEach = uncurry(Map.prototype.forEach) as (self: unknown, each: (value: unknown, key: unknown) => void) => void;
export const mapEntries = uncurry(Map.prototype.entries);
export const nextEntry = uncurry((new Map().entries() as Iterator<[unknown, unknown]>).next) as (
  iterator: unknown,
) => IteratorResult<[unknown, unknown], undefined>;
export const setSize = getterOf<number>(Set.prototype, 'size');
export const setAdd = uncurry(Set.prototype.add);
export const setForEach = uncurry(Set.prototype.forEach) as (self: unknown, each: (value: unknown) => void) => void;
export const setValues = uncurry(Set.prototype.values);
export const nextValue = uncurry((new Set().values() as Iterator<unknown>).next) as (iterator: unknown) => IteratorResult<unknown, undefined>;
export const weakMapHas = uncurry(WeakMap.prototype.has);
export const weakSetHas = uncurry(WeakSet.prototype.has);

const typedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as Uint8Array;
/** `Uint8Array` and the like, or undefined for whatever is no typed array. It never throws. */
export const typedArrayName = getterOf<TypedArrayName | undefined>(typedArrayPrototype, Symbol.toStringTag);
export const typedArrayLength = getterOf<number>(typedArrayPrototype, 'length');
export const typedArrayBuffer = getterOf<ArrayBuffer>(typedArrayPrototype, 'buffer');
export const typedArrayByteOffset = getterOf<number>(typedArrayPrototype, 'byteOffset');
export const typedArraySet = uncurry(typedArrayPrototype.set);
export const typedArraySubarray = uncurry(typedArrayPrototype.subarray);
export const dataViewBuffer = getterOf<ArrayBuffer>(DataView.prototype, 'buffer');
export const dataViewByteOffset = getterOf<number>(DataView.prototype, 'byteOffset');
export const dataViewByteLength = getterOf<number>(DataView.prototype, 'byteLength');
export const bufferByteLength = getterOf<number>(ArrayBuffer.prototype, 'byteLength');
export const bufferDetached = getterOf<boolean>(ArrayBuffer.prototype, 'detached');

export const typedArrayConstructors = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
export type TypedArrayName = keyof typeof typedArrayConstructors;
