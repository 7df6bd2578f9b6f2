/** Python in the cell: the files of the interpreter, shared by all its isolates, and how the author's files enter one. */
import path from 'node:path';
import type ivm from 'isolated-vm';
import { toArrayBuffer } from '../arrayBuffer.ts';
import type { AuthorPlace, Runtime, StackReader } from '../runtime.ts';
import { findMemory, heapShare, interpreterPages, type MemoryPlace, readPages, wasmPageBytes, writePages } from './memory.ts';

type IsolatedVm = typeof ivm;
type Shared = ivm.ExternalCopy<SharedArrayBuffer>;

interface Files {
  readonly script: string;
  /** Compiled code of the script; V8 refuses it when it was made by another V8, and compiles anew. */
  readonly cache: ivm.ExternalCopy<ArrayBuffer>;
  readonly wasm: Buffer;
  readonly place: MemoryPlace;
  readonly library: Shared;
  readonly librarySize: number;
  readonly text: ivm.ExternalCopy<ArrayBuffer>;
  readonly memory: Shared;
}

/** By which its compiled code is found again. */
export const scriptName = 'pyodide.js';

const fileNames = ['pyodide.asm.wasm', 'python_stdlib.zip', 'pyodide.js', 'pyodide.cache', 'memory.snapshot'];

export function createPythonRuntime(ivm: IsolatedVm): Runtime {
  let files: Files | undefined;
  let readFiles: () => Files;
  /** The module by its maximum of pages. V8 shares the compiled code of equal modules. */
  const modules = new Map<number, Shared>();

  /** Shared memory is not copied into an isolate, it is mapped: thirty megabytes less for each. */
  const share = (bytes: Uint8Array): Shared => {
    const buffer = createSharedBuffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    return new ivm.ExternalCopy(buffer);
  };

  const moduleFor = (files: Files, memory: number): Shared => {
    const pages = interpreterPages(memory);
    const known = modules.get(pages);
    if (known !== undefined) return known;
    const clamped = Uint8Array.from(files.wasm);
    writePages(clamped, files.place.maximum, pages);
    const shared = share(clamped);
    modules.set(pages, shared);
    return shared;
  };

  return {
    name: 'python',
    synchronous: true,

    prepare(open) {
      const textFile = open('text.wasm');
      const [wasmFile, libraryFile, scriptFile, cacheFile, memoryFile] = fileNames.map((name) => open(`python/${name}`)) as [
        () => Buffer,
        () => Buffer,
        () => Buffer,
        () => Buffer,
        () => Buffer,
      ];
      readFiles = () => {
        const wasm = wasmFile();
        const library = libraryFile();
        return {
          script: scriptFile().toString('utf8'),
          cache: new ivm.ExternalCopy(toArrayBuffer(cacheFile())),
          wasm,
          place: findMemory(wasm),
          library: share(library),
          librarySize: library.length,
          text: new ivm.ExternalCopy(toArrayBuffer(textFile())),
          memory: share(memoryFile()),
        };
      };
    },

    heap: (limits) => Math.ceil(heapShare(limits.memory) / (1024 * 1024)),

    async warm(isolate, context, memory) {
      files ??= readFiles();
      const least = readPages(files.wasm, files.place.minimum);
      if (interpreterPages(memory) < least) {
        throw new Error(`Python needs ${leastMemory(least)} bytes of memory to start, and this actor may have ${memory}`);
      }
      const script = await isolate.compileScript(files.script, { filename: scriptName, cachedData: files.cache });
      const factory = (await script.run(context, { reference: true })) as ivm.Reference<() => void>;
      const sizes = JSON.stringify([files.wasm.length, files.librarySize]);
      const buffers = [moduleFor(files, memory), files.library, files.text, files.memory];
      return [factory.derefInto({ release: true }), sizes, ...buffers.map((buffer) => buffer.copyInto())];
    },

    async load(_isolate, _context, { source }, payloads) {
      if (source.runtime !== 'python') throw new Error('not a Python actor');
      // They lie in the isolate as they lie in the base folder: tracebacks name files as the manifest does.
      const names = source.files.map((file) => path.posix.join(path.posix.dirname(source.file), file));
      return [JSON.stringify(names), ...payloads.map((payload) => payload.toString('utf8'))];
    },

    locate: () => locate,
  };
}

/** The least limit of memory whose share for the interpreter has so many pages. */
function leastMemory(pages: number): number {
  let memory = pages * wasmPageBytes;
  while (interpreterPages(memory) < pages) memory += wasmPageBytes;
  return memory;
}

/** Stacks leave the isolate with the author's frames alone, the innermost last. */
const locate: StackReader = (stack): AuthorPlace => {
  const places = [...(stack ?? '').matchAll(/^ {2}File "([^"\n]+)", line (\d+)/gm)];
  const last = places.at(-1);
  return last === undefined ? { stack } : { stack, file: last[1] as string, line: Number(last[2]) };
};

/** `--enable-sharedarraybuffer-per-context` takes the constructor away; a shared memory still has such a buffer. */
function createSharedBuffer(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / wasmPageBytes);
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: new (descriptor: object) => { buffer: SharedArrayBuffer } } }).WebAssembly;
  return new Memory({ initial: pages, maximum: pages, shared: true }).buffer;
}
