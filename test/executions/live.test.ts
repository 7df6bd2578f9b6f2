/** Executions under handles that count up, held against a map. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LiveExecutions } from '../../host/executions/live.ts';
import { TrackedExecution } from '../../host/executions/tracked.ts';

function execution(handle: number): TrackedExecution {
  const sink = { take: () => true, restart: () => undefined, end: () => undefined, unread: 0 };
  const tracked = new TrackedExecution({ id: handle, inputs: [], parents: [], deadline: 0, trace: '', sink, ended: () => undefined }, 1);
  tracked.handle = handle;
  return tracked;
}

test('are found, listed and counted as in a map, however they come and go', () => {
  const steps = fc.array(fc.record({ added: fc.nat(700), gone: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 }) }), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (each) => {
      const live = new LiveExecutions();
      const model = new Map<number, TrackedExecution>();
      let next = 1;
      for (const { added, gone } of each) {
        for (let i = 0; i < added; i++) {
          const one = execution(next++);
          live.add(one);
          model.set(one.handle, one);
        }
        for (const share of gone) {
          const handle = Math.floor(share * next);
          live.delete(handle);
          model.delete(handle);
        }
        expect(live.size).toBe(model.size);
        expect([...live]).toEqual([...model.values()]);
        for (let handle = 0; handle <= next; handle++) expect(live.get(handle)).toBe(model.get(handle));
      }
    }),
    { numRuns: 40 },
  );
});

test('are not found under what is no handle', () => {
  const live = new LiveExecutions();
  live.add(execution(1));
  expect([0, 2, -1, 1.5, 257, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY].map((handle) => live.get(handle))).toEqual(new Array(8).fill(undefined));
  expect(live.get(1)?.handle).toBe(1);
});

test('keep no page of those that are gone, save one for the next', () => {
  const live = new LiveExecutions();
  for (let handle = 1; handle <= 100_000; handle++) {
    live.add(execution(handle));
    if (handle > 10) live.delete(handle - 10);
  }
  expect(live.size).toBe(10);
  expect(live.pages).toBeLessThanOrEqual(2);
});
