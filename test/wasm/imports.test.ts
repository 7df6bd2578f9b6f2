import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { WASI } from 'node:wasi';
import createPlugin from '@extism/extism';
import { describe, expect, it } from 'vitest';
import {
  allowedImports,
  extismFunctions,
  type HostFunctions,
  importModules,
  vivariumFunctions,
  wasiFunctions,
  wasmImportsVersion,
} from '../../runtimes/wasm/imports.ts';
import { checkModule } from '../../runtimes/wasm/module.ts';
import { assemble, body, exported, importFunction, limits, list, typeOf } from './assemble.ts';

/** A module that imports all functions of a table, as the table says. */
function importing(module: string, functions: HostFunctions): Uint8Array {
  const entries = Object.entries(functions);
  return assemble(
    list(1, [...entries.map(([, { signature }]) => typeOf(signature)), typeOf('() -> i32')]),
    list(
      2,
      entries.map(([name], index) => importFunction(module, name, index)),
    ),
    list(3, [[entries.length]]),
    list(5, [limits(1)]),
    list(7, [exported('memory', 'memory', 0), exported('handle', 'function', entries.length)]),
    list(10, [body(0x41, 0x00)]),
  );
}

describe('the table of imports', () => {
  it('is what Extism offers: every function can be linked', async () => {
    const { bytes } = checkModule(importing(importModules.extism, extismFunctions), allowedImports({ wasi: false }));
    const plugin = await createPlugin({ wasm: [{ data: bytes }] }, { useWasi: false });
    expect(await plugin.call('handle')).toBeNull();
    await plugin.close();
  });

  it('is all that Extism offers', () => {
    const source = readFileSync(createRequire(import.meta.url).resolve('@extism/extism'), 'utf8');
    const kernel = readFileSync(path.join(path.dirname(createRequire(import.meta.url).resolve('@extism/extism')), 'mod.js'), 'utf8');
    expect(source).toContain('mod.js');
    const object = kernel.slice(kernel.indexOf('this[_a] = {'), kernel.indexOf('this.#arrayBufferType = type'));
    const names = [...object.matchAll(/^ {6}([a-z0-9_]+):/gm)].map((match) => match[1]);
    expect(names.toSorted()).toEqual(Object.keys(extismFunctions).toSorted());
  });

  it('has all of WASI preview 1, with signatures that a module may import', () => {
    const { wasiImport } = new WASI({ version: 'preview1' });
    expect(Object.keys(wasiFunctions).toSorted()).toEqual(Object.keys(wasiImport as object).toSorted());
    expect(checkModule(importing(importModules.wasi, wasiFunctions), allowedImports({ wasi: true })).imports).toHaveLength(Object.keys(wasiFunctions).length);
  });

  it('is the one of the documentation', () => {
    const document = readFileSync(path.join(import.meta.dirname, '../../docs/reference/wasm-imports.md'), 'utf8');
    const documented = [...document.matchAll(/^\| `(\w+)` \| `([^`]+)` \| (.+) \|$/gm)].map(([, name, signature, meaning]) => [name, { signature, meaning }]);
    expect(documented).toEqual(Object.entries({ ...extismFunctions, ...vivariumFunctions, ...wasiFunctions }));
    expect(document).toContain(`Version ${wasmImportsVersion} `);
    for (const module of Object.values(importModules)) expect(document).toContain(`## \`${module}\``);
  });
});
