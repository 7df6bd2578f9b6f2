import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinColumns, splitColumns } from '../../runtimes/columns.ts';
import { frameLimits } from '../../runtimes/limits.ts';

const through = (message: object, payloads = Buffer.from('rest')): { message: Record<string, unknown>; region: string } => {
  const { header, columns } = splitColumns(message);
  const joined = joinColumns(JSON.parse(JSON.stringify(header)), Buffer.concat([...columns, payloads]));
  const entries = Object.entries(joined.message as object).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? Array.from(value as unknown as number[]) : value,
  ]);
  return { message: Object.fromEntries(entries) as Record<string, unknown>, region: joined.region.toString() };
};

test('what is split joins again, whatever the numbers', () => {
  const numbers = fc.oneof(
    fc.array(fc.nat(255), { maxLength: 40 }),
    fc.array(fc.nat(0xffff), { maxLength: 40 }),
    fc.array(fc.nat(0xffff_ffff), { maxLength: 40 }),
    fc.array(fc.nat(Number.MAX_SAFE_INTEGER), { maxLength: 40 }),
  );
  fc.assert(
    fc.property(numbers, numbers, numbers, (actor, execution, work) => {
      const message = { type: 'settled', actor, execution, work, text: 'a line', inlets: ['in'] };
      expect(through(message)).toEqual({ message, region: 'rest' });
    }),
  );
});

test('many numbers are bytes as wide as the largest needs, few are digits', () => {
  const column = (largest: number) => splitColumns({ actor: [...new Array(99).fill(1), largest] }).columns[0]?.byteLength;
  expect([column(255), column(256), column(65_536), column(2 ** 32)]).toEqual([100, 200, 400, 800]);
  expect(splitColumns({ actor: [1, 2, 3] })).toEqual({ header: { actor: [1, 2, 3] }, columns: [] });
});

describe('columns that cannot be', () => {
  const region = Buffer.alloc(64);
  test.each([
    ['no list', 'actor'],
    ['a place that is none', ['actor']],
    ['a place with more', [['actor', 1, 1, 1]]],
    ['a name that no column has', [['type', 1, 1]]],
    ['a name of every object', [['__proto__', 1, 1]]],
    ['a name that is a number', [[1, 1, 1]]],
    ['a width between', [['actor', 3, 1]]],
    ['a width below', [['actor', -1, 1]]],
    ['a part of a row', [['actor', 1, 1.5]]],
    ['rows below nothing', [['actor', 1, -1]]],
    ['rows without end', [['actor', 1, 2 ** 40]]],
    ['rows beyond what a frame has', [['actor', 1, frameLimits.payloads + 1]]],
    ['more than is there', [['actor', 8, 9]]],
    [
      'more together than is there',
      [
        ['actor', 4, 10],
        ['length', 4, 7],
      ],
    ],
    [
      'one name twice',
      [
        ['actor', 1, 1],
        ['actor', 1, 1],
      ],
    ],
  ])('%s', (_, columns) => {
    expect(() => joinColumns({ type: 'emit', columns }, region)).toThrow(expect.objectContaining({ code: 'cell.protocol' }));
  });

  test('a column beside a list of the same name', () => {
    expect(() => joinColumns({ actor: [1], columns: [['actor', 1, 1]] }, region)).toThrow(expect.objectContaining({ code: 'cell.protocol' }));
  });
});
