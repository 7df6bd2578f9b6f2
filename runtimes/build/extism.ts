/** Builds what a WASM actor needs in its isolate: Extism's browser build as one function, and the memory blocks. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main as compile } from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** Writes `extism/extism.js` and `extism/blocks.wasm` to the folder of the cell. */
export async function buildExtism(folder: string): Promise<void> {
  const target = join(folder, 'extism');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'extism.js'), await bundleExtism());
  writeFileSync(join(target, 'blocks.wasm'), await compileBlocks());
}

/** The program of Extism's worker is half of the file, and no isolate can start a worker. */
const workerProgram = /"data:text\/javascript;base64,[^"]*"/;

/**
 * One function expression. What Extism would take from the global scope comes as parameters, because an isolate has none
 * of it: `WebAssembly` is the bootstrap's, with an `instantiate` that needs no task of V8's.
 */
async function bundleExtism(): Promise<string> {
  const result = await build({
    stdin: { contents: "export { createPlugin } from '@extism/extism';", resolveDir: root },
    bundle: true,
    format: 'iife',
    globalName: 'extism',
    platform: 'browser',
    target: 'es2024',
    minify: true,
    write: false,
    legalComments: 'none',
    logLevel: 'error',
  });
  const code = (result.outputFiles[0]?.text ?? '').replace(workerProgram, '""');
  return `(function(WebAssembly,{Atomics,Headers,Response,SharedArrayBuffer,TextDecoder,TextEncoder,URL,Worker,fetch}){${code}return extism})`;
}

/** @throws Error with the compiler's diagnostics. */
async function compileBlocks(): Promise<Uint8Array> {
  let written: Uint8Array | string | undefined;
  const options = ['--baseDir', root, '--outFile', 'blocks.wasm', '--runtime', 'stub', '--importMemory', '--optimizeLevel', '3', '--converge'];
  const { error, stderr } = await compile(['runtimes/wasm/assembly/blocks.ts', ...options], {
    writeFile: (_name, content) => {
      written = content;
    },
  });
  if (error !== null || !(written instanceof Uint8Array)) throw new Error(`the memory blocks do not compile\n${stderr.toString()}`, { cause: error });
  return written;
}
