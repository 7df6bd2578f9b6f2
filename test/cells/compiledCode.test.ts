/** Code that V8 compiled when the package was built: cells find it, and it is what they need. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ivm from 'isolated-vm';
import { expect, test } from 'vitest';
import { cellCommand } from '../../host/cells/command.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';

const folder = join(import.meta.dirname, '../../dist/cell');
const scripts = [
  { name: 'pyodide.js', script: 'python/pyodide.js', cache: 'python/pyodide.cache' },
  { name: '<vivarium-wasm>', script: 'wasm/script.js', cache: 'wasm/script.cache' },
] as const;

/** Whether V8 refuses it in a process with the flags of a cell, and these. */
async function isRefused({ name, script, cache }: (typeof scripts)[number], flags: readonly string[]): Promise<boolean> {
  const program = `
    const { readFileSync } = require('node:fs');
    const addon = { exports: {} };
    process.dlopen(addon, '${join(folder, 'isolated_vm.node')}');
    const { Isolate, ExternalCopy } = addon.exports.ivm;
    const read = (name) => new ExternalCopy(new Uint8Array(readFileSync('${folder}/' + name)).buffer);
    const compiled = new Isolate({ snapshot: read('guest.snapshot') }).compileScriptSync(readFileSync('${join(folder, script)}', 'utf8'), { filename: '${name}', cachedData: read('${cache}') });
    console.log(compiled.cachedDataRejected);
    process.reallyExit(0);`;
  const { file, arguments: given } = cellCommand(await detectSandbox(), 'process', { folder, run: ['-e', program], flags });
  const { stdout, stderr } = spawnSync(file, given, { encoding: 'utf8' });
  if (!/^(true|false)$/m.test(stdout)) throw new Error(stderr);
  return stdout.trim() === 'true';
}

test.each(scripts)('V8 takes the compiled code of $script in a cell', async (script) => {
  expect(await isRefused(script, [])).toBe(false);
  expect(await isRefused(script, ['--no-lazy'])).toBe(true);
});

test('the compiled code of WASM holds the functions that an actor needs, which V8 compiles when they run', async () => {
  const isolate = new ivm.Isolate();
  const text = readFileSync(join(folder, 'wasm/script.js'), 'utf8');
  const unused = (await isolate.compileScript(text, { produceCachedData: true })) as ivm.Script & ivm.CachedDataResult;
  const bytes = (unused.cachedData as ivm.ExternalCopy<ArrayBuffer>).copy().byteLength;
  isolate.dispose();
  expect(readFileSync(join(folder, 'wasm/script.cache')).byteLength).toBeGreaterThan(2 * bytes);
});
