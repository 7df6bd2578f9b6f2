import { describe, expect, test } from 'vitest';
import { closest, editDistance, suggest } from '../../host/manifest/suggest.ts';

describe('did you mean', () => {
  test.each([
    ['concurency', 'concurrency'],
    ['sorce', 'source'],
    ['polciy', 'policy'],
    ['Runtime', 'runtime'],
    ['zzz', undefined],
    ['x', undefined],
    ['y'.repeat(100), undefined],
  ])('%s: %s', (written, expected) => {
    expect(closest(written, ['source', 'policy', 'runtime', 'concurrency', 'config'])).toBe(expected);
  });

  test('the nearest wins', () => {
    expect(closest('score', ['scores', 'scored-1', 'score'])).toBe('score');
  });

  test('where nothing is near, it says what there is', () => {
    expect(suggest('zzz', ['clean', 'score'], 'actors')).toBe('The actors: clean, score.');
    expect(suggest('zzz', [], 'actors')).toBe('There are no actors.');
    expect(
      suggest(
        'zzz',
        Array.from({ length: 20 }, (_, index) => `a${index}`),
        'actors',
      ),
    ).toMatch(/a15, …\.$/);
  });

  test('the distance counts a swap as one, and gives up when it is enough', () => {
    expect(editDistance('polciy', 'policy', 9)).toBe(1);
    expect(editDistance('kitten', 'sitting', 9)).toBe(3);
    expect(editDistance('kitten', 'sitting', 2)).toBe(Number.POSITIVE_INFINITY);
    expect(editDistance('', 'abc', 9)).toBe(3);
  });
});
