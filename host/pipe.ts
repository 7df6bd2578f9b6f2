/**
 * A stream of inputs through a flow: each input is one execution, their results come out in the order of the inputs.
 *
 * Bounded both ways: no input is taken while a window of results is under way or unread, or while what is unread
 * weighs too much. The failure of one execution is its result and does not end the stream.
 */
import { VivariumError } from '../sdk/errors.ts';
import type { Opened, RunResult } from './executions/result.ts';

/** One input on its way. */
export interface PipedExecution {
  readonly hasEnded: boolean;
  /** Its result, once it has ended. */
  result(): RunResult<string, Opened>;
  /** Bytes of its outputs that are held. */
  readonly bytes: number;
  /** Characters or bytes of its input. */
  readonly size: number;
  /** Settles when a cell has room for the input; undefined if it had. */
  readonly accepted: Promise<void> | undefined;
  cancel(reason: string): void;
}

/** Begins the execution of one input. When that ends later, {@link Pipe.ended} is told. */
export type BeginPiped = (value: unknown) => PipedExecution;

/** Bytes of unread results from which on no further input is taken. */
const heldBytes = 32 * 1024 * 1024;
/** Characters or bytes of inputs under way from which on no further one is taken: more of them at once go no faster. */
const mostUnderWay = 8 * 1024 * 1024;

type Next = IteratorResult<RunResult<string, Opened>, undefined>;

export class Pipe implements AsyncIterableIterator<RunResult<string, Opened>, undefined> {
  readonly #source: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #begin: BeginPiped;
  readonly #window: number;
  readonly #signal: AbortSignal | undefined;
  #entries: PipedExecution[] = [];
  #first = 0;
  #held = 0;
  #underWay = 0;
  #readers: PromiseWithResolvers<Next>[] = [];
  #pump: (() => void) | undefined;
  #begun = false;
  #over = false;
  #failure: unknown;

  /** @param signal aborted: no more is taken, what is under way is cancelled and comes out as such, then the results end */
  constructor(source: Iterable<unknown> | AsyncIterable<unknown>, window: number, begin: BeginPiped, signal?: AbortSignal) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#begin = begin;
    this.#window = window;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Next> {
    if (!this.#begun) {
      this.#begun = true;
      if (this.#signal?.aborted === true) this.#abort();
      else {
        this.#signal?.addEventListener('abort', this.#abort, { once: true });
        void this.#run();
      }
    }
    const next = this.#readers.length === 0 ? this.#take() : undefined;
    if (next !== undefined) return Promise.resolve(next);
    if (this.#failed) return Promise.reject(this.#takeFailure());
    const reader = Promise.withResolvers<Next>();
    this.#readers.push(reader);
    return reader.promise;
  }

  /** The reader leaves: what is under way is cancelled, and the source is told. */
  async return(): Promise<Next> {
    this.#begun = true;
    this.#over = true;
    this.#pump?.();
    this.#leaveSignal();
    const left = this.#entries.slice(this.#first);
    this.#entries = [];
    this.#first = 0;
    this.#underWay = 0;
    for (const execution of left) execution.cancel('nobody reads the results of the pipe any more');
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  readonly #abort = (): void => {
    this.#over = true;
    this.#pump?.();
    const reason: unknown = this.#signal?.reason;
    for (const execution of this.#entries.slice(this.#first)) execution.cancel(reason instanceof Error ? reason.message : String(reason));
    // A source that waits for something that never comes is left to itself.
    Promise.resolve(this.#source.return?.()).catch(() => undefined);
    this.#serve();
  };

  async #run(): Promise<void> {
    try {
      while (!this.#over) {
        if (this.#full) {
          await new Promise<void>((resolve) => {
            this.#pump = resolve;
          });
          this.#pump = undefined;
          continue;
        }
        const pulled = this.#source.next();
        const { done, value } = 'then' in pulled ? await pulled : pulled;
        if (done === true || this.#over) break;
        const accepted = this.#enter(value);
        if (accepted !== undefined) await accepted;
      }
    } catch (error) {
      this.#failure = error ?? new VivariumError('flow.input', 'the source of the pipe failed without a reason');
    }
    this.#over = true;
    this.#serve();
  }

  #enter(value: unknown): Promise<void> | undefined {
    const execution = this.#begin(value);
    this.#entries.push(execution);
    this.#underWay += execution.size;
    if (execution.hasEnded) this.ended(execution);
    return execution.accepted;
  }

  /** An execution that was begun has ended. */
  ended(execution: PipedExecution): void {
    this.#held += execution.bytes;
    if (this.#entries[this.#first] === execution) this.#serve();
  }

  get #full(): boolean {
    return this.#entries.length - this.#first >= this.#window || this.#held >= heldBytes || this.#underWay >= mostUnderWay;
  }

  get #failed(): boolean {
    return this.#over && this.#failure !== undefined && this.#first === this.#entries.length;
  }

  /** An eighth of the window at a time: inputs that enter together travel together, and there are always some on each part of the way. */
  get #hasRoom(): boolean {
    const fewUnderWay = 8 * (this.#entries.length - this.#first) <= 7 * this.#window && 8 * this.#underWay <= 7 * mostUnderWay;
    return fewUnderWay && this.#held < heldBytes;
  }

  #takeFailure(): unknown {
    this.#leaveSignal();
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  #take(): Next | undefined {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return this.#over && this.#failure === undefined ? this.#done() : undefined;
    if (!entry.hasEnded) return undefined;
    this.#entries[this.#first++] = undefined as never;
    if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    this.#held -= entry.bytes;
    this.#underWay -= entry.size;
    if (this.#hasRoom) this.#pump?.();
    return { done: false, value: entry.result() };
  }

  #done(): Next {
    this.#leaveSignal();
    return { done: true, value: undefined };
  }

  #leaveSignal(): void {
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #serve(): void {
    while (this.#readers.length > 0) {
      const next = this.#take();
      if (next !== undefined) this.#readers.shift()?.resolve(next);
      else if (this.#failed) this.#readers.shift()?.reject(this.#takeFailure());
      else return;
    }
  }
}
