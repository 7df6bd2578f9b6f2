/**
 * Hears a cell while its actors start: its death is then the failure of that start, and nothing to be replaced. Of one that is given up
 * nothing is heard any more: what it said before its process ended would keep places, and an interpreter, for a cell that nobody has.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Cell, CellListener } from './cell.ts';

export class StartingCell implements CellListener {
  #phase: 'starting' | 'over' | 'givenUp' = 'starting';
  readonly #listener: CellListener;

  constructor(listener: CellListener) {
    this.#listener = listener;
  }

  /** All have started. */
  over(): void {
    this.#phase = 'over';
  }

  giveUp(): void {
    this.#phase = 'givenUp';
  }

  died(cell: Cell, reason: ErrorRecord): void {
    if (this.#phase === 'over') this.#listener.died(cell, reason);
  }

  failed(cell: Cell, actor: number, error: ErrorRecord): void {
    if (this.#phase === 'over') this.#listener.failed(cell, actor, error);
    else cell.kill(error);
  }

  rested: CellListener['rested'] = (cell, actor) => this.#heard?.rested(cell, actor);
  wanted: CellListener['wanted'] = (cell, actor) => this.#heard?.wanted(cell, actor);
  violated: CellListener['violated'] = (cell, said) => this.#heard?.violated(cell, said);
  logged: CellListener['logged'] = (cell, said) => this.#heard?.logged(cell, said);
  runsPython: CellListener['runsPython'] = (cell, memory) => this.#heard?.runsPython(cell, memory);
  called: CellListener['called'] = (cell, said, payload, call) => this.#heard?.called(cell, said, payload, call);

  get #heard(): CellListener | undefined {
    return this.#phase === 'givenUp' ? undefined : this.#listener;
  }
}
