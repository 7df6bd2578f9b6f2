/** One instance of a plugin: a module with a memory, blocks and variables of its own. */
import { textLimits } from '../limits.ts';
import type { Kernel, Turn } from '../guest/kernel.ts';
import { type Blocks, type Content, createBlocks } from './blocks.guest.ts';
import { type Caller, createCaller, type Functions } from './caller.guest.ts';
import type { Codec } from './codec.guest.ts';
import { createEnvironment } from './environment.guest.ts';
import { table } from '../guest/primordials.ts';
import type { Link } from './extism.guest.ts';
import { faultOf, type MemoryUse, tooMuchMemory } from './fault.guest.ts';
import { createHostTree } from './hostTree.guest.ts';
import { createHttp } from './http.guest.ts';
import { importModules } from './imports.ts';
import { createMemoryTree } from './memoryTree.guest.ts';
import { toShow } from './text.guest.ts';
import { createVivarium, createVivariumNow } from './vivarium.guest.ts';
import type { Tree } from './tree.guest.ts';
import { createWasi, Exit } from './wasi.guest.ts';
import { type Preopen, waitingFunctions } from './wasiFiles.guest.ts';

/** What every plugin needs, whichever it is. */
export interface Parts {
  readonly link: Link;
  readonly blocks: WebAssembly.Module;
  /** See `compileText`. */
  readonly text: WebAssembly.Module;
}

/** What all instances of one actor share. */
export interface PluginSource extends Parts {
  readonly kernel: Kernel;
  readonly module: WebAssembly.Module;
  readonly wasi: boolean;
  readonly output: Codec;
  readonly fillRandom: (bytes: Uint8Array) => void;
}

export interface Result {
  /** Empty if there is none. */
  readonly output: Content;
  /** Why the call failed, if the plugin says so. */
  readonly failure: string | undefined;
  /** The program has ended: the instance takes no more calls. */
  readonly over: boolean;
}

export interface Plugin {
  /**
   * Runs an exported function. A promise if the plugin may wait for the host: then nothing else is called until it settles.
   * @throws what ended the call, see {@link faultOf}; the instance takes no more calls.
   */
  call(name: string, input: Content, turn: Turn | undefined): Result | Promise<Result>;
  /** Ends what it waits for. It takes no more calls. */
  abandon(): void;
  /** Its memory and that of its blocks, at most. Bytes. */
  size(): number;
}

/** So much of the blocks is not counted, so that a plugin that fills its memory can still be answered and answer. Bytes. */
const uncounted = 1024 * 1024;

/** Where a plugin of WASI has files of its own, unless the policy has put others there. */
const temporaryFolder = '/tmp';

function preopensOf(kernel: Kernel, caller: Caller, temporary: Tree): Preopen[] {
  const tree = createHostTree(kernel, caller);
  const granted = kernel.settings.mounts.map(({ path }) => ({ path, tree }));
  return granted.some(({ path }) => path === temporaryFolder) ? granted : [...granted, { path: temporaryFolder, tree: temporary }];
}

/** @throws what the module's own start throws. */
export async function openPlugin(source: PluginSource): Promise<Plugin> {
  const { kernel, link, module } = source;
  const caller = createCaller();
  const { webAssembly } = kernel.captured;
  const limit = kernel.settings.limits.memory;
  /** Without one, nothing is known of its memory save the maximum to which it was clamped. */
  const exportedMemory = webAssembly.Module.exports(module).find(({ kind }) => kind === 'memory')?.name;
  let memory: { readonly buffer: ArrayBuffer } | undefined;

  const use = (more = 0): MemoryUse => ({ used: (memory?.buffer.byteLength ?? 0) + temporary.size() + Math.max(0, blocks.size() + more - uncounted), limit });
  const admit = (more = 0): void => {
    const wanted = use(more);
    if (wanted.used > limit) throw tooMuchMemory(wanted);
  };
  const blocks: Blocks = createBlocks(webAssembly, source.blocks, source.text, limit + uncounted, admit);
  const temporary = createMemoryTree(temporaryFolder, kernel.settings.limits.handles, (bytes) => use(bytes + uncounted).used <= limit);
  const wasi = createWasi(kernel, source.fillRandom, preopensOf(kernel, caller, temporary));
  const vivarium = createVivarium(kernel, blocks, source.output, caller);
  const vivariumNow = createVivariumNow(blocks, caller);

  /** Only a module that may wait is called so that it can: suspending costs, and a call that cannot wait ends where it began. */
  const waiting: Readonly<Record<string, ReadonlySet<string>>> = {
    [importModules.extism]: new Set(['http_request']),
    [importModules.vivarium]: new Set(Object.keys(vivarium)),
    [importModules.wasi]: kernel.settings.mounts.length > 0 ? waitingFunctions : new Set(),
  };
  const waits = webAssembly.Module.imports(module).some(({ module: from, name }) => waiting[from]?.has(name) === true);
  const offered = (from: string, functions: Functions): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(caller.guarded(functions)).map(([name, run]) => [
        name,
        waiting[from]?.has(name) === true ? new webAssembly.Suspending(run as (...args: never[]) => Promise<unknown>) : run,
      ]),
    );
  const functions = {
    [importModules.extism]: {
      ...blocks.functions,
      length_unsafe: blocks.functions['length'],
      ...offered(importModules.extism, { ...createEnvironment(kernel, blocks), ...createHttp(kernel, blocks, caller, admit) }),
    },
    [importModules.vivarium]: offered(importModules.vivarium, { ...vivarium, ...vivariumNow }),
    [importModules.wasi]: offered(importModules.wasi, wasi.functions),
  };

  let exports: WebAssembly.Instance['exports'] = {};
  const callable = table<() => unknown>();
  const run = (name: string): (() => unknown) => {
    const known = callable[name];
    if (known !== undefined) return known;
    const made = waits ? webAssembly.promising(exports[name]) : (exports[name] as () => unknown);
    callable[name] = made;
    return made;
  };
  await link(module, source.wasi, functions, (instance) => {
    exports = instance.exports;
    memory = exportedMemory === undefined ? undefined : (exports[exportedMemory] as typeof memory);
    wasi.attach(memory);
  });
  if (typeof exports['_initialize'] === 'function') await run('_initialize')();

  const finish = (code: unknown): Result => {
    wasi.flush();
    admit();
    const error = blocks.error(textLimits.message);
    const failure = error !== undefined ? toShow(error) : Number(code ?? 0) === 0 ? undefined : `the function returned ${code}`;
    return { output: blocks.output(source.output.isText), failure, over: false };
  };

  const broken = (thrown: unknown): Result => {
    wasi.flush();
    if (!(thrown instanceof Exit)) throw faultOf(thrown, use());
    return { output: blocks.output(source.output.isText), failure: thrown.code === 0 ? undefined : thrown.message, over: true };
  };

  return {
    call(name, input, turn) {
      caller.turn = turn;
      try {
        blocks.begin(input);
        const returned = run(name)();
        return waits ? (returned as Promise<unknown>).then(finish).catch(broken) : finish(returned);
      } catch (thrown) {
        return broken(thrown);
      }
    },
    abandon: caller.abandon,
    size: () => (memory?.buffer.byteLength ?? limit) + blocks.size(),
  };
}
