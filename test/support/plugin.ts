/** WASM actors in tests: the plugins that the build compiles, or modules written as WebAssembly text. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import binaryen from 'assemblyscript/binaryen';
import { onTestFinished } from 'vitest';
import { defaultLimits } from '../../runtimes/limits.ts';
import type { WasmCodec } from '../../runtimes/protocol.ts';
import { allowedImports } from '../../runtimes/wasm/imports.ts';
import { checkModule, pageBytes } from '../../runtimes/wasm/module.ts';
import { Fallen, type InstanceOptions, TestInstance } from './isolate.ts';

const folder = join(import.meta.dirname, '../../dist/test/plugins');

export interface PluginOptions extends Partial<InstanceOptions> {
  readonly input?: WasmCodec;
  readonly output?: WasmCodec;
  readonly wasi?: boolean;
}

/** Starts a plugin as the host has it checked and clamped; it is disposed when the test ends. */
export async function startPlugin(plugin: string | Uint8Array, options: PluginOptions = {}): Promise<TestInstance> {
  const { input = 'json', output = input, wasi = false, ...rest } = options;
  const source = typeof plugin === 'string' ? readFileSync(join(folder, `${plugin}.wasm`)) : plugin;
  const memory = options.limits?.memory ?? defaultLimits.wasm.memory;
  const { bytes } = checkModule(source, allowedImports({ wasi }), { memoryPages: Math.floor(memory / pageBytes) });
  const instance = await TestInstance.start({ ...rest, source: { runtime: 'wasm', file: 'plugin.wasm', input, output, wasi }, payloads: [bytes] });
  onTestFinished(() => instance.dispose());
  return instance;
}

/** A module from WebAssembly text; `(module …)` stands around it already. */
export function wat(text: string): Uint8Array {
  const module = binaryen.parseText(`(module ${text})`);
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error('the module is not valid');
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** Imports of Extism's functions for {@link wat}, by name and signature: `alloc: '(param i64) (result i64)'`. */
export const imports = (functions: Readonly<Record<string, string>>, module = 'extism:host/env'): string =>
  Object.entries(functions)
    .map(([name, signature]) => `(import "${module}" "${name}" (func $${name} ${signature}))`)
    .join('\n');

/** What ended the isolate in which this ran. */
export async function fallen(running: Promise<unknown>): Promise<Fallen['by']> {
  const error = await running.catch((thrown: unknown) => thrown);
  if (!(error instanceof Fallen)) throw new Error('the isolate lives', { cause: error });
  return error.by;
}
