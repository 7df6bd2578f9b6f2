/** WebAssembly as the cell sees it: what only its isolates need of the bootstrap goes in as a script, the checked module as bytes. */
import type { ExternalCopy, Reference } from 'isolated-vm';
import { toArrayBuffer } from '../arrayBuffer.ts';
import type { IsolatedVm } from '../cell/addon.ts';
import type { Runtime, StackReader } from '../runtime.ts';

const MiB = 1024 * 1024;

/** By which its compiled code is found again. */
export const scriptName = '<vivarium-wasm>';

/**
 * What Extism, the bootstrap and the values of a message take beside the memory of the plugin. MiB. With the default limits it makes the
 * heap that JavaScript has by default, so that an isolate that was made ahead serves either.
 */
const heapBeside = 56;

interface Files {
  readonly script: string;
  /** Compiled code of the script; V8 refuses it when it was made by another V8, and compiles anew. */
  readonly cache: ExternalCopy<ArrayBuffer>;
  readonly blocks: ExternalCopy<ArrayBuffer>;
  readonly text: ExternalCopy<ArrayBuffer>;
}

export function createWasmRuntime(ivm: IsolatedVm): Runtime {
  let files: Files | undefined;
  let readFiles: () => Files;
  const outside = (bytes: Buffer): ExternalCopy<ArrayBuffer> => new ivm.ExternalCopy(toArrayBuffer(bytes));

  return {
    name: 'wasm',
    synchronous: false,
    prepare(open) {
      const [script, cache, blocks, text] = [open('wasm/script.js'), open('wasm/script.cache'), open('wasm/blocks.wasm'), open('text.wasm')];
      readFiles = () => ({ script: script().toString('utf8'), cache: outside(cache()), blocks: outside(blocks()), text: outside(text()) });
    },
    heap: (limits) => heapBeside + Math.ceil(limits.message / MiB) * 8,
    async warm(isolate, context, memory) {
      files ??= readFiles();
      const script = await isolate.compileScript(files.script, { filename: scriptName, cachedData: files.cache });
      const evaluated = (await script.run(context, { reference: true })) as Reference<object>;
      return [evaluated.derefInto({ release: true }), files.blocks.copyInto(), files.text.copyInto(), memory];
    },
    load: async (_isolate, _context, _plan, payloads) => [outside(payloads[0] ?? Buffer.alloc(0)).copyInto({ release: true })],
    locate: () => readStack,
  };
}

/** A frame of a plugin, as V8 writes it. Names come from the module's section of names, if it has one: `MODULE.FUNCTION`. */
const frame = /^\s+at (?:async )?(?:(?<name>.+) \()?wasm:\/\/wasm\/(?:(?<module>.+)-)?[0-9a-f]+:(?<place>wasm-function\[\d+\]):0x[0-9a-f]+\)?$/;

/** Keeps the plugin's own functions: the other frames show how a plugin is run, and nobody can mend them. */
const readStack: StackReader = (stack) => {
  const frames: string[] = [];
  for (const line of (stack ?? '').split('\n')) {
    const match = frame.exec(line)?.groups;
    if (match === undefined) continue;
    const { name, module, place } = match;
    frames.push(`    at ${name === undefined ? place : module === undefined ? name : name.replace(`${module}.`, '')}`);
  }
  return { stack: frames.length === 0 ? undefined : frames.join('\n') };
};
