/**
 * The outputs of one execution, until somebody takes them: the result when it is made, or an iterator, one by one.
 */
import { type Budget, decode, type Message, type Payload } from '../../sdk/message.ts';
import { type Lane, textLane } from '../../runtimes/protocol.ts';
import type { ExportCredit } from '../routing/credit.ts';
import type { Emission } from '../routing/emission.ts';

export interface OutputLimits {
  /** Outputs of one execution that nobody has read yet. */
  readonly messages: number;
  /** Their bytes. */
  readonly bytes: number;
}

export interface HeldOutput {
  /** Place of the output in the manifest. */
  readonly output: number;
  /** Counts the outputs of the execution, from 0. */
  readonly index: number;
  readonly bytes: number;
  readonly payload: Payload;
  /** Whose credit the output holds until it is read. */
  readonly credit: ExportCredit | undefined;
}

/** Copies: a payload is a view of a whole frame, which would live as long as its smallest output. */
export const payloadOf = (lane: Lane, bytes: Uint8Array): Payload =>
  lane === textLane
    ? { lane: 'text', text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') }
    : { lane: 'binary', bytes: new Uint8Array(bytes) };

/** What takes the outputs of an execution as they arrive. */
export interface OutputSink {
  /** @returns false if the execution holds more unread outputs than it may */
  take(output: number, emission: Emission, credit: ExportCredit): boolean;
  /** The attempt that these outputs come from has failed with its cell; what nobody has seen is forgotten. */
  restart(): void;
  /** No more will come. */
  end(): void;
  /** Outputs that hold credit of a cell. */
  readonly unread: number;
}

export class OutputBuffer implements OutputSink {
  readonly #limits: OutputLimits;
  #held: HeldOutput[] = [];
  #first = 0;
  #bytes = 0;
  #index = 0;
  #streaming = false;
  #ended = false;
  #abandoned = false;
  #wake: (() => void) | undefined;

  constructor(limits: OutputLimits) {
    this.#limits = limits;
  }

  take(output: number, emission: Emission, credit: ExportCredit): boolean {
    if (this.#abandoned) return true;
    const bytes = emission.size;
    if (this.#held.length - this.#first >= this.#limits.messages || this.#bytes + bytes > this.#limits.bytes) return false;
    this.#bytes += bytes;
    if (this.#streaming) credit.keep(bytes);
    const held = { output, index: this.#index++, bytes, payload: emission.payload, credit: this.#streaming ? credit : undefined };
    // Most executions have one output: a list of one is a tenth of what `push` reserves.
    if (this.#held.length === 0) this.#held = [held];
    else this.#held.push(held);
    this.#notify();
    return true;
  }

  restart(): void {
    this.#index -= this.#held.length - this.#first;
    this.#release();
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  get unread(): number {
    return this.#streaming ? this.#held.length - this.#first : 0;
  }

  /** From now on outputs belong to the reader, and slow the cell down while they are not read. */
  stream(): void {
    this.#streaming = true;
  }

  /** What nobody has read. */
  drain(): readonly HeldOutput[] {
    if (this.#streaming) return [];
    return this.#held;
  }

  /** The next output; undefined if there is none now. */
  shift(): HeldOutput | undefined {
    const next = this.#held[this.#first];
    if (next === undefined) return undefined;
    this.#held[this.#first++] = undefined as never;
    if (this.#first > 1024 && this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= next.bytes;
    next.credit?.read(next.bytes);
    return next;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Settles when there may be something to read, or the end. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before?.();
        resolve();
      };
    });
  }

  /** The reader has left: what comes now is forgotten at once. */
  abandon(): void {
    this.#abandoned = true;
    this.#release();
  }

  #release(): void {
    for (const { credit, bytes } of this.#held.slice(this.#first)) credit?.read(bytes);
    this.#held = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Hands the first output to whoever asked, and forgets the others. */
export class FirstOutput implements OutputSink {
  readonly unread = 0;
  readonly #first: (payload: Payload, output: number) => void;
  #taken = false;

  constructor(first: (payload: Payload, output: number) => void) {
    this.#first = first;
  }

  /** There was one. */
  get taken(): boolean {
    return this.#taken;
  }

  take(output: number, emission: Emission): boolean {
    if (!this.#taken) {
      this.#taken = true;
      this.#first(emission.passing, output);
    }
    return true;
  }

  restart(): void {}
  end(): void {}
}

/** Hands on every output as it arrives. */
export class EachOutput implements OutputSink {
  readonly unread = 0;
  readonly #each: (output: number, payload: Payload) => void;

  constructor(each: (output: number, payload: Payload) => void) {
    this.#each = each;
  }

  take(output: number, emission: Emission): boolean {
    this.#each(output, emission.payload);
    return true;
  }

  restart(): void {}
  end(): void {}
}

/** @throws VivariumError message.invalid, limit.message for what no encoder of a guest makes */
export const open = (payload: Payload, raw: boolean, budget: Budget): Message | Payload => (raw ? payload : decode(payload, budget));
