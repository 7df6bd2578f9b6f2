/**
 * Takes the hazards out of a fresh realm, before guest code exists.
 *
 * - `WebAssembly`, `SharedArrayBuffer` and resizable `ArrayBuffer` make memory that no heap limit counts.
 * - `Atomics` and shared memory make a fine clock and a thread that sleeps.
 * - `FinalizationRegistry` and `WeakRef` run callbacks from V8's own tasks, outside every time limit.
 * - `Temporal` has a clock of one microsecond.
 * - `gc` holds the isolate up for as long as its heap is large.
 *
 * Runs when a context is created from the snapshot: V8 adds `WebAssembly`, `SharedArrayBuffer`, `Temporal` and
 * `gc` only then.
 */
import { apply, ArrayBufferIntrinsic, construct, defineProperty, getOwnPropertyNames, table, TypeErrorIntrinsic } from './primordials.ts';

/** What the languages need of what was taken away; reachable from closures of the bootstrap alone. */
export interface Captured {
  readonly webAssembly: typeof WebAssembly;
  readonly wait: (view: Int32Array, index: number, value: number) => string;
  readonly load: (view: Int32Array, index: number) => number;
  readonly store: (view: Int32Array, index: number, value: number) => number;
  /** Collects all garbage of the isolate; absent where V8 was started without it. */
  readonly collect: (() => void) | undefined;
}

const removed = ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'FinalizationRegistry', 'WeakRef', 'Temporal'] as const;
/** What a guest must not find. */
const hazards = [...removed, 'gc'];

export function disarm(realm: Record<string, unknown>): Captured {
  const source = realm['WebAssembly'] as Record<string, unknown>;
  const webAssembly = table<unknown>();
  const names = getOwnPropertyNames(source);
  for (let i = 0; i < names.length; i++) webAssembly[names[i] as string] = source[names[i] as string];
  const atomics = realm['Atomics'] as Captured;
  const collect = realm['gc'] as Captured['collect'];
  const captured: Captured = { webAssembly: webAssembly as never, wait: atomics.wait, load: atomics.load, store: atomics.store, collect };
  for (let i = 0; i < removed.length; i++) delete realm[removed[i] as string];
  // V8 makes it so that it cannot be deleted.
  if (collect !== undefined) defineProperty(realm, 'gc', { value: undefined, writable: false });
  forbidResizableBuffers(realm);
  return captured;
}

/** An `ArrayBuffer` that ignores `maxByteLength`: V8 counts a fixed buffer against the heap limit, a resizable one not. */
function forbidResizableBuffers(realm: Record<string, unknown>): void {
  // biome-ignore lint/suspicious/noShadowRestrictedNames: guests see this name.
  const Fixed = function ArrayBuffer(length: number, options?: { maxByteLength?: number }): ArrayBuffer {
    if (!new.target) throw new TypeErrorIntrinsic("Constructor ArrayBuffer requires 'new'");
    if (options !== null && typeof options === 'object' && options.maxByteLength !== undefined) {
      throw new TypeErrorIntrinsic('resizable ArrayBuffers are not available in an actor');
    }
    return construct(ArrayBufferIntrinsic, [length], new.target) as ArrayBuffer;
  };
  defineProperty(Fixed, 'prototype', { value: ArrayBufferIntrinsic.prototype, writable: false });
  defineProperty(Fixed, 'isView', { value: ArrayBufferIntrinsic.isView, writable: true, configurable: true });
  defineProperty(Fixed, Symbol.species, { get: () => Fixed, configurable: true });
  defineProperty(ArrayBufferIntrinsic.prototype, 'constructor', { value: Fixed, writable: true, configurable: true });
  defineProperty(realm, 'ArrayBuffer', { value: Fixed, writable: true, configurable: true });
}

/** True if a context was made so that it cannot be disarmed: the cell refuses to use it. */
export const stillArmed = (realm: Record<string, unknown>): boolean => {
  for (let i = 0; i < hazards.length; i++) if (realm[hazards[i] as string] !== undefined) return true;
  try {
    const buffer = apply(construct, undefined, [realm['ArrayBuffer'] as never, [8, { maxByteLength: 16 }]]) as { resizable?: boolean };
    return buffer.resizable === true;
  } catch {
    return false;
  }
};
