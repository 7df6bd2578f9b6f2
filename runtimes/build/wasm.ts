/**
 * Builds what a WASM actor needs in its isolate, into `wasm/`: the part of the bootstrap that only it has and Extism's browser build as one script,
 * the code that V8 made of it while it ran an actor, and the memory blocks.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { main as compile } from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';
import { build, type Plugin } from 'esbuild';
import ivm from 'isolated-vm';
import { toArrayBuffer } from '../arrayBuffer.ts';
import { plan } from '../cell/trial.ts';
import { settingsOf } from '../cell/settings.ts';
import { defaultLimits } from '../limits.ts';
import { scriptName } from '../wasm/wasm.ts';
import { cellFlags, compiledCode } from './compiledCode.ts';
import { demandAnswers, rehearsal } from './rehearsal.ts';

const root = join(import.meta.dirname, '../..');

/** Writes `wasm/script.js`, `wasm/script.cache` and `wasm/blocks.wasm` to the folder of the cell, in which `guest.snapshot` and `text.wasm` lie. */
export async function buildWasm(folder: string): Promise<void> {
  const target = join(folder, 'wasm');
  mkdirSync(target, { recursive: true });
  const script = `({ open: ${await bundleLanguage()}, extism: ${await bundleExtism()} })`;
  const blocks = await compileBlocks();
  writeFileSync(join(target, 'script.js'), script);
  writeFileSync(join(target, 'blocks.wasm'), blocks);
  writeFileSync(
    join(target, 'script.cache'),
    await rehearse(script, [blocks, readFileSync(join(folder, 'text.wasm'))], readFileSync(join(folder, 'guest.snapshot'))),
  );
}

const common = { bundle: true, format: 'iife', target: 'es2024', minify: true, write: false, legalComments: 'none', logLevel: 'error' } as const;

/** A function of what guest/offered.ts has. */
async function bundleLanguage(): Promise<string> {
  const entryPoint = join(root, 'runtimes/wasm/warm.guest.ts');
  const result = await build({ ...common, entryPoints: [entryPoint], globalName: 'language', platform: 'neutral', plugins: [takenFromBootstrap] });
  return `function(offered){${result.outputFiles[0]?.text ?? ''}return language}`;
}

/** What the bootstrap offers, and the modules that it is from. Imported by their paths: the compiler takes them for what runs in an isolate. */
const offer = join(root, 'runtimes/guest/offered.ts');
const modules = ['sdk/errors.ts', 'sdk/codec/binary-writer.ts', 'sdk/codec/utf8.ts', 'runtimes/guest/codec.ts', 'runtimes/guest/failure.ts'].map((file) =>
  join(root, file),
);

/** In place of such a module the script has what is offered of it: importing anything else of it ends the build. */
const takenFromBootstrap: Plugin = {
  name: 'taken-from-bootstrap',
  async setup({ onLoad }) {
    const offered = (await import(offer)) as object;
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!modules.includes(path)) return undefined;
      const names = Object.keys((await import(path)) as object).filter((name) => name in offered);
      return { contents: `export const { ${names.join(', ')} } = offered;`, loader: 'js' };
    });
  },
};

/** The program of Extism's worker is half of the file, and no isolate can start a worker. */
const workerProgram = /"data:text\/javascript;base64,[^"]*"/;

/**
 * What Extism would take from the global scope comes as parameters, because an isolate has none of it: `WebAssembly` is the bootstrap's,
 * with an `instantiate` that needs no task of V8's.
 */
async function bundleExtism(): Promise<string> {
  const entry = { contents: "export { createPlugin } from '@extism/extism';", resolveDir: root };
  const result = await build({ ...common, stdin: entry, globalName: 'extism', platform: 'browser' });
  const code = (result.outputFiles[0]?.text ?? '').replace(workerProgram, '""');
  return `function(WebAssembly,{Atomics,Headers,Response,SharedArrayBuffer,TextDecoder,TextEncoder,URL,Worker,fetch}){${code}return extism}`;
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

/** A plugin that gives back what it gets. */
const echo = `(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $give (param i64 i64)))
  (memory (export "memory") 1 1)
  (func (export "handle") (result i32) (call $give (call $offset) (call $length)) (i32.const 0)))`;

/** Runs an actor, and takes what V8 has compiled of the script by then. */
async function rehearse(script: string, files: readonly Uint8Array[], snapshot: Buffer): Promise<Uint8Array> {
  for (const flag of cellFlags) setFlagsFromString(flag);
  const isolate = new ivm.Isolate({ snapshot: new ivm.ExternalCopy(toArrayBuffer(snapshot)) });
  try {
    const context = await isolate.createContext();
    const evaluated = (await (await isolate.compileScript(script, { filename: scriptName })).run(context, { reference: true })) as ivm.Reference<object>;
    const [module, ...others] = [binaryen.parseText(echo).emitBinary(), ...files].map((bytes) => new ivm.ExternalCopy(toArrayBuffer(bytes)).copyInto());
    const source = { runtime: 'wasm', file: 'echo.wasm', input: 'json', output: 'json', wasi: false } as const;
    const settings = settingsOf({ ...plan, runtime: 'wasm', limits: defaultLimits.wasm, source }, false);
    // Doors leave their decoy behind.
    await context
      .evalClosure(rehearsal('1', '$0, undefined, $1', `__warm('wasm', $2, $3, $4, ${defaultLimits.wasm.memory})`), [
        JSON.stringify(settings),
        module,
        evaluated.derefInto(),
        ...others,
      ])
      .catch(() => undefined);
    await demandAnswers(context, '1');
    return await compiledCode(isolate, script, scriptName);
  } finally {
    isolate.dispose();
  }
}
