/** What a cell that died takes with it: who is to blame, as far as that can be known, and what becomes of each execution that had something there. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Recovery } from '../executions/recovery.ts';
import type { TrackedExecution } from '../executions/tracked.ts';
import type { Tracker } from '../executions/tracker.ts';
import { type FlowShape, nameOf } from '../routing/topology.ts';
import type { Cell } from './cell.ts';

/** Who killed a cell. */
export interface Culprit {
  readonly execution: TrackedExecution | undefined;
  readonly actor: number | undefined;
}

/** An execution is not begun more often than this, whoever killed its cells. */
const mostAttempts = 5;

export class Losses {
  readonly #shape: FlowShape;
  readonly #tracker: Tracker;
  readonly #recovery: Recovery;

  constructor(shape: FlowShape, tracker: Tracker, recovery: Recovery) {
    this.#shape = shape;
    this.#tracker = tracker;
    this.#recovery = recovery;
  }

  culprit(cell: Cell): Culprit {
    const { place } = cell;
    const inside = (execution: TrackedExecution | undefined): execution is TrackedExecution => execution?.isIn(place) === true;
    const recovers = this.#recovery.recovers(place);
    const begun = recovers ? cell.lastBegun : undefined;
    const last = begun === undefined ? undefined : this.#tracker.get(begun.execution);
    const { current } = this.#recovery;
    const execution = inside(last) ? last : recovers && inside(current) ? current : undefined;
    return { execution, actor: cell.wedgedActor ?? (execution === last ? begun?.actor : undefined) };
  }

  /** Decides on every execution that had something in the cell: it has ended, is a dead letter, or runs again. */
  reconsider(place: number, reason: ErrorRecord, culprit: Culprit): void {
    const suspects: TrackedExecution[] = [];
    const lost: TrackedExecution[] = [];
    for (const execution of [...this.#tracker.live()]) {
      if (!execution.isIn(place)) continue;
      if (execution === culprit.execution || execution.phase === 'stopping' || execution.attempt >= mostAttempts) {
        lost.push(execution);
      } else {
        this.#tracker.restart(execution, place, reason);
        suspects.push(execution);
      }
    }
    this.#recovery.add(place, suspects);
    for (const execution of lost) {
      execution.lost(place);
      if (execution.phase === 'stopping') this.#tracker.check(execution);
      else this.#tracker.stop(execution, this.#deathOf(reason, culprit.actor), 'failed');
    }
  }

  /** The flow was stopped: nothing runs again. */
  endAll(place: number, reason: ErrorRecord): void {
    for (const execution of [...this.#tracker.live()]) {
      execution.lost(place);
      this.#tracker.stop(execution, reason, 'cancelled');
      this.#tracker.check(execution);
    }
  }

  /** What a dead letter says: the reason for the death where one is known, and who ran. */
  #deathOf(reason: ErrorRecord, actor: number | undefined): ErrorRecord {
    const code = reason.code === 'limit.memory' || reason.code === 'limit.wall' || reason.code === 'cell.protocol' ? reason.code : 'cell.died';
    const message = `the cell died again while it ran this message, which is a dead letter now: ${reason.message}`;
    return { code, message, ...(actor === undefined ? {} : { actor: nameOf(this.#shape, actor) }) };
  }
}
