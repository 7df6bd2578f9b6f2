import { expect, test } from 'vitest';
import { Places } from '../../../host/capabilities/network/places.ts';

test.each([
  ['a turn', 7],
  ['what belongs to no turn', 0],
])('%s may send no more requests than its limit', (_, turn) => {
  const places = new Places();
  for (let i = 0; i < 50; i++) places.count(turn, 50);
  expect(() => places.count(turn, 50)).toThrow(expect.objectContaining({ code: 'limit.network' }));
  expect(() => places.count(8, 50)).not.toThrow();
  if (turn === 0) for (let other = 100; other < 2_000; other++) places.count(other, 50);
  expect(() => places.count(turn, 50)).toThrow(expect.objectContaining({ code: 'limit.network' }));
});
