/** What one instance of a plugin has around it: its memory blocks, its files, and the functions that it imports. None of it depends on which plugin that is. */
import type { Limits } from '../limits.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { Settings } from '../guest/wire.ts';
import { type Blocks, createBlocks } from './blocks.guest.ts';
import { type Caller, createCaller, type Functions } from './caller.guest.ts';
import { createEnvironment } from './environment.guest.ts';
import type { HostFunctions, Link } from './extism.guest.ts';
import { type MemoryUse, tooMuchMemory } from './fault.guest.ts';
import { createHostTree } from './hostTree.guest.ts';
import { createHttp } from './http.guest.ts';
import { importModules } from './imports.ts';
import { createMemoryTree } from './memoryTree.guest.ts';
import type { Tree } from './tree.guest.ts';
import { createVivarium, createVivariumNow } from './vivarium.guest.ts';
import { createWasi, type Wasi } from './wasi.guest.ts';
import { type Preopen, waitingFunctions } from './wasiFiles.guest.ts';

/** What every plugin needs, whichever it is. */
export interface Parts {
  readonly link: Link;
  readonly blocks: WebAssembly.Module;
  /** See `compileText`. */
  readonly text: WebAssembly.Module;
}

/** What it depends on of an actor. */
export interface Surrounded {
  /** See Limits. Bytes. */
  readonly memory: Limits['memory'];
  readonly mounts: Settings['mounts'];
}

export interface Surroundings {
  readonly caller: Caller;
  readonly blocks: Blocks;
  readonly functions: HostFunctions;
  /** Whether a module may wait for the host, by what it imports. */
  waits(module: WebAssembly.Module): boolean;
  /** Tells where the memory of the plugin lies. Without one, nothing is known of it save the maximum to which it was clamped. */
  attach(memory: Memory | undefined): void;
  /** Logs what was printed without a line end. */
  flush(): void;
  memory(): MemoryUse;
  /** @throws HostError limit.memory */
  admit(): void;
  /** The memory of the plugin and that of its blocks, at most. Bytes. */
  size(): number;
}

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** So much of the blocks is not counted, so that a plugin that fills its memory can still be answered and answer. Bytes. */
const uncounted = 1024 * 1024;

/** Where a plugin of WASI has files of its own, unless the policy has put others there. */
const temporaryFolder = '/tmp';

function preopensOf(kernel: Kernel, mounts: Settings['mounts'], caller: Caller, temporary: Tree): Preopen[] {
  const tree = createHostTree(kernel, caller);
  const granted = mounts.map(({ path }) => ({ path, tree }));
  return granted.some(({ path }) => path === temporaryFolder) ? granted : [...granted, { path: temporaryFolder, tree: temporary }];
}

/** Of the kernel's settings nothing is read: they may not be known yet. */
export function createSurroundings(kernel: Kernel, parts: Parts, { memory: limit, mounts }: Surrounded): Surroundings {
  const caller = createCaller();
  const { webAssembly } = kernel.captured;
  let memory: Memory | undefined;

  const use = (more = 0): MemoryUse => ({ used: (memory?.buffer.byteLength ?? 0) + temporary.size() + Math.max(0, blocks.size() + more - uncounted), limit });
  const admit = (more = 0): void => {
    const wanted = use(more);
    if (wanted.used > limit) throw tooMuchMemory(wanted);
  };
  const blocks: Blocks = createBlocks(webAssembly, parts.blocks, parts.text, limit + uncounted, admit);
  const temporary = createMemoryTree(
    temporaryFolder,
    () => kernel.settings.limits.handles,
    (bytes) => use(bytes + uncounted).used <= limit,
  );
  const wasi: Wasi = createWasi(kernel, preopensOf(kernel, mounts, caller, temporary));
  const vivarium = createVivarium(kernel, blocks, caller);
  const vivariumNow = createVivariumNow(blocks, caller);

  /** Only a module that may wait is called so that it can: suspending costs, and a call that cannot wait ends where it began. */
  const waiting: Readonly<Record<string, ReadonlySet<string>>> = {
    [importModules.extism]: new Set(['http_request']),
    [importModules.vivarium]: new Set(Object.keys(vivarium)),
    [importModules.wasi]: mounts.length > 0 ? waitingFunctions : new Set(),
  };
  const offered = (from: string, functions: Functions): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(caller.guarded(functions)).map(([name, run]) => [
        name,
        waiting[from]?.has(name) === true ? new webAssembly.Suspending(run as (...args: never[]) => Promise<unknown>) : run,
      ]),
    );

  return {
    caller,
    blocks,
    functions: {
      [importModules.extism]: {
        ...blocks.functions,
        length_unsafe: blocks.functions['length'],
        ...offered(importModules.extism, { ...createEnvironment(kernel, blocks), ...createHttp(kernel, blocks, caller, admit) }),
      },
      [importModules.vivarium]: offered(importModules.vivarium, { ...vivarium, ...vivariumNow }),
      [importModules.wasi]: offered(importModules.wasi, wasi.functions),
    },
    waits: (module) => webAssembly.Module.imports(module).some(({ module: from, name }) => waiting[from]?.has(name) === true),
    attach(attached) {
      memory = attached;
      wasi.attach(attached);
    },
    flush: wasi.flush,
    memory: use,
    admit,
    size: () => (memory?.buffer.byteLength ?? limit) + blocks.size(),
  };
}
