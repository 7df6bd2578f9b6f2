/** Hears a cell while its actors start: its death is then the failure of that start, and nothing to be replaced. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Cell, CellListener } from './cell.ts';

export class StartingCell implements CellListener {
  over = false;
  readonly #listener: CellListener;

  constructor(listener: CellListener) {
    this.#listener = listener;
  }

  died(cell: Cell, reason: ErrorRecord): void {
    if (this.over) this.#listener.died(cell, reason);
  }

  failed(cell: Cell, actor: number, error: ErrorRecord): void {
    if (this.over) this.#listener.failed(cell, actor, error);
    else cell.kill(error);
  }

  rested: CellListener['rested'] = (cell, actor) => this.#listener.rested(cell, actor);
  wanted: CellListener['wanted'] = (cell, actor) => this.#listener.wanted(cell, actor);
  violated: CellListener['violated'] = (cell, said) => this.#listener.violated(cell, said);
  logged: CellListener['logged'] = (cell, said) => this.#listener.logged(cell, said);
  runsPython: CellListener['runsPython'] = (cell, memory) => this.#listener.runsPython(cell, memory);
  called: CellListener['called'] = (cell, said, payload, call) => this.#listener.called(cell, said, payload, call);
}
