/**
 * Builds what a cell needs for Python, into `python/`: Pyodide as a script, its module with room for the snapshot, the standard
 * library, the memory of an interpreter that has started, and the compiled code of the script.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import ivm from 'isolated-vm';
import { toArrayBuffer } from '../arrayBuffer.ts';
import { findMemory, wasmPageBytes, writePages } from '../python/memory.ts';
import { scriptName } from '../python/python.ts';
import { cellFlags, compiledCode } from './compiledCode.ts';

/** Our modules, in the order in which they run. */
const modules = [
  'host',
  'message_values',
  'message_text',
  'message_binary',
  'message',
  'quick',
  'ahead',
  'vivarium',
  'failure',
  'output',
  'loop',
  'network',
  'http_client',
  'fetch',
  'httpx_transport',
  'imports',
  'actor',
] as const;

/**
 * What of the standard library an instance finds imported: what actors that compute over records use, and what these import.
 * Anything else is imported from the library when it is asked for.
 */
const imports = [
  'asyncio',
  'base64',
  'bisect',
  'calendar',
  'collections',
  'contextlib',
  'copy',
  'csv',
  'dataclasses',
  'datetime',
  'decimal',
  'enum',
  'functools',
  'hashlib',
  'heapq',
  'inspect',
  'io',
  'itertools',
  'json',
  'logging',
  'math',
  'operator',
  'os',
  'pathlib',
  'random',
  're',
  'statistics',
  'string',
  'struct',
  'textwrap',
  'time',
  'traceback',
  'typing',
  'urllib.parse',
  'uuid',
  'warnings',
] as const;

const MiB = 1024 * 1024;

export async function buildPython(folder: string): Promise<void> {
  const pyodide = dirname(createRequire(import.meta.url).resolve('pyodide/package.json'));
  const target = join(folder, 'python');
  mkdirSync(target, { recursive: true });

  const script = factoryScript(readFileSync(join(pyodide, 'pyodide.asm.mjs'), 'utf8'), readFileSync(join(pyodide, 'pyodide.mjs'), 'utf8'));
  const wasm = readFileSync(join(pyodide, 'pyodide.asm.wasm'));
  const library = readFileSync(join(pyodide, 'python_stdlib.zip'));
  const text = readFileSync(join(folder, 'text.wasm'));
  const { snapshot, pages, compiled } = await startInterpreter(readFileSync(join(folder, 'guest.snapshot')), script, [wasm, library, text]);
  writePages(wasm, findMemory(wasm).minimum, pages);

  writeFileSync(join(target, 'pyodide.js'), script);
  writeFileSync(join(target, 'pyodide.asm.wasm'), wasm);
  writeFileSync(join(target, 'python_stdlib.zip'), library);
  writeFileSync(join(target, 'memory.snapshot'), snapshot);
  writeFileSync(join(target, 'pyodide.cache'), compiled);
}

/**
 * Pyodide's two modules as one function of what they may have beside the globals. As text, because both use direct `eval`,
 * which a bundler cannot move; and a script, because isolated-vm evaluates modules outside the time limit.
 */
function factoryScript(interpreter: string, loader: string): string {
  const body = (code: string, exported: string, returned: string): string => {
    const script = code.replace(/\/\/# sourceMappingURL=.*\n?/g, '').replaceAll('import.meta.url', '"file:///pyodide.js"');
    if (script.split(exported).length !== 2) throw new Error(`Pyodide does not end in \`${exported}\` any more`);
    return script.replace(exported, returned);
  };
  // In parentheses V8 compiles it with the script, and so the compiled code that is kept holds it.
  const create = body(interpreter, 'export default _createPyodideModule;', ');').replace(
    'async function _createPyodideModule(',
    'return (async function _createPyodideModule(',
  );
  const load = body(loader, 'export{dt as loadPyodide,U as version};', 'return dt;');
  return `(function (WebAssembly, { FinalizationRegistry, WeakRef, console }) {
  const fetch = undefined, location = undefined, Atomics = undefined, SharedArrayBuffer = undefined;
  return { create: (function () { "use strict"; ${create}\n})(), load: (function () { "use strict"; ${load}\n})() };
})`;
}

/** Starts an interpreter in an isolate as a cell would, by the same bootstrap, and takes its memory, and what V8 has compiled of the script. */
async function startInterpreter(
  guest: Buffer,
  script: string,
  files: readonly [wasm: Buffer, library: Buffer, text: Buffer],
): Promise<{ snapshot: Uint8Array; pages: number; compiled: Uint8Array }> {
  for (const flag of cellFlags) setFlagsFromString(flag);
  const isolate = new ivm.Isolate({ memoryLimit: 1024, snapshot: new ivm.ExternalCopy(toArrayBuffer(guest)) });
  try {
    const context = await isolate.createContext();
    const factory = (await (await isolate.compileScript(script, { filename: scriptName })).run(context, { reference: true })) as ivm.Reference<() => void>;
    const target = new SharedArrayBuffer(256 * MiB);
    const preload = { imports, modules: modules.map((name) => [name === 'vivarium' ? name : `vivarium.${name}`, source(name)]) };
    const given = [
      'python',
      factory.derefInto(),
      JSON.stringify([files[0].length, files[1].length]),
      ...files.map((bytes) => new ivm.ExternalCopy(toArrayBuffer(bytes)).copyInto()),
      undefined,
      JSON.stringify(preload),
      new ivm.ExternalCopy(target).copyInto(),
    ];
    await context.evalClosure('__boot(() => {}, new ArrayBuffer(32)); return __warm(...arguments)', given, {
      result: { promise: true, copy: true },
      timeout: 120_000,
    });
    const [length, bytes] = new Uint32Array(target, 0, 2) as unknown as [number, number];
    if (length === 0) throw new Error('the memory snapshot of Python could not be made');
    return { snapshot: new Uint8Array(target.slice(8, 8 + length)), pages: bytes / wasmPageBytes, compiled: await compiledCode(isolate, script, scriptName) };
  } finally {
    isolate.dispose();
  }
}

const source = (name: string): string => readFileSync(join(import.meta.dirname, '../python', `${name}.py`), 'utf8');
