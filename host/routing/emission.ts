/**
 * Messages of one outlet that lie in a row in a frame. Nobody reads them here; whoever keeps one takes a copy, since a view of a
 * frame would keep all of it.
 */
import type { Payload } from '../../sdk/message.ts';
import { type Lane, textLane } from '../../runtimes/protocol.ts';

/** Part of a text keeps the whole in memory: it is copied if that is larger than this, and much larger than the part. Characters. */
const smallText = 4 * 1024;

export class Emission {
  readonly lane: Lane;
  readonly #region: Buffer;
  /** Of all bytes from `#start` on, if each of them is one character. */
  readonly #text: string | undefined;
  readonly #start: number;
  #from: number;
  #to: number;

  /** @param start where its messages lie in the region; `end` is behind them */
  constructor(lane: Lane, region: Buffer, start: number, end: number) {
    this.lane = lane;
    this.#region = region;
    this.#start = start;
    this.#from = start;
    this.#to = start;
    const text = lane === textLane ? region.toString('utf8', start, end) : undefined;
    this.#text = text?.length === end - start ? text : undefined;
  }

  /** Goes on to the next message, of so many bytes. */
  next(length: number): void {
    this.#from = this.#to;
    this.#to += length;
  }

  /** Of the present message. */
  get size(): number {
    return this.#to - this.#from;
  }

  /** The present message as it came: a view of its frame. */
  get bytes(): Buffer {
    return this.#region.subarray(this.#from, this.#to);
  }

  /** The present message, which may share memory with those beside it: for whoever reads it at once. */
  get passing(): Payload {
    if (this.lane !== textLane) return { lane: 'binary', bytes: this.bytes };
    const text = this.#text?.slice(this.#from - this.#start, this.#to - this.#start);
    return { lane: 'text', text: text ?? this.bytes.toString('utf8') };
  }

  /** The present message, to keep. */
  get payload(): Payload {
    const { passing } = this;
    if (passing.lane === 'binary') return { lane: 'binary', bytes: new Uint8Array(passing.bytes) };
    const shares = this.#text !== undefined && this.#text.length > smallText && passing.text.length * 8 < this.#text.length;
    return shares ? { lane: 'text', text: this.bytes.toString('utf8') } : passing;
  }
}
