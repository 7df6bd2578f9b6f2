/** From what a manifest says about the code of an actor to what its cell gets. Nothing is run or compiled here. */
import { VivariumError } from '../../sdk/errors.ts';
import { type Base, openBase } from './base.ts';
import { loadJavaScript, loadJavaScriptTogether, type LoadOptions } from './javascript.ts';
import { loadPython } from './python.ts';
import type { ActorSource, LoadedSource } from './source.ts';
import { loadWasm } from './wasm.ts';

export { Bundlers } from './bundlers.ts';
export { SourceCache } from './cache.ts';
export { CacheFolder } from './cacheFolder.ts';
export type { LoadOptions } from './javascript.ts';
export { linesBefore } from './functionBody.ts';
export type { ActorSource, JavaScriptSource, LoadedSource, PythonSource, WasmSource } from './source.ts';
export { loadJavaScriptTogether, openBase, type Base };

/**
 * Loads the source of an actor. Every file it consists of lies, after links are resolved, inside the base folder.
 *
 * @param base the folder of the manifest, or the one that the embedder names.
 * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`, for WASM also `limit.memory`, with the
 * author's file, line and column where there are any; `host.unsupported` when the bundler cannot run.
 * @example
 * const loaded = await loadSource({ name: 'clean', runtime: 'javascript', source: './clean.ts' }, '/srv/flows/demo');
 */
export async function loadSource(actor: ActorSource, base: string | Base, options: LoadOptions = {}): Promise<LoadedSource> {
  const folder = typeof base === 'string' ? openBase(base) : base;
  if ((actor.source === undefined) === (actor.code === undefined)) {
    throw new VivariumError('source.invalid', `The actor ${actor.name} must have either a source or code.`, {
      actor: actor.name,
      hint: 'Write `source: ./file`, or `code: |`.',
    });
  }
  switch (actor.runtime) {
    case 'javascript':
      return await loadJavaScript(actor, folder, options);
    case 'python':
      return await loadPython(actor, folder);
    case 'wasm':
      return await loadWasm(actor, folder);
  }
}
