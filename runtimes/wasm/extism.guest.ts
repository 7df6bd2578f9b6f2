/**
 * Extism's browser build, as far as it is used: it links a module to its imports by Extism's rules and runs what its language needs
 * first (`_initialize`, `hs_init`, `_start`). The functions that it links are ours: its memory has no bound, its `http_request`
 * follows redirects, and its WASI has a finer clock than a guest may have.
 */
import type { Captured } from '../guest/realm.ts';

/** Functions by the module and the name under which plugins import them. */
export type HostFunctions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Extism's file: see build/wasm.ts. */
export type ExtismScript = (webAssembly: object, globals: object) => { createPlugin(manifest: object, options: object): Promise<ExtismPlugin> };

interface ExtismPlugin {
  getInstance(): Promise<unknown>;
}

/**
 * Makes an instance of a module, which `created` is given. Its `_initialize` is left to whoever has it.
 * One at a time. @throws what the module's own start throws, and `LinkError` for an import that is not there.
 */
export type Link = (module: WebAssembly.Module, wasi: boolean, functions: HostFunctions, created: (instance: WebAssembly.Instance) => void) => Promise<void>;

export function loadExtism(script: ExtismScript, webAssembly: Captured['webAssembly']): Link {
  let linking: { readonly functions: HostFunctions; readonly created: (instance: WebAssembly.Instance) => void } | undefined;

  /** Synchronous, because V8's own would settle from a task outside every time limit; in an isolate it never settles. */
  const instantiate = (module: WebAssembly.Module, imports: Record<string, Record<string, unknown>>): WebAssembly.Instance => {
    if (linking === undefined) throw new Error('nothing is to be linked');
    const { functions, created } = linking;
    const linked: Record<string, Record<string, unknown>> = {};
    for (const [from, names] of Object.entries(imports)) linked[from] = Object.fromEntries(Object.keys(names).map((name) => [name, functions[from]?.[name]]));
    const instance = new webAssembly.Instance(module, linked);
    created(instance);
    // What a reactor runs first may wait for the host, and Extism would not wait for it.
    return { exports: { ...instance.exports, _initialize: undefined } } as never;
  };

  const missing = class {};
  const extism = script(
    { Module: webAssembly.Module, instantiate },
    // The codecs are for its own functions, none of which is linked: those of the realm would be made for it.
    { Atomics: { waitAsync() {} }, Headers: missing, Response: missing, SharedArrayBuffer: missing, TextDecoder: missing, TextEncoder: missing, URL: missing },
  );

  return async (module, wasi, functions, created) => {
    linking = { functions, created };
    try {
      const plugin = await extism.createPlugin(
        { wasm: [{ module }] },
        { functions: standInsFor(webAssembly.Module.imports(module), functions), useWasi: wasi, config: {}, logger: silent, logLevel: 'silent' },
      );
      await plugin.getInstance();
    } finally {
      linking = undefined;
    }
  };
}

/** For those that the module imports: Extism wraps each function that it is given. */
function standInsFor(imports: readonly { readonly module: string; readonly name: string }[], functions: HostFunctions): HostFunctions {
  const imported = (from: string, offered: object) => imports.filter(({ module, name }) => module === from && Object.hasOwn(offered, name));
  return Object.fromEntries(
    Object.entries(functions).map(([from, offered]) => [from, Object.fromEntries(imported(from, offered).map(({ name }) => [name, () => {}]))]),
  );
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
