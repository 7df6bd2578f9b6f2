/** Isolates that a cell keeps ready: whom they serve, and what becomes of those that nobody wants. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ivm, { type Isolate } from 'isolated-vm';
import { expect, onTestFinished, test } from 'vitest';
import { toArrayBuffer } from '../../runtimes/arrayBuffer.ts';
import { type Shell, shellMaker, Shells } from '../../runtimes/cell/shells.ts';
import { openShells } from '../../runtimes/cell/warmUp.ts';
import { javascriptRuntime } from '../../runtimes/javascript/javascript.ts';
import { defaultLimits } from '../../runtimes/limits.ts';
import { createWasmRuntime } from '../../runtimes/wasm/wasm.ts';

const folder = join(import.meta.dirname, '../../dist/cell');
const snapshot = new ivm.ExternalCopy(toArrayBuffer(readFileSync(join(folder, 'guest.snapshot'))));
const wasmRuntime = createWasmRuntime(ivm);
wasmRuntime.prepare((name) => () => readFileSync(join(folder, name)));
const heap = wasmRuntime.heap(defaultLimits.wasm);

/** All that are made, in their order. */
function open(): { readonly made: readonly Isolate[]; readonly javascript: Shells; readonly wasm: Shells } {
  const made: Isolate[] = [];
  const make = shellMaker(ivm, snapshot, () => undefined);
  const shells = openShells(
    async (limit) => {
      const shell = await make(limit);
      made.push(shell.isolate);
      return shell;
    },
    { javascript: javascriptRuntime, wasm: wasmRuntime },
  );
  onTestFinished(() => {
    for (const pool of Object.values(shells)) pool.most = 0;
    for (const isolate of made) if (!isolate.isDisposed) isolate.dispose();
  });
  return { made, ...shells };
}

/** It has what all actors in WASM need: that was evaluated once, and cannot be again. */
const isReadyForWasm = async ({ context }: Shell): Promise<boolean> => (await context.eval('typeof __warm')) === 'undefined';

test.each(['javascript', 'wasm'] as const)('one for %s is taken once', async (language) => {
  const shells = open();
  shells[language].most = 2;
  const taken: Shell[] = [];
  for (let round = 0; round < 8; round++) {
    // Every second time those that are kept were made before.
    if (round % 2 === 0) await expect.poll(() => shells.made.length).toBeGreaterThan(round);
    taken.push(await shells[language].take(heap));
  }
  expect(new Set(taken.map(({ isolate }) => isolate)).size).toBe(8);
  for (const shell of taken) expect(await isReadyForWasm(shell)).toBe(language === 'wasm');
});

test('one that was kept for JavaScript serves WASM when JavaScript needs none any more', async () => {
  const { made, javascript, wasm } = open();
  javascript.most = 1;
  await expect.poll(() => made.length).toBe(1);
  wasm.most = 1;
  javascript.most = 0;
  const taken = await wasm.take(heap);
  expect(taken.isolate).toBe(made[0]);
  expect(await isReadyForWasm(taken)).toBe(true);
});

test('JavaScript is given none in which the script of WASM is', async () => {
  const { wasm, javascript } = open();
  wasm.most = 1;
  expect(await isReadyForWasm(await wasm.take(heap))).toBe(true);
  expect(await isReadyForWasm(await javascript.take(heap))).toBe(false);
});

test('one that is kept for JavaScript stays when an actor in WASM comes that needs another heap', async () => {
  const { made, javascript, wasm } = open();
  javascript.most = 1;
  await expect.poll(() => made.length).toBe(1);
  await wasm.take(heap + 8);
  expect((await javascript.take(heap)).isolate).toBe(made[0]);
});

test('they are made one after another, however often it is said how many', async () => {
  const asked: PromiseWithResolvers<void>[] = [];
  const make = shellMaker(ivm, snapshot, () => undefined);
  const shells = new Shells(async (limit) => {
    const go = Promise.withResolvers<void>();
    asked.push(go);
    await go.promise;
    return make(limit);
  }, heap);
  shells.most = 2;
  shells.most = 3;
  expect(asked).toHaveLength(1);
  for (const made of [1, 2, 3]) {
    asked.at(-1)?.resolve();
    await expect.poll(() => asked.length).toBe(Math.min(made + 1, 3));
  }
  shells.most = 0;
});

test('those that nobody wants any more are disposed of', async () => {
  const { made, wasm } = open();
  wasm.most = 2;
  await expect.poll(() => made.length).toBe(2);
  wasm.most = 0;
  await expect.poll(() => made.every(({ isDisposed }) => isDisposed)).toBe(true);
});
