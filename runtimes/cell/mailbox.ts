/** The messages that wait for one actor, bounded by number and bytes. Order of arrival, save what is put back in front. */
import { type Batch, countOf, lengthAt, part, select } from './batch.ts';
import type { Execution } from './executions.ts';

/** Bytes that wait in one mailbox beyond which it counts as full. */
const fullBytes = 16 * 1024 * 1024;
/** Batches smaller than this are joined when they can be: each costs as much as a dozen of messages. */
const fewMessages = 64;
const mostJoined = 1024;
/** Characters that are joined at most: large texts would be copied to become one, and cost far more than their batch. */
const mostCharacters = 64 * 1024;

export class Mailbox {
  readonly capacity: number;
  #batches: Batch[] = [];
  /** Place of the first batch that waits, and of the first message in it. */
  #head = 0;
  #row = 0;
  #size = 0;
  #bytes = 0;
  /** The executions of the last batch, if that was put together here, so that more can be added. */
  #joined: Execution[] | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** How many more messages fit; 0 or less when full. */
  get room(): number {
    return this.#bytes >= fullBytes ? 0 : this.capacity - this.#size;
  }

  /** Whether it holds twice of what it should: then nothing more is made, be it for a deadlock. */
  get overfull(): boolean {
    return this.#size >= 2 * this.capacity || this.#bytes >= 2 * fullBytes;
  }

  push(batch: Batch): void {
    this.#size += countOf(batch);
    this.#bytes += batch.body.length;
    if (countOf(batch) < fewMessages && this.#join(batch)) return;
    this.#joined = undefined;
    this.#batches.push(batch);
  }

  /** The batch whose messages come next; they may be some of it only. */
  peek(): Batch | undefined {
    return this.#batches[this.#head];
  }

  /**
   * Takes the next messages, of one batch.
   * @param messages at most
   * @param characters at most, save that one message is always taken if `messages` allows it
   */
  take(messages: number, characters: number): Batch | undefined {
    const batch = this.#batches[this.#head];
    if (batch === undefined || messages <= 0) return undefined;
    const from = this.#row;
    const most = Math.min(countOf(batch), from + messages);
    let to = from;
    let size = 0;
    for (; to < most; to++) {
      const length = lengthAt(batch.lengths, to);
      if (to > from && size + length > characters) break;
      size += length;
    }
    this.#size -= to - from;
    this.#bytes -= size;
    this.#joined = undefined;
    if (to < countOf(batch)) this.#row = to;
    else this.#next();
    return part({ batch, from, to });
  }

  /** Puts back what was taken but not run, in its order. */
  unshift(batches: readonly Batch[]): void {
    this.#batches = [...batches, ...this.#waiting()];
    this.#restart();
    for (const batch of batches) {
      this.#size += countOf(batch);
      this.#bytes += batch.body.length;
    }
  }

  /** Takes out the messages of executions of which this holds. */
  remove(matches: (execution: Execution) => boolean): Batch[] {
    const removed: Batch[] = [];
    const kept: Batch[] = [];
    for (const batch of this.#waiting()) {
      const matching = select(batch, matches);
      const rest = matching === undefined ? batch : select(batch, (execution) => !matches(execution));
      if (matching !== undefined) removed.push(matching);
      if (rest !== undefined) kept.push(rest);
    }
    this.#batches = kept;
    this.#restart();
    for (const batch of removed) {
      this.#size -= countOf(batch);
      this.#bytes -= batch.body.length;
    }
    return removed;
  }

  /** How many messages each execution has here. */
  counts(): Map<Execution, number> {
    const counts = new Map<Execution, number>();
    for (const { executions } of this.#waiting()) for (const execution of executions) counts.set(execution, (counts.get(execution) ?? 0) + 1);
    return counts;
  }

  /** Puts a small batch at the end of the one before it, if nothing sets them apart. */
  #join(batch: Batch): boolean {
    const place = this.#batches.length - 1;
    const last = this.#batches[place];
    if (last === undefined || place < this.#head || !alike(last, batch) || countOf(last) + countOf(batch) > mostJoined) return false;
    if (typeof last.body !== 'string' || typeof batch.body !== 'string' || last.body.length + batch.body.length > mostCharacters) return false;
    const executions = this.#joined ?? [...last.executions];
    for (const execution of batch.executions) executions.push(execution);
    this.#joined = executions;
    this.#batches[place] = {
      ...last,
      executions,
      numbers: last.numbers + batch.numbers,
      lengths: last.lengths + batch.lengths,
      body: last.body + batch.body,
      writer: last.writer === batch.writer ? last.writer : undefined,
    };
    return true;
  }

  /** What waits, as whole batches. */
  #waiting(): Batch[] {
    const waiting = this.#batches.slice(this.#head);
    const [first] = waiting;
    if (first !== undefined && this.#row > 0) waiting[0] = part({ batch: first, from: this.#row, to: countOf(first) });
    return waiting;
  }

  #next(): void {
    this.#batches[this.#head++] = undefined as never;
    this.#row = 0;
    if (this.#head < 64 || this.#head * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#head);
    this.#head = 0;
  }

  #restart(): void {
    this.#head = 0;
    this.#row = 0;
    this.#joined = undefined;
  }
}

const alike = (one: Batch, other: Batch): boolean =>
  one.inlet === other.inlet &&
  one.lane === other.lane &&
  one.description === other.description &&
  one.fromHost === other.fromHost &&
  one.suspect === other.suspect &&
  one.reply === undefined &&
  other.reply === undefined;
