/** CPython as Pyodide compiles it, in this isolate: booted from nothing or from its memory snapshot, and entered from here alone. */
import { describe, foreignError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import { slice, stringify } from '../guest/primordials.ts';
import type { Captured } from '../guest/realm.ts';
import type { FileSystem } from './emscripten.guest.ts';
import type { MemoryText } from '../guest/memoryText.ts';
import { readSnapshot, type Snapshot } from './memory.guest.ts';
import { createEngine } from './webassembly.guest.ts';

/** The script `pyodide.js`, see runtimes/build/python.ts: a function of everything that Pyodide may have beside the globals. */
export type Factory = (webAssembly: object, standIns: object) => { create(settings: object): Promise<Module>; load(options: object): Promise<Pyodide> };

export interface InterpreterFiles {
  readonly factory: Factory;
  /** The module, whose maximum of memory the cell has set. */
  readonly wasm: Uint8Array;
  readonly library: Uint8Array;
  /** See `compileText`. */
  readonly text: ArrayBuffer;
  /** Absent only while the snapshot is made. */
  readonly memory: ArrayBuffer | undefined;
}

/** What is used of Emscripten's module. */
export interface Module {
  readonly HEAPU8: Uint8Array;
  readonly FS: FileSystem;
  PyProxy_getPtr(proxy: unknown): number;
  /** What a call gives that raised. */
  readonly error: unknown;
  __pyproxy_apply(pointer: number, args: unknown[], count: number, names: unknown[], named: number): unknown;
  /** Throws what Python raised as a PythonError. */
  _pythonexc2js(): never;
}

export interface Pyodide {
  readonly _module: Module;
  readonly _api: { config: Record<string, unknown>; on_fatal: (error: unknown) => void; fatal_error(error: unknown): void };
  readonly ffi: { PythonError: new () => Error };
  runPython(code: string): unknown;
  pyimport(name: string): Record<string, unknown>;
  makeMemorySnapshot(): Uint8Array;
}

/** What a door gives when the interpreter is no more: the cell has been told, and turns stay open for it to blame. */
export const lost = Number.NaN;

export type Door = (...args: (string | number)[]) => unknown;

/** Whom an interpreter tells what it writes by itself, and that it is lost. */
type Attendant = Pick<Kernel, 'log' | 'fatal'>;

export interface Interpreter {
  readonly pyodide: Pyodide;
  /** From now on it is somebody's. What it wrote before is nobody's. */
  attend(attendant: Attendant): void;
  /**
   * Functions of a Python module. They are entered past the proxies of Pyodide, with strings and numbers, and give
   * a string, a number, a boolean or undefined.
   */
  doors<Name extends string>(module: string, names: readonly Name[]): Record<Name, Door>;
  /** Its memory, as text. */
  text(): MemoryText;
  writeFile(path: string, text: string): void;
  /** To be called before the first line of the author's code. */
  seal(): void;
}

/** The other file that Pyodide reads as it boots is its module. */
const libraryFile = 'python_stdlib.zip';

/** No packages beside the standard library. */
const lockFile = { info: { abi_version: '2026_0', arch: 'wasm32', platform: 'emscripten_5_0', python: '3.14.0', version: '314.0.7' }, packages: {} };

const realm = globalThis as unknown as Record<string, unknown>;

/** Starts one before it is known for whom: nothing of an actor is needed for it. */
export async function bootInterpreter(captured: Captured, files: InterpreterFiles): Promise<Interpreter> {
  const engine = createEngine(captured, files.wasm, files.text);
  const snapshot = files.memory === undefined ? undefined : readSnapshot(files.memory);
  const dump = createDump();
  let attendant: Attendant | undefined;
  const leaveShell = enterShell((name) => (name === libraryFile ? files.library : engine.placeholder));
  const { create, load } = files.factory(engine.webAssembly, standIns());
  const pyodide = await load({
    indexURL: '/',
    packageBaseUrl: '/',
    lockFileContents: lockFile,
    env: { HOME: '/actor', PYTHONDONTWRITEBYTECODE: '1' },
    // What is written past `sys.stdout`: by C code, or to the descriptor.
    stdout: (line: string) => dump.takes(line) || attendant?.log('info', line),
    stderr: (line: string) => attendant?.log('error', line),
    createPyodideModule: snapshot === undefined ? create : (settings: object) => createFrom(snapshot, create, settings),
    ...(snapshot === undefined ? { _makeSnapshot: true } : { _loadSnapshot: snapshot.head }),
  });
  leaveShell();

  const module = pyodide._module;
  const { PythonError } = pyodide.ffi;
  const { __pyproxy_apply: call, _pythonexc2js: raise, error: raised } = module;
  const api = pyodide._api;
  const unnamed: unknown[] = [];
  let fatal: object | undefined;
  /** The interpreter is in no state to be entered again. */
  const lose = (error: unknown): void => {
    if (fatal !== undefined) return;
    const message = `the Python interpreter cannot go on: ${describe(error).message}`;
    fatal = foreignError(stringify({ __proto__: null, code: 'actor.fatal', message, stack: dump.stack() }));
    attendant?.fatal(fatal);
  };
  api.on_fatal = lose;
  /** Lets Pyodide write where the interpreter stood, and shut itself down; it throws what it was given. */
  const mourn = (error: unknown): void => {
    try {
      api.fatal_error(error);
    } catch {
      // The error is told once, by `lose`.
    }
    lose(error);
  };

  const door =
    (pointer: number): Door =>
    (...args) => {
      if (fatal !== undefined) return lost;
      try {
        const result = call(pointer, args, args.length, unnamed, 0);
        return result === raised ? raise() : result;
      } catch (error) {
        // Our functions in Python raise nothing, so this is the interpreter failing, or memory that ran out before they began.
        if (error instanceof PythonError && fatal === undefined) throw error;
        mourn(error);
        return lost;
      }
    };

  return {
    pyodide,
    attend(next) {
      if (fatal !== undefined) throw fatal;
      attendant = next;
    },
    doors(name, names) {
      const from = pyodide.pyimport(name);
      const found = {} as Record<(typeof names)[number], Door>;
      for (let i = 0; i < names.length; i++) found[names[i] as (typeof names)[number]] = door(module.PyProxy_getPtr(from[names[i] as string]));
      return found;
    },
    text: engine.text,
    writeFile(path, text) {
      module.FS.mkdirTree(path.slice(0, path.lastIndexOf('/')));
      module.FS.writeFile(path, text);
    },
    seal() {
      // They hold what the cell shares between isolates.
      delete pyodide._api.config['_loadSnapshot'];
      delete pyodide._api.config['createPyodideModule'];
      engine.seal();
    },
  };
}

/** The last traceback that the interpreter wrote by itself, which it does as it dies: the innermost frame first. */
function createDump(): { takes(line: string): boolean; stack(): string | undefined } {
  const begin = 'Stack (most recent call first):';
  const frame = '  File "';
  const authors = '  File "/actor/';
  let frames: string | undefined;
  let open = false;
  return {
    takes(line) {
      if (line === begin) {
        frames = '';
        open = true;
        return true;
      }
      open &&= slice(line, 0, frame.length) === frame;
      if (open && slice(line, 0, authors.length) === authors) frames = `${frame}${slice(line, authors.length)}\n${frames}`;
      return open;
    },
    stack: () => (frames === undefined || frames === '' ? undefined : `Traceback (most recent call last):\n${frames}`),
  };
}

/**
 * What Pyodide gets in place of globals that an isolate does not have.
 * A registry that runs nothing: a real one would run `__del__` from V8's own tasks, outside every time limit.
 */
function standIns(): object {
  class SilentRegistry {
    register(): void {}
    unregister(): void {}
  }
  class StrongReference {
    readonly #target: unknown;
    constructor(target: unknown) {
      this.#target = target;
    }
    deref(): unknown {
      return this.#target;
    }
  }
  const silent = (): void => {};
  return { FinalizationRegistry: SilentRegistry, WeakRef: StrongReference, console: { log: silent, info: silent, warn: silent, error: silent, debug: silent } };
}

/**
 * Pyodide takes the realm for the shell of an engine if it can read files, and draws its randomness from `crypto`
 * if it seems to be a worker too. Both only while it boots.
 */
function enterShell(file: (name: string) => Uint8Array): () => void {
  const shell: Record<string, unknown> = {
    WorkerGlobalScope: class {},
    read: (path: string) => {
      throw new Error(`there is no ${path}`);
    },
    load: () => undefined,
    readbuffer: (path: string) => file(path.slice(path.lastIndexOf('/') + 1)),
    // Kept by Emscripten. Timers come with the actor.
    clearTimeout: (id: unknown) => (realm['clearTimeout'] as (id: unknown) => void)(id),
    clearInterval: (id: unknown) => (realm['clearInterval'] as (id: unknown) => void)(id),
  };
  for (const name in shell) realm[name] = shell[name];
  return () => {
    for (const name in shell) delete realm[name];
  };
}

async function createFrom(snapshot: Snapshot, create: (settings: object) => Promise<Module>, settings: object): Promise<Module> {
  const module = await create(settings);
  snapshot.restore(module.HEAPU8);
  return module;
}
