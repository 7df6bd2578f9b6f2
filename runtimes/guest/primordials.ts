/**
 * The intrinsics that the bootstrap uses, captured before any guest code exists.
 *
 * After boot nothing here may be reached through a prototype or a global: a guest can replace those.
 * So methods are uncurried, tables have no prototype, arrays are never iterated with `for of`, spread
 * or destructured (they would run the guest's `Symbol.iterator`), and never written by index unless
 * created with `length` set by the intrinsic that made them.
 */
export const uncurry = Function.prototype.bind.bind(Function.prototype.call) as (method: unknown) => (self: never, ...args: never[]) => unknown;

export const { parse, stringify } = JSON;
export const { apply, construct, ownKeys } = Reflect;
export const { create, defineProperty, freeze, getOwnPropertyNames, getPrototypeOf, hasOwn, isFrozen } = Object;
export const { isArray } = Array;
export const { now } = Date;
export const { floor, min } = Math;
export const PromiseIntrinsic = Promise;
export const ProxyIntrinsic = Proxy;
export const reject = Promise.reject.bind(Promise);
export const resolved = Promise.resolve.bind(Promise);
export const then = uncurry(Promise.prototype.then) as unknown as (
  promise: Promise<unknown>,
  onValue: (value: never) => unknown,
  onError?: (error: unknown) => unknown,
) => Promise<unknown>;
export const slice = uncurry(String.prototype.slice) as unknown as (text: string, start: number, end?: number) => string;
export const split = uncurry(String.prototype.split) as unknown as (text: string, separator: string) => string[];
export const indexOf = uncurry(String.prototype.indexOf) as unknown as (text: string, search: string, from?: number) => number;
export const charCodeAt = uncurry(String.prototype.charCodeAt) as unknown as (text: string, index: number) => number;
export const fromCharCode = String.fromCharCode;
export const StringIntrinsic = String;
export const NumberIntrinsic = Number;
export const numberToString = uncurry(Number.prototype.toString) as unknown as (number: number, radix: number) => string;
export const Uint8ArrayIntrinsic = Uint8Array;
export const Uint16ArrayIntrinsic = Uint16Array;
export const Int32ArrayIntrinsic = Int32Array;
export const ArrayBufferIntrinsic = ArrayBuffer;
export const DateIntrinsic = Date;
export const setBytes = uncurry(Uint8Array.prototype.set) as unknown as (target: Uint8Array, source: ArrayLike<number>, offset?: number) => void;

const getterOf = (key: 'length' | 'buffer' | 'byteOffset') => uncurry(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), key)?.get);
/** As the engine sees it: a getter of the guest's on the prototype would be handed the view. */
export const lengthOf = getterOf('length') as (view: Uint8Array) => number;
export const bufferOf = getterOf('buffer') as (view: Uint8Array) => ArrayBuffer;
export const byteOffsetOf = getterOf('byteOffset') as (view: Uint8Array) => number;

/** The method of this name asks `Symbol.species` for a constructor, and hands it the buffer: both could be the guest's. */
export const subarray = (source: Uint8Array, start: number, end: number = lengthOf(source)): Uint8Array =>
  new Uint8ArrayIntrinsic(bufferOf(source), byteOffsetOf(source) + start, end - start);

/** A copy; see {@link subarray}. */
export const sliceBytes = (source: Uint8Array, start: number, end: number = lengthOf(source)): Uint8Array => {
  const copy = new Uint8ArrayIntrinsic(end - start);
  setBytes(copy, subarray(source, start, end));
  return copy;
};

export const subarrayOfUnits = uncurry(Uint16Array.prototype.subarray) as unknown as (source: Uint16Array, start: number, end: number) => Uint16Array;
export const ErrorIntrinsic = Error;
export const TypeErrorIntrinsic = TypeError;
export const RangeErrorIntrinsic = RangeError;
export const SymbolIterator: typeof Symbol.iterator = Symbol.iterator;
export const SymbolAsyncIterator: typeof Symbol.asyncIterator = Symbol.asyncIterator;

/** Indirect: what it evaluates sees the global scope and nothing of ours. */
// biome-ignore lint/security/noGlobalEval: the code of a guest is evaluated here, where nothing but the guest lives.
export const evaluate: (code: string) => unknown = globalThis.eval;

/** A map that no prototype can interfere with. */
export const table = <V>(): Record<string | number, V> => create(null);
