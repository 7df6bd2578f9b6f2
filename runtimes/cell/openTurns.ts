/**
 * The turns of one instance that were delivered and not reported, by number, in the order of delivery. Most of them end in that order,
 * batch by batch, so nothing is kept for one of them before there is something to say of it alone.
 */
import { type Batch, countOf, part, type Rows } from './batch.ts';
import type { Execution } from './executions.ts';

/** What a turn has sent and logged so far, and how long it has run. */
export interface TurnState {
  /** When it was first seen as one that runs; 0 before. Milliseconds. */
  since: number;
  messages: number;
  bytes: number;
  /** Characters of its log lines. */
  logged: number;
}

export const newTurnState = (): TurnState => ({ since: 0, messages: 0, bytes: 0, logged: 0 });

export interface OpenTurn {
  readonly number: number;
  readonly batch: Batch;
  readonly row: number;
  readonly execution: Execution;
}

interface OpenBatch {
  readonly first: number;
  readonly batch: Batch;
  /** How many of its turns are open. */
  open: number;
  /** All before this row have ended. */
  next: number;
  /** By row, of those after it: whether it has ended. */
  ended: boolean[] | undefined;
}

/** Numbers cross the wall in 32 bits. */
const largestNumber = 2 ** 31;

export class OpenTurns {
  #batches: OpenBatch[] = [];
  /** Place of the first batch with an open turn. */
  #first = 0;
  #next = 1;
  #size = 0;
  readonly #states = new Map<number, TurnState>();

  get size(): number {
    return this.#size;
  }

  /** The number that the next turn gets. */
  get next(): number {
    return this.#next;
  }

  /** The number of the turn that was delivered first; 0 if none is open. */
  get head(): number {
    const first = this.#batches[this.#first];
    return first === undefined ? 0 : first.first + first.next;
  }

  add(batch: Batch): void {
    const count = countOf(batch);
    this.#batches.push({ first: this.#next, batch, open: count, next: 0, ended: undefined });
    this.#next += count;
    this.#size += count;
  }

  get(number: number): OpenTurn | undefined {
    const open = this.#find(number);
    return open === undefined ? undefined : turnAt(open, number - open.first);
  }

  /** What is known of an open turn alone. */
  state(number: number): TurnState {
    let state = this.#states.get(number);
    if (state === undefined) {
      state = newTurnState();
      this.#states.set(number, state);
    }
    return state;
  }

  /** The same, if there is anything. */
  known(number: number): TurnState | undefined {
    return this.#states.size === 0 ? undefined : this.#states.get(number);
  }

  /**
   * Ends turns from this number on, of one batch, as long as they are open.
   * @param most how many at most
   * @returns those that were; undefined if the first is not open
   */
  end(number: number, most: number): Rows | undefined {
    const open = this.#find(number);
    if (open === undefined) return undefined;
    const from = number - open.first;
    const last = Math.min(countOf(open.batch), from + most);
    let to = from + 1;
    while (to < last && open.ended?.[to] !== true) to++;
    this.#close(open, from, to);
    return { batch: open.batch, from, to };
  }

  clear(): void {
    this.#batches = [];
    this.#first = 0;
    this.#size = 0;
    if (this.#states.size > 0) this.#states.clear();
    // While none is open a number can mean nothing else.
    if (this.#next > largestNumber) this.#next = 1;
  }

  *[Symbol.iterator](): Generator<OpenTurn> {
    for (const open of this.#batches.slice(this.#first)) {
      for (let row = open.next; row < countOf(open.batch); row++) if (isOpen(open, row)) yield turnAt(open, row);
    }
  }

  /** Ends all turns from this number on. @returns their messages, in batches */
  endFrom(number: number): Batch[] {
    const ended: Batch[] = [];
    for (const open of this.#batches.slice(this.#first)) {
      const count = countOf(open.batch);
      for (let row = Math.max(open.next, number - open.first); row < count; row++) {
        if (!isOpen(open, row)) continue;
        const rows = this.end(open.first + row, count) as Rows;
        ended.push(part(rows));
        row = rows.to;
      }
    }
    return ended;
  }

  #find(number: number): OpenBatch | undefined {
    const batches = this.#batches;
    let low = this.#first;
    let high = batches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((batches[middle] as OpenBatch).first <= number) low = middle;
      else high = middle - 1;
    }
    const open = batches[low];
    return open !== undefined && number >= open.first && isOpen(open, number - open.first) ? open : undefined;
  }

  #close(open: OpenBatch, from: number, to: number): void {
    open.open -= to - from;
    this.#size -= to - from;
    if (this.#states.size > 0) for (let row = from; row < to; row++) this.#states.delete(open.first + row);
    if (from === open.next) {
      open.next = to;
      while (open.ended?.[open.next] === true) open.next++;
    } else {
      open.ended ??= [];
      for (let row = from; row < to; row++) open.ended[row] = true;
    }
    if (this.#size === 0) this.clear();
    else this.#advance();
  }

  #advance(): void {
    while (this.#batches[this.#first]?.open === 0) this.#first++;
    if (this.#first < 64 || this.#first * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#first);
    this.#first = 0;
  }
}

const isOpen = ({ next, ended, batch }: OpenBatch, row: number): boolean => row >= next && row < countOf(batch) && ended?.[row] !== true;

const turnAt = ({ first, batch }: OpenBatch, row: number): OpenTurn => ({
  number: first + row,
  batch,
  row,
  execution: batch.executions[row] as Execution,
});

/** The message of a turn, as a batch of one. */
export const messageOf = ({ batch, row }: OpenTurn): Batch => part({ batch, from: row, to: row + 1 });
