/** WebAssembly: the module is read, checked and clamped. It is never compiled in the host. */
import { createHash } from 'node:crypto';
import { defaultLimits } from '../../runtimes/limits.ts';
import { allowedImports } from '../../runtimes/wasm/imports.ts';
import { type CheckedExport, checkModule, defaultModuleLimits, pageBytes } from '../../runtimes/wasm/module.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { type Base, findEntry, readSource } from './base.ts';
import type { ActorSource, WasmSource } from './source.ts';

/** @throws VivariumError `source.outside`, `source.missing`, `source.invalid`, `actor.inlet`, `limit.memory` */
export async function loadWasm(actor: ActorSource, base: Base): Promise<WasmSource> {
  if (actor.source === undefined)
    throw new VivariumError('source.invalid', 'A WASM actor cannot be written inline.', { actor: actor.name, hint: 'Write `source: ./module.wasm`.' });
  const file = findEntry(base, actor.source);
  const bytes = await readSource(file, defaultModuleLimits.bytes, (size) => tooLarge(file.name, size));
  try {
    const memoryPages = Math.floor((actor.memory ?? defaultLimits.wasm.memory) / pageBytes);
    const module = checkModule(bytes, allowedImports({ wasi: actor.wasi ?? false }), { memoryPages });
    for (const name of actor.functions ?? []) requireFunction(module.exports, name, actor.name);
    const hash = createHash('sha256').update(module.bytes).digest('hex');
    return { runtime: 'wasm', file: file.name, bytes: module.bytes, imports: module.imports, exports: module.exports, hash };
  } catch (error) {
    if (!(error instanceof VivariumError)) throw error;
    throw new VivariumError(error.code, error.message, { ...error.record, file: file.name, cause: error });
  }
}

/** Extism calls functions without arguments: the message is read, the result set, by calls to the host. */
function requireFunction(exports: readonly CheckedExport[], name: string, actor: string): void {
  const found = exports.find((entry) => entry.name === name && entry.kind === 'function');
  if (found === undefined) {
    const functions = exports.filter(({ kind }) => kind === 'function').map((entry) => entry.name);
    throw new VivariumError('actor.inlet', `The module exports no function ${JSON.stringify(name)}.`, {
      actor,
      hint: `It exports ${functions.slice(0, 20).join(', ') || 'no function at all'}.`,
    });
  }
  if (found.signature?.startsWith('()') !== true) {
    throw new VivariumError(
      'source.invalid',
      `The function ${JSON.stringify(name)} is ${found.signature}; a function of an Extism plugin takes no arguments.`,
      {
        hint: 'Read the message with the PDK: Host.inputString() and the like.',
      },
    );
  }
}

const tooLarge = (file: string, size: number): VivariumError =>
  new VivariumError('source.invalid', `The module ${file} has ${size} bytes; ${defaultModuleLimits.bytes} are allowed.`, {
    file,
    hint: 'Build it for size, without debug information.',
  });
