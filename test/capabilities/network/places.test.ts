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
});
