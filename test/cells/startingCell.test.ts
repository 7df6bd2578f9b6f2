/** What is heard of a cell while its actors start, when all have, and when it was given up. */
import { expect, test } from 'vitest';
import type { Cell, CellListener } from '../../host/cells/cell.ts';
import { StartingCell } from '../../host/cells/startingCell.ts';

const says = ['rested', 'wanted', 'violated', 'logged', 'called', 'runsPython', 'died'] as const satisfies readonly (keyof CellListener)[];

/** Has a cell say all of it. @returns what comes through */
function heard(begin: (starting: StartingCell) => void): string[] {
  const through: string[] = [];
  const listener = Object.fromEntries([...says, 'failed'].map((name) => [name, () => void through.push(name)])) as unknown as CellListener;
  const starting = new StartingCell(listener);
  begin(starting);
  for (const name of says) (starting[name] as (cell: Cell) => void)({} as Cell);
  return through;
}

test('while its actors start, all but its death, which is the failure of that start', () => {
  expect(heard(() => undefined)).toEqual(says.filter((name) => name !== 'died'));
});

test('when all have started, everything', () => {
  expect(heard((starting) => starting.over())).toEqual(says);
});

test('when it was given up, nothing: nobody wakes in it, and no interpreter is kept because of it', () => {
  expect(heard((starting) => starting.giveUp())).toEqual([]);
});
