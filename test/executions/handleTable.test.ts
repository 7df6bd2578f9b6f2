/** Values under handles that count up, held against a map. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HandleTable } from '../../runtimes/handleTable.ts';

interface Value {
  readonly handle: number;
}

test('are found, listed and counted as in a map, however they come and go', () => {
  const steps = fc.array(fc.record({ added: fc.nat(700), gone: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 }) }), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (each) => {
      const table = new HandleTable<Value>();
      const model = new Map<number, Value>();
      let next = 1;
      for (const { added, gone } of each) {
        for (let i = 0; i < added; i++) {
          const value = { handle: next++ };
          table.set(value.handle, value);
          model.set(value.handle, value);
        }
        for (const share of gone) {
          const handle = Math.floor(share * next);
          table.delete(handle);
          model.delete(handle);
        }
        expect(table.size).toBe(model.size);
        expect([...table]).toEqual([...model.values()]);
        for (let handle = 0; handle <= next; handle++) expect(table.get(handle)).toBe(model.get(handle));
      }
    }),
    { numRuns: 40 },
  );
});

test('are not found under what is no handle', () => {
  const table = new HandleTable<Value>();
  table.set(1, { handle: 1 });
  expect([0, 2, -1, 1.5, 257, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY].map((handle) => table.get(handle))).toEqual(new Array(8).fill(undefined));
  expect(table.get(1)?.handle).toBe(1);
});

test('keep no page of those that are gone, save one for the next', () => {
  const table = new HandleTable<Value>();
  for (let handle = 1; handle <= 100_000; handle++) {
    table.set(handle, { handle });
    if (handle > 10) table.delete(handle - 10);
  }
  expect(table.size).toBe(10);
  expect(table.pages).toBeLessThanOrEqual(2);
});
