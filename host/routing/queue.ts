/**
 * What waits in the host for one actor, and how much of it its mailbox still has room for.
 * Order of arrival is kept, so order is kept per connection.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Lane } from '../../runtimes/protocol.ts';
import type { Carried, TrackedExecution } from '../executions/tracked.ts';
import type { ExportCredit } from './credit.ts';

export interface Delivery {
  readonly execution: TrackedExecution;
  /** The epoch of the execution that it belongs to. */
  readonly epoch: number;
  readonly actor: number;
  readonly inlet: number;
  readonly lane: Lane;
  readonly payload: Carried;
  /** The number under which an answer is awaited, or 0. */
  readonly reply: number;
  /** It enters the flow from outside. */
  readonly entry: boolean;
  /** The cell that it came from, whose credit it holds while it waits. */
  readonly credit: ExportCredit | undefined;
}

/** A guest of another cell waits for the answer, in the middle of a turn. */
const isAsk = ({ reply, entry }: Delivery): boolean => reply !== 0 && !entry;

export const isStale = (delivery: Delivery): boolean => delivery.epoch !== delivery.execution.epoch;

/** Bytes of what came from a cell. */
const sizeOf = ({ payload }: Delivery): number => payload.length;

export class ActorQueue {
  /** Place of the cell that hosts the actor. */
  readonly cell: number;
  readonly capacity: number;
  /** Free places in the mailbox, as far as the host fills it. */
  room: number;
  /** Why nothing is delivered: the actor is in quarantine. */
  refusal: ErrorRecord | undefined;
  /** Its turns, and the microseconds that they took together, as far as cells have settled them. */
  turns = 0;
  microseconds = 0;
  #waiting: Delivery[] = [];
  #first = 0;

  constructor(cell: number, capacity: number) {
    this.cell = cell;
    this.capacity = capacity;
    this.room = capacity;
  }

  get empty(): boolean {
    return this.#first === this.#waiting.length;
  }

  get size(): number {
    return this.#waiting.length - this.#first;
  }

  /** Whether something waits here that this credit was spent on. */
  holds(credit: ExportCredit): boolean {
    for (let at = this.#first; at < this.#waiting.length; at++) if (this.#waiting[at]?.credit === credit) return true;
    return false;
  }

  push(delivery: Delivery): void {
    this.#waiting.push(delivery);
    delivery.credit?.queue(sizeOf(delivery));
  }

  /** Puts back in front what was sent to an actor that never had an instance to take it. */
  putBack(deliveries: readonly Delivery[]): void {
    this.#waiting = [...deliveries, ...this.#waiting.slice(this.#first)];
    this.#first = 0;
    for (const delivery of deliveries) delivery.credit?.queue(sizeOf(delivery));
  }

  /** Whether there is a {@link next}. */
  has(only?: TrackedExecution): boolean {
    for (let at = this.#first; at < this.#waiting.length; at++) {
      const delivery = this.#waiting[at] as Delivery;
      if (!isStale(delivery) && (only === undefined || delivery.execution === only || isAsk(delivery))) return true;
    }
    return false;
  }

  /**
   * The next delivery. If an execution is named: the next of that one, past those of others, save what a guest asks and waits for,
   * because it may hold up the execution that was named.
   */
  next(only?: TrackedExecution): Delivery | undefined {
    while (!this.empty && isStale(this.#waiting[this.#first] as Delivery)) this.#remove(this.#first);
    if (this.empty) return undefined;
    if (only === undefined) return this.#remove(this.#first);
    const at = this.#waiting.findIndex((delivery, index) => index >= this.#first && (delivery.execution === only || isAsk(delivery)) && !isStale(delivery));
    return at < 0 ? undefined : this.#remove(at);
  }

  /** Takes out everything. */
  clear(): readonly Delivery[] {
    const waiting = this.#waiting.slice(this.#first);
    for (const delivery of waiting) delivery.credit?.unqueue(sizeOf(delivery));
    this.#waiting = [];
    this.#first = 0;
    return waiting.filter((delivery) => !isStale(delivery));
  }

  #remove(at: number): Delivery {
    const delivery = this.#waiting[at] as Delivery;
    delivery.credit?.unqueue(sizeOf(delivery));
    if (at !== this.#first) {
      this.#waiting.splice(at, 1);
      return delivery;
    }
    this.#waiting[this.#first++] = undefined as never;
    if (this.#first > 1024 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return delivery;
  }
}
