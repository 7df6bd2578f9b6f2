import { describe, expect, test } from 'vitest';
import { parseManifestObject, requireFlow } from '../../host/manifest/index.ts';
import { type PlacementLimits, placeActors } from '../../host/placement.ts';
import { failureOf } from '../support/failure.ts';

const javascript = { source: 'a.ts' } as const;
const python = { source: 'a.py' } as const;
const roomy: PlacementLimits = { cells: 64 };

/** By place: the names of the actors there. */
function placed(cells: number, actors: Record<string, object>, connections: readonly string[] = [], limits = roomy): readonly (readonly string[])[] {
  const flow = requireFlow(parseManifestObject({ vivarium: 1, ...(cells > 1 && { cells }), actors, connections }));
  const placement = placeActors(flow, limits);
  return Array.from({ length: placement.cells }, (_, place) =>
    flow.actors.flatMap(({ name, index }) => (placement.of[index] as readonly number[]).filter((other) => other === place).map(() => name)),
  );
}

const named = (names: string, actor: object): Record<string, object> => Object.fromEntries(names.split(' ').map((name) => [name, actor]));

describe('where actors are placed', () => {
  test('one cell, and one for each that wants its own', () => {
    expect(placed(1, named('a b c', javascript))).toEqual([['a', 'b', 'c']]);
    expect(placed(1, { a: javascript, b: { ...javascript, cell: 'own' }, c: javascript, d: { ...python, cell: 'own' } })).toEqual([['a', 'c'], ['b'], ['d']]);
    expect(placed(1, { a: { ...javascript, cell: 'own' } })).toEqual([['a']]);
  });

  test('evenly over the cells, an actor in Python counting as three', () => {
    expect(placed(2, named('a b c d', javascript))).toEqual([
      ['a', 'c'],
      ['b', 'd'],
    ]);
    expect(placed(2, { p: python, ...named('a b c', javascript) })).toEqual([['p'], ['a', 'b', 'c']]);
    expect(placed(3, { ...named('a b', javascript), ...named('p q r', python) }).map((names) => names.length)).toEqual([2, 2, 1]);
  });

  test('a chain is cut once, in whatever order it is written', () => {
    const chain = ['a -> b', 'b -> c', 'c -> d', 'd -> e', 'e -> f'];
    for (const order of ['a b c d e f', 'f e d c b a', 'a f b e c d']) {
      const places = placed(2, named(order, javascript), chain).map((names) => names.toSorted().join(''));
      expect(places.toSorted()).toEqual(['abc', 'def']);
    }
  });

  test('what is connected stays together, branch by branch', () => {
    const branches = ['root -> a1', 'a1 -> a2', 'a2 -> a3', 'root -> b1', 'b1 -> b2', 'b2 -> b3'];
    expect(placed(2, named('root a1 b1 a2 b2 a3 b3', javascript), branches)).toEqual([
      ['root', 'a1', 'a2', 'a3'],
      ['b1', 'b2', 'b3'],
    ]);
  });

  test('the same way every time, and every actor once', () => {
    const names = Array.from({ length: 200 }, (_, n) => `a${n}`);
    const actors = Object.fromEntries(names.map((name, n) => [name, n % 3 === 0 ? python : javascript]));
    const connections = names.map((name, n) => `${name} -> a${(n * 7 + 1) % 200}`);
    const places = placed(7, actors, connections);
    expect(placed(7, actors, connections)).toEqual(places);
    expect(places.flat().toSorted()).toEqual(names.toSorted());
    const loads = places.map((place) => place.reduce((sum, name) => sum + (actors[name] === python ? 3 : 1), 0));
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(3);
  });

  test('no flow gets more cells than the host has', async () => {
    const actors = { ...named('a b', javascript), c: { ...javascript, cell: 'own' } };
    expect(placed(2, actors, [], { cells: 3 })).toHaveLength(3);
    expect(await failureOf(async () => placed(2, actors, [], { cells: 2 }))).toMatchObject({
      code: 'cell.start',
      message: 'the flow needs 3 cells, and the host has 2 at most',
      record: { hint: 'createHost({ limits: { cells: … } })' },
    });
  });
});
