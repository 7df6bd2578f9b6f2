/**
 * The executions that have something in flight in this cell. The host adds up over cells: so each one is
 * forgotten here, and reported as settled, as soon as nothing of it is left.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { HandleTable } from '../handleTable.ts';
import { partitionOf } from '../replicas.ts';
import { addWork, type Work } from './work.ts';

export interface Execution {
  readonly handle: number;
  /** What a guest may know of it, as JSON, and its number: see guest/execution.ts. */
  readonly description: string;
  readonly number: number;
  /** Decides which replicas serve it. */
  partition: number;
  /** Deliveries that wait or run in this cell. */
  inFlight: number;
  /** Deliveries of the host since the last report. */
  received: number;
  work: Work | undefined;
  cancelled: ErrorRecord | undefined;
}

export class Executions {
  readonly #open = new HandleTable<Execution>();
  readonly #settled: (execution: Execution) => void;
  #cancelled = 0;

  constructor(settled: (execution: Execution) => void) {
    this.#settled = settled;
  }

  /** The execution under this handle: the one that is open, or a new one. */
  introduce(handle: number, description: string, number: number): Execution {
    const known = this.#open.get(handle);
    if (known !== undefined) return known;
    const execution: Execution = {
      handle,
      description,
      number,
      partition: partitionOf(handle),
      inFlight: 0,
      received: 0,
      work: undefined,
      cancelled: undefined,
    };
    this.#open.set(handle, execution);
    return execution;
  }

  get(handle: number): Execution | undefined {
    return this.#open.get(handle);
  }

  /** Whether any was cancelled: else nobody needs to look. */
  get anyCancelled(): boolean {
    return this.#cancelled > 0;
  }

  cancel(execution: Execution, error: ErrorRecord): void {
    if (execution.cancelled === undefined) this.#cancelled++;
    execution.cancelled = error;
  }

  /** One delivery more of each is in flight. */
  hold(executions: readonly Execution[]): void {
    for (const execution of executions) execution.inFlight++;
  }

  /** One delivery less of each. The last one settles the execution. */
  release(executions: readonly Execution[]): void {
    for (const execution of executions) {
      if (--execution.inFlight > 0) continue;
      this.#open.delete(execution.handle);
      if (execution.cancelled !== undefined) this.#cancelled--;
      this.#settled(execution);
    }
  }

  /** An actor has had one turn for each of them. */
  static worked(executions: readonly Execution[], actor: number, microseconds: number): void {
    let before: Work | undefined;
    let after: Work | undefined;
    for (const execution of executions) {
      if (after === undefined || execution.work !== before) {
        before = execution.work;
        after = addWork(before, actor, microseconds);
      }
      execution.work = after;
    }
  }
}
