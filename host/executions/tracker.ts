/**
 * The executions of one flow: gives each attempt its handle, counts what is in flight, notices the end.
 *
 * The tracker knows cells by their place alone. What it must ask of them goes through {@link CellOrders}.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { HandleTable } from '../../runtimes/handleTable.ts';
import type { Deadlines } from './deadlines.ts';
import { idText } from './ids.ts';
import { type ExecutionInput, type ExecutionSettings, type ExecutionStatus, TrackedExecution } from './tracked.ts';

/** What the tracker asks of the cells of its flow. */
export interface CellOrders {
  /** Aborts what a cell has of these executions. */
  cancel(cell: number, handles: readonly number[], error: ErrorRecord): void;
  /** A cell did not abort an execution in time. */
  overdue(cell: number, execution: TrackedExecution): void;
  /** What awaited an answer within this execution has nothing to wait for any more. */
  forget(execution: TrackedExecution): void;
}

const noInputs: readonly ExecutionInput[] = [];

/** How long a cell may take to report a cancelled execution as settled before it is killed. Milliseconds. */
const cancelPatience = 1_000;

export class Tracker {
  readonly #live = new HandleTable<TrackedExecution>();
  /** Those whose id was chosen by a caller, who may choose one twice. */
  readonly #ids = new Set<string>();
  readonly #deadlines: Deadlines;
  readonly #cells: number;
  readonly #orders: CellOrders;
  readonly #ended: (execution: TrackedExecution) => void;
  #next = 1;
  #idle: (() => void)[] = [];

  constructor(cells: number, deadlines: Deadlines, orders: CellOrders, ended: (execution: TrackedExecution) => void) {
    this.#cells = cells;
    this.#deadlines = deadlines;
    this.#orders = orders;
    this.#ended = ended;
  }

  get size(): number {
    return this.#live.size;
  }

  live(): Iterable<TrackedExecution> {
    return this.#live;
  }

  get(handle: number): TrackedExecution | undefined {
    return this.#live.get(handle);
  }

  /** Whether this handle was given out, be its attempt over or not. */
  wasGiven(handle: number): boolean {
    return handle > 0 && handle < this.#next;
  }

  /** @throws VivariumError execution.duplicate, execution.deadline */
  begin(settings: ExecutionSettings): TrackedExecution {
    const { id } = settings;
    if (typeof id === 'string' && this.#ids.has(id)) {
      throw new VivariumError('execution.duplicate', `an execution '${id}' is running already`, {
        execution: id,
        hint: 'wait for its end, or leave the id to Vivarium',
      });
    }
    if (settings.deadline > 0 && settings.deadline <= Date.now()) {
      throw new VivariumError('execution.deadline', `the deadline of execution '${idText(id)}' had passed before it began`, { execution: idText(id) });
    }
    const execution = new TrackedExecution(settings, this.#cells);
    execution.handle = this.#next++;
    this.#live.set(execution.handle, execution);
    if (typeof id === 'string') this.#ids.add(id);
    if (settings.deadline > 0) {
      const error = { code: 'execution.deadline', message: `the execution did not end before ${new Date(settings.deadline).toISOString()}` } as const;
      execution.deadline = this.#deadlines.at(settings.deadline, () => this.stop(execution, error, 'failed'));
    }
    return execution;
  }

  /** Ends the execution if nothing of it is left. */
  check(execution: TrackedExecution): void {
    if (execution.quiet) this.#end(execution);
  }

  /**
   * Drops what waits of an execution and aborts what runs of it. It ends, with this error, when every cell
   * has reported that nothing of it runs any more; a cell that does not is reported as overdue.
   */
  stop(execution: TrackedExecution, error: ErrorRecord, status: Exclude<ExecutionStatus, 'completed'>): void {
    if (execution.phase === 'ended' || execution.phase === 'stopping') return;
    execution.phase = 'stopping';
    execution.status = status;
    execution.fail(error);
    this.#interrupt(execution, error);
    if (execution.inFlight > 0) this.#deadlines.at(Date.now() + cancelPatience, () => this.#overdue(execution));
    this.check(execution);
  }

  /** A cell died under the execution: it waits to run again, under a new handle, from its inputs. */
  restart(execution: TrackedExecution, died: number, error: ErrorRecord): void {
    execution.lost(died);
    this.#interrupt(execution, error);
    this.#live.delete(execution.handle);
    execution.restart(this.#next++);
    this.#live.set(execution.handle, execution);
  }

  /** Settles when no execution is left. */
  idle(): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #interrupt(execution: TrackedExecution, error: ErrorRecord): void {
    execution.interrupt(error.message);
    this.#orders.forget(execution);
    for (let cell = 0; cell < this.#cells && execution.inFlight > 0; cell++) {
      if (execution.isIn(cell)) this.#orders.cancel(cell, [execution.handle], error);
    }
  }

  #overdue(execution: TrackedExecution): void {
    if (execution.phase !== 'stopping') return;
    for (let cell = 0; cell < this.#cells; cell++) {
      if (execution.isIn(cell)) this.#orders.overdue(cell, execution);
    }
  }

  #end(execution: TrackedExecution): void {
    execution.phase = 'ended';
    execution.settings.inputs = noInputs;
    this.#live.delete(execution.handle);
    if (typeof execution.settings.id === 'string') this.#ids.delete(execution.settings.id);
    this.#deadlines.callOff(execution.deadline);
    execution.interrupt('the execution has ended');
    this.#orders.forget(execution);
    const { accepted } = execution;
    execution.accepted = undefined;
    accepted?.();
    execution.settings.sink.end();
    this.#ended(execution);
    execution.settings.ended(execution);
    if (this.#live.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
