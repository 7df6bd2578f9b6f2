/**
 * One execution as the host tracks it: what is in flight, what has come of it, how it ends.
 *
 * running ──► ended                 nothing is in flight
 *   │  ▲
 *   │  └── waiting                  a cell died under it: it waits to run again from its inputs
 *   └────► stopping ──► ended       it was cancelled; what runs is being aborted
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { Lane } from '../../runtimes/protocol.ts';
import { partitionOf } from '../../runtimes/replicas.ts';
import type { Deadline } from './deadlines.ts';
import { type ExecutionId, idPrefix, idText } from './ids.ts';
import type { OutputSink } from './outputs.ts';
import type { Work } from './work.ts';

export type ExecutionStatus = 'completed' | 'failed' | 'cancelled';

/** A payload on its way through the host: as text if the host encoded it, so that many become bytes at once. */
export type Carried = string | Uint8Array;

/** A message that enters the flow, kept until the execution ends, in case it must run again. */
export interface ExecutionInput {
  readonly actor: number;
  readonly inlet: number;
  readonly lane: Lane;
  readonly payload: Carried;
}

export interface ExecutionSettings {
  readonly id: ExecutionId;
  /** Given up when the execution has ended: its result may lie unread for long. */
  inputs: readonly ExecutionInput[];
  readonly parents: readonly string[];
  /** Milliseconds since the epoch; 0 is none. */
  readonly deadline: number;
  /** W3C `traceparent`, or empty. */
  readonly trace: string;
  readonly sink: OutputSink;
  /** That of its key, if it was given one. */
  readonly partition?: number | undefined;
  /** Waits for the answer to its only input: an actor is asked from outside. */
  readonly answer?: ((error: ErrorRecord | null, lane: Lane, bytes: Uint8Array) => void) | undefined;
  /** The execution has ended; called once. */
  readonly ended: (execution: TrackedExecution) => void;
  /** Called with each error when it is known, before the execution ends. */
  readonly failed?: ((error: ErrorRecord) => void) | undefined;
}

/** Errors kept of one execution; an execution of a million messages may fail a million times. */
const keptErrors = 100;

const noErrors: readonly ErrorRecord[] = Object.freeze([]);

/** Guests add the number at the end, so the id is last. */
const describe = (parents: readonly string[], attempt: number, deadline: number, trace: string, id: string): string =>
  JSON.stringify({ parents, attempt, deadline, trace, id });

/** Of most executions. */
const usual = describe([], 1, 0, '', idPrefix);

export class TrackedExecution {
  readonly settings: ExecutionSettings;
  readonly startedAt = Date.now();
  /** The name under which cells know the present attempt. */
  handle = 0;
  attempt = 1;
  phase: 'running' | 'waiting' | 'stopping' | 'ended' = 'running';
  status: ExecutionStatus = 'completed';
  /** Replaced, never changed: most have none. */
  errors: readonly ErrorRecord[] = noErrors;
  /** Errors beyond those kept. */
  droppedErrors = 0;

  /** Deliveries of an earlier epoch are stale: the execution was cancelled or began anew. */
  epoch = 0;
  /** Deliveries that wait in the host. */
  queued = 0;
  /** Deliveries sent to cells that have not yet reported them as settled. */
  inFlight = 0;
  /** Of a flow with several cells: how many of them by place of the cell. */
  readonly #inFlightIn: number[] | undefined;
  /** Inputs that no cell has been sent yet. */
  unaccepted: number;
  accepted: (() => void) | undefined;

  /** Of those actors that had a turn. */
  work: Work | undefined;
  /** Calls of guests that the host works on. */
  calls: Set<AbortController> | undefined;
  /** Numbers under which answers are awaited. */
  asks: number[] | undefined;
  deadline: Deadline | undefined;
  /** The batch that introduced the execution to its cell, and its place in it. */
  introducedIn: object | undefined;
  introducedAt = 0;

  constructor(settings: ExecutionSettings, cells: number) {
    this.settings = settings;
    this.unaccepted = settings.inputs.length;
    this.#inFlightIn = cells === 1 ? undefined : new Array(cells).fill(0);
  }

  get id(): string {
    return idText(this.settings.id);
  }

  /** Decides which replicas serve it; without a key, each attempt anew. */
  get partition(): number {
    return this.settings.partition ?? partitionOf(this.handle);
  }

  /** What guests may know of it, as a line of JSON; of an id that Vivarium gave, what comes before its number. */
  get description(): string {
    const { id, parents, deadline, trace } = this.settings;
    const isUsual = typeof id === 'number' && this.attempt === 1 && parents.length === 0 && deadline === 0 && trace === '';
    return isUsual ? usual : describe(parents, this.attempt, deadline, trace, typeof id === 'number' ? idPrefix : id);
  }

  /** The number at the end of its id, plus one; 0: the description has all of it. */
  get number(): number {
    const { id } = this.settings;
    return typeof id === 'number' ? id + 1 : 0;
  }

  /** Nothing more can come: neither from a cell nor from what waits in the host. */
  get quiet(): boolean {
    return this.inFlight === 0 && this.queued === 0 && (this.phase === 'running' || this.phase === 'stopping');
  }

  fail(error: ErrorRecord): void {
    if (this.status === 'completed') this.status = 'failed';
    if (this.errors.length >= keptErrors) {
      this.droppedErrors++;
      return;
    }
    const named = { ...error, execution: this.id };
    this.errors = [...this.errors, named];
    this.settings.failed?.(named);
  }

  delivered(cell: number): void {
    this.queued--;
    this.#count(cell, 1);
  }

  /** The opposite: what was delivered to this cell waits in the host again. */
  takenBack(cell: number): void {
    this.queued++;
    this.#count(cell, -1);
  }

  /** Whether something of it is in flight in the cell at this place. */
  isIn(cell: number): boolean {
    return this.#sentTo(cell) > 0;
  }

  /** @returns false if the cell claims more than it was sent */
  settled(cell: number, received: number): boolean {
    if (received > this.#sentTo(cell)) return false;
    this.#count(cell, -received);
    return true;
  }

  /** What was in flight in a cell is gone. */
  lost(cell: number): void {
    this.#count(cell, -this.#sentTo(cell));
  }

  #sentTo(cell: number): number {
    return this.#inFlightIn === undefined ? this.inFlight : (this.#inFlightIn[cell] as number);
  }

  #count(cell: number, messages: number): void {
    this.inFlight += messages;
    if (this.#inFlightIn !== undefined) this.#inFlightIn[cell] = this.#sentTo(cell) + messages;
  }

  worked(work: Work): void {
    this.work = this.work === undefined ? work : this.work.with(work);
  }

  /** What waits in the host for this execution is stale from now on, and calls of its guests are aborted. */
  interrupt(reason: string): void {
    this.epoch++;
    this.queued = 0;
    const { calls } = this;
    if (calls === undefined) return;
    this.calls = undefined;
    for (const call of calls) call.abort(new VivariumError('call.cancelled', reason));
  }

  /** Back to its inputs, as if it had not begun. */
  restart(handle: number): void {
    this.handle = handle;
    this.attempt++;
    this.phase = 'waiting';
    this.status = 'completed';
    this.errors = noErrors;
    this.droppedErrors = 0;
    this.#inFlightIn?.fill(0);
    this.inFlight = 0;
    this.work = undefined;
    this.introducedIn = undefined;
    this.settings.sink.restart();
  }
}
