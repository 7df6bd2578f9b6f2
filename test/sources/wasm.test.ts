import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type ActorSource, loadSource, type WasmSource } from '../../host/sources/index.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';

const echo = readFileSync(path.join(import.meta.dirname, '../../dist/test/plugins/echo.wasm'));

async function load(actor: Partial<ActorSource>, module: Uint8Array = echo): Promise<WasmSource> {
  const base = makeFolder({ 'lib/module.wasm': module });
  return (await loadSource({ name: 'actor', runtime: 'wasm', source: './lib/module.wasm', ...actor }, base)) as WasmSource;
}

it('gives the checked module, its imports and exports', async () => {
  const source = await load({ functions: ['handle', 'shout'] });
  expect(source).toMatchObject({ runtime: 'wasm', file: 'lib/module.wasm', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(source.exports).toContainEqual({ name: 'handle', kind: 'function', signature: '() -> i32' });
  expect(source.imports.map(({ name }) => name)).toContain('input_length');
  expect(source.bytes).not.toEqual(new Uint8Array(echo));
});

it('clamps the memory to the limit of the actor', async () => {
  const small = await load({ memory: 1024 * 1024 });
  const large = await load({ memory: 32 * 1024 * 1024 });
  expect(small.hash).not.toBe(large.hash);
  const error = await failureOf(() => load({ memory: 1024 }));
  expect(error.record).toMatchObject({ code: 'limit.memory', file: 'lib/module.wasm' });
});

it('demands the functions that the manifest names', async () => {
  const missing = await failureOf(() => load({ functions: ['handle', 'lost'] }));
  expect(missing.record).toMatchObject({
    code: 'actor.inlet',
    actor: 'actor',
    message: expect.stringContaining('"lost"'),
    hint: expect.stringContaining('handle, shout'),
  });
  expect((await failureOf(() => load({ functions: ['memory'] }))).message).toContain('exports no function');
});

it('refuses what is no module, inline code, and links that lead outside', async () => {
  expect((await failureOf(() => load({}, new TextEncoder().encode('not a module')))).record).toMatchObject({ code: 'source.invalid', file: 'lib/module.wasm' });
  expect((await failureOf(() => load({}, new Uint8Array(4 * 1024 * 1024 + 1)))).message).toContain('4194305 bytes');
  expect((await failureOf(() => load({ source: undefined, code: 'AA==' }))).message).toContain('inline');
  const folder = makeFolder({ 'base/link.wasm': { linkTo: '../secret.wasm' }, 'secret.wasm': echo });
  expect((await failureOf(() => loadSource({ name: 'actor', runtime: 'wasm', source: 'link.wasm' }, path.join(folder, 'base')))).code).toBe('source.outside');
});
