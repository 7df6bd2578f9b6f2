/**
 * The cell's half of a synchronous call: the reply is written into the shared buffer that the isolate's thread
 * sleeps on, in chunks if it is long.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { binaryLane, type Lane } from '../lanes.ts';
import { failedCall, lastChunk, moreChunks, sharedBuffer, sharedHeader } from '../guest/wire.ts';

/** `--enable-sharedarraybuffer-per-context` takes the constructor away; a shared memory still has such a buffer. */
export function createSharedBuffer(): SharedArrayBuffer {
  const pages = Math.ceil(sharedBuffer / 65_536);
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: new (descriptor: object) => { buffer: SharedArrayBuffer } } }).WebAssembly;
  return new Memory({ initial: pages, maximum: pages, shared: true }).buffer;
}

export class SynchronousReplies {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** The number of the call that the isolate waits for; 0 if it runs. */
  #call = 0;
  #left: Buffer = Buffer.alloc(0);
  #state = lastChunk;

  constructor() {
    this.buffer = createSharedBuffer();
    this.#words = new Int32Array(this.buffer);
    this.#bytes = new Uint8Array(this.buffer);
  }

  get waiting(): boolean {
    return this.#call !== 0;
  }

  expect(call: number): void {
    this.#call = call;
  }

  expects(call: number): boolean {
    return this.#call === call && call !== 0;
  }

  /** @param payload as it came from the host, or from an actor of this cell: there until this returns */
  answer(error: ErrorRecord | null, lane: Lane, payload: Buffer | string): void {
    this.#words[2] = lane;
    if (error === null && lane === binaryLane && typeof payload !== 'string') this.#left = payload;
    else {
      const text = error !== null ? JSON.stringify(error) : typeof payload === 'string' ? payload : payload.toString('utf8');
      this.#left = Buffer.from(escapeBeyondLatin(text, lane), 'latin1');
    }
    this.#state = error === null ? lastChunk : failedCall;
    this.next();
    if (this.#left.length > 0) this.#left = Buffer.from(this.#left);
  }

  /** The isolate has read a chunk, or the first one is ready. */
  next(): void {
    const size = Math.min(this.#left.length, this.#bytes.length - sharedHeader);
    this.#bytes.set(this.#left.subarray(0, size), sharedHeader);
    this.#left = this.#left.subarray(size);
    const more = this.#left.length > 0;
    // An error is cut to one chunk: its text is bounded far below that.
    if (!more || this.#state === failedCall) this.#call = 0;
    this.#words[1] = size;
    Atomics.store(this.#words, 0, more && this.#state !== failedCall ? moreChunks : this.#state);
    Atomics.notify(this.#words, 0);
  }
}

/** JSON keeps its meaning when what is beyond Latin-1 is escaped; a binary payload has nothing beyond. */
const escapeBeyondLatin = (text: string, lane: Lane): string =>
  lane === 1 ? text : text.replace(/[\u0100-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
