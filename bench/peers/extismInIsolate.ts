/** Extism's browser build in a bare isolate, called by a loop inside: what its calls cost when nothing goes in or out. */
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import ivm from 'isolated-vm';
import { rate } from '../timing.ts';

export interface Task {
  readonly plugin: string;
  /** Isolates that call at once. */
  readonly isolates: number;
  readonly calls: number;
  readonly repetitions: number;
}

/** What Extism expects of its surroundings and an isolate does not have. */
const surroundings = `
  import { TextDecoder, TextEncoder } from '@exodus/bytes/encoding-lite.js';
  Object.assign(globalThis, { TextDecoder, TextEncoder, console: { trace() {}, debug() {}, log() {}, warn() {}, error() {} } });
  for (const name of ['Headers', 'Response', 'SharedArrayBuffer', 'URL', 'AbortController']) globalThis[name] ??= class {};
  globalThis.fetch = () => { throw new Error('there is no network'); };
  WebAssembly.instantiate = async (module, imports) => new WebAssembly.Instance(module, imports);
  WebAssembly.compile = async (bytes) => new WebAssembly.Module(bytes);`;

const loop = `
  import { createPlugin } from '@extism/extism';
  const input = new TextEncoder().encode('{"n":1}');
  let plugin;
  export const load = async (bytes) => { plugin = await createPlugin({ wasm: [{ module: new WebAssembly.Module(bytes) }] }, { useWasi: false }); };
  export const run = async (calls) => { for (let n = 0; n < calls; n++) (await plugin.call('handle', input)).bytes(); };`;

async function bundled(contents: string, globalName: string, platform: 'browser' | 'neutral'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'iife',
    globalName,
    platform,
    // A browser would have what is bundled here for an isolate that has nothing.
    conditions: platform === 'neutral' ? ['import', 'module', 'default'] : ['browser'],
    target: 'es2024',
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

async function open(plugin: string): Promise<ivm.Reference> {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  await context.eval(await bundled(surroundings, 'surroundings', 'neutral'));
  await context.eval(await bundled(loop, 'bench', 'browser'));
  const file = readFileSync(plugin);
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  await context.evalClosure('return bench.load($0)', [new ivm.ExternalCopy(bytes).copyInto()], { result: { promise: true } });
  return (await context.eval('bench.run', { reference: true })) as ivm.Reference;
}

export async function measure({ plugin, isolates, calls, repetitions }: Task): Promise<Record<string, number>> {
  const loops = await Promise.all(Array.from({ length: isolates }, () => open(plugin)));
  const run = () => Promise.all(loops.map((each) => each.apply(undefined, [calls], { result: { promise: true } })));
  return { rate: await rate(repetitions, isolates * calls, run) };
}
