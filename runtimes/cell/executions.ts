/**
 * The executions that have something in flight in this cell. The host adds up over cells: so each one is
 * forgotten here, and reported as settled, as soon as nothing of it is left.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';

export interface Execution {
  readonly handle: number;
  /** What a guest may know of it, as JSON. */
  readonly description: string;
  /** Deliveries that wait or run in this cell. */
  inFlight: number;
  /** Deliveries of the host since the last report. */
  received: number;
  /** Triples: actor, messages, microseconds. */
  readonly work: number[];
  cancelled: ErrorRecord | undefined;
}

export class Executions {
  readonly #open = new Map<number, Execution>();
  readonly #settled: (execution: Execution) => void;

  constructor(settled: (execution: Execution) => void) {
    this.#settled = settled;
  }

  introduce(handle: number, description: string): void {
    if (!this.#open.has(handle)) this.#open.set(handle, { handle, description, inFlight: 0, received: 0, work: [], cancelled: undefined });
  }

  get(handle: number): Execution | undefined {
    return this.#open.get(handle);
  }

  /** One delivery more is in flight. */
  hold(execution: Execution): void {
    execution.inFlight++;
  }

  /** One delivery less. The last one settles the execution. */
  release(execution: Execution): void {
    execution.inFlight--;
    if (execution.inFlight > 0) return;
    this.#open.delete(execution.handle);
    this.#settled(execution);
  }

  static worked(execution: Execution, actor: number, microseconds: number): void {
    const { work } = execution;
    for (let i = 0; i < work.length; i += 3) {
      if (work[i] !== actor) continue;
      work[i + 1] = (work[i + 1] as number) + 1;
      work[i + 2] = (work[i + 2] as number) + microseconds;
      return;
    }
    work.push(actor, 1, microseconds);
  }
}
