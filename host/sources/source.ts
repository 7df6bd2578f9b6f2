/** What a source is before it is loaded, and after: the payloads of `create`, see ActorPlan in runtimes/protocol.ts. */
import type { RuntimeName } from '../../runtimes/protocol.ts';
import type { CheckedExport, CheckedImport } from '../../runtimes/wasm/module.ts';

/** What the manifest says about the code of one actor. Either `source` or `code`. */
export interface ActorSource {
  readonly name: string;
  readonly runtime: RuntimeName;
  /** A path from the base folder. */
  readonly source?: string | undefined;
  /** The code itself; not for WASM. Its relative imports start at the base folder. */
  readonly code?: string | undefined;
  /** For WASM: bytes that the memory of the module may grow to. */
  readonly memory?: number | undefined;
  /** For WASM: whether the module may import WASI. */
  readonly wasi?: boolean | undefined;
  /** For WASM: functions that the manifest names and the module must therefore export. */
  readonly functions?: readonly string[] | undefined;
}

interface Loaded {
  /** The entry, from the base folder. */
  readonly file: string;
  /** SHA-256, in hex, of all that a cell gets of the source. */
  readonly hash: string;
}

export interface JavaScriptSource extends Loaded {
  readonly runtime: 'javascript';
  /** The body of an async function that returns the exports, see functionBody.ts. */
  readonly code: string;
  /** A source map (version 3, JSON) of `code`; its sources are paths from the base folder. */
  readonly map: string;
  readonly exports: readonly string[];
  /** What esbuild warns of, as `file:line:column: text`. */
  readonly warnings: readonly string[];
}

export interface PythonSource extends Loaded {
  readonly runtime: 'python';
  /** The entry, then every other Python file of its folder. Paths are relative to that folder. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

export interface WasmSource extends Loaded {
  readonly runtime: 'wasm';
  /** The module as a cell may compile it: imports allowed, memory and tables clamped. */
  readonly bytes: Uint8Array;
  readonly imports: readonly CheckedImport[];
  readonly exports: readonly CheckedExport[];
}

export type LoadedSource = JavaScriptSource | PythonSource | WasmSource;
