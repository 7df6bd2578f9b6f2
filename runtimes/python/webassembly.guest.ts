/**
 * The WebAssembly that Pyodide runs on, and all that Python code can ever reach of it.
 *
 * Whoever runs Python reaches what Pyodide holds (`pyodide_js._module`, `ctypes`, `emscripten_run_script`, whose `eval` sees Pyodide's
 * own scope). So Pyodide never gets the real constructors: after {@link Engine.seal} no module that brings a memory or a table of its own
 * can be compiled, and the one memory that exists has a maximum that the cell wrote into the module. There is no stack switching either:
 * a suspended stack is memory that nobody counts.
 */
import { construct, defineProperty, getPrototypeOf, lengthOf, setBytes, table, TypeErrorIntrinsic, Uint8ArrayIntrinsic } from '../guest/primordials.ts';
import { compileText, createMemoryText, type MemoryText } from '../guest/memoryText.ts';
import type { Captured } from '../guest/realm.ts';
import { replaceClock } from './clock.guest.ts';
import { replaceStrings } from './strings.guest.ts';

export interface Engine {
  /** What Pyodide takes for `WebAssembly`. */
  readonly webAssembly: object;
  /** What Pyodide reads as its module: it would copy it, so the engine puts the module in its place. */
  readonly placeholder: Uint8Array;
  /** The memory of the interpreter, once that is instantiated. */
  text(): MemoryText;
  /** From now on code of the guest may ask. */
  seal(): void;
}

/** Code that the guest's own modules may bring in the life of one instance; `ctypes` makes one of some hundred bytes for each callback. */
const moduleBytes = 4 * 1024 * 1024;

const sections = { table: 4, memory: 5 } as const;

type Imports = Record<string, Record<string, unknown>>;

type Constructor = (new (...args: never[]) => object) & { prototype: object };

/** @param textModule see {@link compileText} */
export function createEngine(captured: Captured, interpreter: Uint8Array, textModule: ArrayBuffer): Engine {
  const real = captured.webAssembly as unknown as Record<'Module' | 'Instance' | 'Memory' | 'Table' | 'Global' | 'Tag' | 'Exception', Constructor>;
  const admitted = new WeakSet<object>();
  const isAdmitted = admitted.has.bind(admitted);
  const admit = admitted.add.bind(admitted);
  let sealed = false;
  let interpreterModule: object | undefined;
  let compiled = 0;
  let text: MemoryText | undefined;

  const instantiateInterpreter = (module: object, imports: Imports): object => {
    interpreterModule = undefined;
    let exports: { readonly memory: object } | undefined;
    replaceStrings(
      imports['env'] as never,
      () => exports as never,
      () => text as MemoryText,
    );
    replaceClock(imports['wasi_snapshot_preview1'] as never, () => (exports as { readonly memory: object }).memory as never);
    const instance = construct(real.Instance, [module, imports]) as { readonly exports: { readonly memory: object } };
    exports = instance.exports;
    text = createMemoryText(captured.webAssembly, compileText(captured.webAssembly, textModule), exports.memory);
    return instance;
  };

  /** What looks and behaves like a constructor of the engine, and decides before the engine does. */
  const replace = (name: keyof typeof real, make: (args: readonly unknown[], target: unknown) => object): Constructor => {
    const replacement = function (this: unknown, ...args: readonly unknown[]): object {
      if (!new.target) throw new TypeErrorIntrinsic(`WebAssembly.${name} must be invoked with 'new'`);
      return make(args, new.target);
    } as unknown as Constructor;
    defineProperty(replacement, 'name', { value: name, configurable: true });
    defineProperty(replacement, 'prototype', { value: real[name].prototype, writable: false });
    defineProperty(real[name].prototype, 'constructor', { value: replacement, writable: true, configurable: true });
    return replacement;
  };

  const Module = replace('Module', (args, target) => {
    const source = args[0];
    if (!sealed) {
      const module = construct(real.Module, [isPlaceholder(source) ? interpreter : source], target as never) as object;
      if (isPlaceholder(source)) interpreterModule = module;
      return module;
    }
    const bytes = ownCopy(source);
    compiled += lengthOf(bytes);
    if (compiled > moduleBytes) throw new TypeErrorIntrinsic('an actor may compile no more WebAssembly');
    refuseMemory(bytes);
    const module = construct(real.Module, [bytes]) as object;
    admit(module);
    return module;
  });
  for (const name of ['customSections', 'exports', 'imports'] as const) {
    defineProperty(Module, name, { value: (real.Module as unknown as Record<string, unknown>)[name], writable: true, configurable: true });
  }

  const Instance = replace('Instance', (args, target) => {
    const module = args[0] as object;
    const imports = args[1];
    if (module !== undefined && module === interpreterModule) return instantiateInterpreter(module, imports as Imports);
    if (sealed && !isAdmitted(module)) throw new TypeErrorIntrinsic('this WebAssembly module cannot be instantiated by an actor');
    return construct(real.Instance, [module, imports], target as never);
  });

  /** Pyodide makes a shared memory as it loads, only to sleep on it; it gets a buffer on which nothing can sleep. */
  const Memory = replace('Memory', () => {
    if (sealed) throw new TypeErrorIntrinsic('an actor has one WebAssembly memory and can make no other');
    return { buffer: new ArrayBuffer(8) };
  });
  const Table = replace('Table', () => {
    throw new TypeErrorIntrinsic('an actor has one WebAssembly table and can make no other');
  });

  const webAssembly = table<unknown>();
  for (const name in captured.webAssembly) webAssembly[name] = (captured.webAssembly as unknown as Record<string, unknown>)[name];
  for (const name of ['Suspending', 'promising', 'SuspendError', 'instantiateStreaming', 'compileStreaming', 'Function', 'Memory', 'validate'])
    delete webAssembly[name];
  webAssembly['Module'] = Module;
  webAssembly['Instance'] = Instance;
  webAssembly['Memory'] = Memory;
  webAssembly['Table'] = Table;
  webAssembly['compile'] = async (bytes: unknown) => construct(Module, [bytes] as never);
  // Asynchronous compilation never ends in an isolate, and its continuations would run outside every time limit.
  webAssembly['instantiate'] = async (source: unknown, imports: unknown) => {
    if (isModule(source)) return construct(Instance, [source, imports] as never);
    const module = construct(Module, [source] as never);
    return { module, instance: construct(Instance, [module, imports] as never) };
  };
  const isModule = (value: unknown): boolean => typeof value === 'object' && value !== null && getPrototypeOf(value) === real.Module.prototype;

  return {
    webAssembly,
    placeholder: new Uint8ArrayIntrinsic(0),
    text: () => text as MemoryText,
    seal: () => {
      sealed = true;
    },
  };
}

const isPlaceholder = (source: unknown): boolean => (source as Uint8Array).byteLength === 0;

/** Whatever it was, what is looked at afterwards is what is compiled: nothing of it is asked for that the guest could answer. */
function ownCopy(source: unknown): Uint8Array {
  const bytes = new Uint8ArrayIntrinsic(source as ArrayBuffer);
  const copy = new Uint8ArrayIntrinsic(lengthOf(bytes));
  setBytes(copy, bytes);
  return copy;
}

/** Looks at the kinds of a module's sections alone: the engine checks the rest. */
function refuseMemory(bytes: Uint8Array): void {
  const end = lengthOf(bytes);
  for (let at = 8; at < end; ) {
    const kind = bytes[at++];
    if (kind === sections.memory || kind === sections.table)
      throw new TypeErrorIntrinsic('a WebAssembly module of an actor can have no memory or table of its own');
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new TypeErrorIntrinsic('not a WebAssembly module');
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
}
