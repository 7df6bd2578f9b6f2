/**
 * After the death of a cell: runs what was in it again, one execution at a time, so that the one that kills
 * again is found. Meanwhile nothing else enters the cells that are recovering.
 *
 * One recovery for a whole flow, not for each cell: two suspects that need each other's cell would wait for ever.
 */
import type { Gate } from '../routing/routedCell.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import type { TrackedExecution } from './tracked.ts';

/** What the recovery asks of the cells of its flow. */
export interface RecoveryOrders {
  /** Announce each message before it runs, one message a batch; or no longer. */
  careful(place: number, on: boolean): void;
  gate(place: number, gate: Gate): void;
  /** Sends the inputs of the execution on their way again. */
  enter(execution: TrackedExecution): void;
}

/** A suspect that has run for so long is let go on beside the next one: it may wait for somebody who waits for that. Milliseconds. */
const patience = 2_000;

export class Recovery {
  readonly #orders: RecoveryOrders;
  readonly #deadlines: Deadlines;
  /** Cells that died and have not proven themselves since; true once replaced. */
  readonly #places = new Map<number, boolean>();
  #suspects: TrackedExecution[] = [];
  #current: TrackedExecution | undefined;
  #impatience: Deadline | undefined;

  constructor(orders: RecoveryOrders, deadlines: Deadlines) {
    this.#orders = orders;
    this.#deadlines = deadlines;
  }

  /** The execution that runs alone now. */
  get current(): TrackedExecution | undefined {
    return this.#current;
  }

  get active(): boolean {
    return this.#current !== undefined || this.#suspects.length > 0;
  }

  recovers(place: number): boolean {
    return this.#places.has(place);
  }

  /** A cell died, and these executions had something in it. */
  add(place: number, suspects: readonly TrackedExecution[]): void {
    if (suspects.length > 0 || this.active) this.#places.set(place, false);
    if (this.#current?.phase === 'waiting') this.#release();
    this.#suspects = [...this.#suspects, ...suspects].sort((a, b) => a.startedAt - b.startedAt || a.handle - b.handle);
  }

  /** A cell is there again. @returns the gate that it is to begin with */
  replaced(place: number): Gate {
    if (!this.#places.has(place)) return 'open';
    this.#places.set(place, true);
    this.#orders.careful(place, true);
    return this.#current ?? 'closed';
  }

  /** The cell of this place will not come back soon: suspects must not wait for it. */
  givenUp(place: number): void {
    if (this.#places.has(place)) this.#places.set(place, true);
    this.proceed();
  }

  ended(execution: TrackedExecution): void {
    if (execution !== this.#current) return;
    this.#release();
    this.proceed();
  }

  /** Lets the next suspect run, when every cell is there; when there is none, everything is as before. */
  proceed(): void {
    if (this.#current !== undefined || [...this.#places.values()].includes(false)) return;
    let next = this.#suspects.shift();
    while (next !== undefined && next.phase !== 'waiting') next = this.#suspects.shift();
    if (next === undefined) {
      this.#finish();
      return;
    }
    this.#current = next;
    this.#impatience = this.#deadlines.at(Date.now() + patience, () => {
      this.#release();
      this.proceed();
    });
    next.phase = 'running';
    for (const place of this.#places.keys()) this.#orders.gate(place, next);
    this.#orders.enter(next);
  }

  #release(): void {
    this.#current = undefined;
    this.#deadlines.callOff(this.#impatience);
  }

  #finish(): void {
    const places = [...this.#places.keys()];
    this.#places.clear();
    for (const place of places) {
      this.#orders.careful(place, false);
      this.#orders.gate(place, 'open');
    }
  }
}
