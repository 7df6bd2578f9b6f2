/** Processes that are kept ready: for whom they keep an interpreter of Python. */
import { expect, onTestFinished, test } from 'vitest';
import { cellFiles } from '../../host/cells/files.ts';
import { HostMemory } from '../../host/cells/hostMemory.ts';
import { chooseLevel, detectSandbox } from '../../host/cells/sandbox.ts';
import { type ProcessHandlers, SpareCells, type UnboundProcess } from '../../host/cells/spare.ts';

const MiB = 1024 * 1024;
/** What Python actors may have. */
const some = 256 * MiB;
const more = 384 * MiB;
/** A spare without an interpreter holds less, one with it more. */
const between = 100 * MiB;
const silent: ProcessHandlers = { onMessage: () => undefined, onExit: () => undefined };

interface Stage {
  readonly spares: SpareCells;
  readonly memory: HostMemory;
  take(interpreter: number, wasm?: boolean): Promise<UnboundProcess>;
  /** Python has started in the spare. */
  started(): Promise<void>;
}

async function stage(): Promise<Stage> {
  const memory = new HostMemory(8192 * MiB, () => undefined);
  const { folder } = await cellFiles();
  const options = { sandbox: await detectSandbox(), level: await chooseLevel(), folder, entry: 'cell.cjs' };
  const spares = new SpareCells({ options, memoryBudget: 256 * MiB, spares: 1, warm: 1, most: 4, memory });
  const taken: UnboundProcess[] = [];
  onTestFinished(() => {
    for (const { process } of taken) process.kill();
    return spares.close();
  });
  return {
    spares,
    memory,
    async take(interpreter, wasm = false) {
      const unbound = await spares.take(256 * MiB, interpreter, wasm);
      taken.push(unbound);
      return unbound;
    },
    started: () => expect.poll(() => memory.held, { timeout: 20_000 }).toBeGreaterThan(between),
  };
}

test('one that is taken just when it is to keep none gives up what it has', { timeout: 60_000 }, async () => {
  const { spares, take, started } = await stage();
  spares.expectPython({}, some);
  await started();
  const taken = await take(some);
  expect(taken.interpreter).toBe(some);
  const ready: number[] = [];
  void taken.keep(0);
  taken.bind('ada', { ...silent, onMessage: (message) => void (message.type === 'interpreters' && ready.push(message.ready)) });
  expect(taken.interpreter).toBe(0);
  await expect.poll(() => ready.at(-1), { timeout: 10_000 }).toBe(0);
});

test('one that is taken before it was told to keep one is not taken for one that does', async () => {
  const { take } = await stage();
  const taken = await take(0);
  const told = taken.keep(some);
  taken.bind('ada', silent);
  await told;
  expect(taken.interpreter).toBe(0);
});

test('one gets ready though Python actors come and go all the time, in cells that want another one each', { timeout: 60_000 }, async () => {
  const { spares, take, started } = await stage();
  const [ada, grace] = [{}, {}];
  const comingAndGoing = setInterval(() => {
    spares.expectPython(ada, some);
    spares.expectPython(grace, more);
  }, 20);
  try {
    await started();
  } finally {
    clearInterval(comingAndGoing);
  }
  expect((await take(some)).interpreter).toBe(some);
});

test('one that gave way when memory was short comes back when it no longer is', async () => {
  const { spares, memory } = await stage();
  expect(spares.living).toBe(1);
  const largest = { namespace: 'ada', since: Date.now(), own: memory.limit, end: () => undefined };
  memory.add(largest);
  memory.look();
  await expect.poll(() => spares.living).toBe(0);
  spares.look();
  memory.delete(largest);
  const livingAfterLook = (): number => {
    spares.look();
    return spares.living;
  };
  await expect.poll(livingAfterLook).toBe(1);
});

test('one is ready for WASM if the last that was taken was for it', { timeout: 60_000 }, async () => {
  const { spares, take } = await stage();
  let taken = await take(0, true);
  for (const wasm of [1, 0]) {
    spares.refillSoon();
    await expect.poll(() => spares.living, { timeout: 10_000 }).toBe(2);
    taken.process.kill();
    taken = await take(0);
    await expect.poll(() => taken.isolates, { timeout: 10_000 }).toEqual({ javascript: 1, wasm });
    await expect.poll(() => spares.living, { timeout: 10_000 }).toBe(1);
  }
});
