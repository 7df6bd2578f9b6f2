/** WebAssembly as the cell sees it: Extism's script goes in as a function, the checked module as bytes. */
import type { CachedDataResult, ExternalCopy, Isolate } from 'isolated-vm';
import { toArrayBuffer } from '../arrayBuffer.ts';
import type { IsolatedVm } from '../cell/addon.ts';
import type { Runtime, StackReader } from '../runtime.ts';

const MiB = 1024 * 1024;

/**
 * What Extism, the bootstrap and the values of a message take beside the memory of the plugin. MiB. With the default limits it makes the
 * heap that JavaScript has by default, so that an isolate that was made ahead serves either.
 */
const heapBeside = 56;

export function createWasmRuntime(ivm: IsolatedVm): Runtime {
  let files: { readonly script: string; readonly blocks: Buffer; readonly text: Buffer } | undefined;
  let readFiles: () => { readonly script: string; readonly blocks: Buffer; readonly text: Buffer };
  /** V8's own cache of the script, made by the first isolate of this cell and kept in its memory. */
  let cache: ExternalCopy<ArrayBuffer> | undefined;

  const compile = async (isolate: Isolate, script: string) => {
    const options = { filename: 'extism.js' };
    if (cache !== undefined) return isolate.compileScript(script, { ...options, cachedData: cache });
    const compiled = await isolate.compileScript(script, { ...options, produceCachedData: true });
    cache = (compiled as CachedDataResult).cachedData;
    return compiled;
  };

  return {
    name: 'wasm',
    synchronous: false,
    prepare(open) {
      const [script, blocks, text] = [open('extism/extism.js'), open('extism/blocks.wasm'), open('text.wasm')];
      readFiles = () => ({ script: script().toString('utf8'), blocks: blocks(), text: text() });
    },
    heap: (limits) => heapBeside + Math.ceil(limits.message / MiB) * 8,
    async load(isolate, context, _plan, payloads) {
      files ??= readFiles();
      const compiled = await compile(isolate, files.script);
      const extism = await compiled.run(context, { reference: true });
      return [extism.derefInto({ release: true }), copyInto(ivm, payloads[0] ?? Buffer.alloc(0)), copyInto(ivm, files.blocks), copyInto(ivm, files.text)];
    },
    locate: () => readStack,
  };
}

const copyInto = (ivm: IsolatedVm, bytes: Buffer): unknown => new ivm.ExternalCopy(toArrayBuffer(bytes)).copyInto({ release: true });

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
