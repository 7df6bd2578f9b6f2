/**
 * A batch holds the door of its isolate for a slice and the turn that was running when that was over, in every language. Counted in turns: a
 * machine that is slow makes them fewer, never more.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { slice } from '../../runtimes/guest/wire.ts';
import { TestInstance } from '../support/isolate.ts';
import { startPlugin, wat } from '../support/plugin.ts';
import { startPython } from '../support/python.ts';

/** What a slow turn takes at least; a clock of a guest shows whole milliseconds. */
const slowTurn = 3;
const mostInSlice = Math.ceil(slice / slowTurn) + 1;

const javascript = (body: string): Promise<TestInstance> =>
  TestInstance.start({
    source: { runtime: 'javascript', file: 'actor.js' },
    payloads: [`const handle = (message) => { ${body} return message; };\nreturn { handle };`],
  });

/** Adds so many numbers: a processor needs more than three milliseconds for them, however fast it is. */
const plugin = (additions: number): Promise<TestInstance> =>
  startPlugin(
    wat(`(func (export "handle") (result i32) (local $left i32)
      (local.set $left (i32.const ${additions}))
      (loop $again (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if $again (local.get $left)))
      (i32.const 0))`),
  );

const languages = {
  javascript: {
    slow: () => javascript(`const end = Date.now() + ${slowTurn + 1}; while (Date.now() < end);`),
    quick: () => javascript(''),
  },
  python: {
    slow: () =>
      startPython(`
        import time
        def handle(message):
            end = time.time() + ${(slowTurn + 1) / 1000}
            while time.time() < end: pass
            return message
      `),
    quick: () => startPython('def handle(message): return message'),
  },
  wasm: { slow: () => plugin(30_000_000), quick: () => plugin(1) },
} as const;

describe.each(Object.entries(languages))('in %s', (name, { slow, quick }) => {
  const numbers = Array.from({ length: 40 }, (_, n) => n);
  const answersOf = async (instance: TestInstance): Promise<readonly unknown[]> => {
    onTestFinished(() => instance.dispose());
    return (await instance.deliverAll(numbers)).map(({ value }) => value);
  };
  const answers = name === 'wasm' ? numbers.map(() => undefined) : numbers;

  test('slow turns go back when the slice is over, and come again in their order', async () => {
    const instance = await slow();
    expect(await answersOf(instance)).toEqual(answers);
    expect(instance.batches.reduce((sum, turns) => sum + turns, 0)).toBe(numbers.length);
    expect(instance.batches.filter((turns) => turns > mostInSlice)).toEqual([]);
  });

  test('quick ones run many to a batch', async () => {
    const instance = await quick();
    expect(await answersOf(instance)).toEqual(answers);
    expect(Math.max(...instance.batches)).toBeGreaterThan(mostInSlice);
  });
});
