/** Deliveries on their way to one cell, gathered into frames: everything that one turn of the host's event loop has for it. */
import { type Piece, pieceOf } from '../../runtimes/frame.ts';
import { executionSeparator, hostsText, type RunLane, runWidth, textLane } from '../../runtimes/lanes.ts';
import type { HostMessage, Lane } from '../../runtimes/protocol.ts';
import type { Carried, TrackedExecution } from '../executions/tracked.ts';

/** What the frames go through: the process of the cell. */
export interface Channel {
  send(message: HostMessage, payloads?: readonly Piece[], taken?: () => void): void;
  /** Whether the cell reads as fast as is written; if not, `drained` tells when it has caught up. */
  readonly writable: boolean;
  drained(): Promise<void>;
}

/** A frame is closed at this many messages or bytes: large enough to be cheap, small enough to be read while the next is made. */
const fullMessages = 4096;
const fullBytes = 1024 * 1024;
/** From here on a text is encoded by itself, and written from where it lies: joined to others it would be copied twice more. Characters. */
const largeText = 16 * 1024;

interface Batch {
  executions: number[];
  /** Pairs: a place in `executions`, and the partition that was asked for. */
  partition: number[];
  description: number[];
  number: number[];
  /** Descriptions, a line each, and how many they are. */
  descriptions: string;
  lines: number;
  /** The last of them. */
  described: string;
  /** Actor, inlet, {@link RunLane}, messages. */
  runs: number[];
  /** Place in `executions`. */
  execution: number[];
  reply: number[];
  length: number[];
  payloads: Payloads[];
  bytes: number;
}

/** Payloads in a row: one by itself as it is written, or of small ones that the host encoded the text of all. */
interface Payloads {
  readonly piece: Piece | undefined;
  text: string;
  /** The row of the first. */
  readonly row: number;
}

const newBatch = (): Batch => ({
  executions: [],
  partition: [],
  description: [],
  number: [],
  descriptions: '',
  lines: 0,
  described: '',
  runs: [],
  execution: [],
  reply: [],
  length: [],
  payloads: [],
  bytes: 0,
});

export class Outbound {
  readonly #channel: Channel;
  readonly #beforeFlush: () => void;
  #closed: Batch[] = [];
  #batch = newBatch();
  #scheduled = false;
  #blocked = false;

  /** @param beforeFlush called once before each flush: the last chance to add something */
  constructor(channel: Channel, beforeFlush: () => void) {
    this.#channel = channel;
    this.#beforeFlush = beforeFlush;
  }

  deliver(execution: TrackedExecution, actor: number, inlet: number, lane: Lane, carried: Carried, reply: number): void {
    const payload = typeof carried === 'string' && carried.length >= largeText ? pieceOf(carried) : carried;
    const batch = this.#batch;
    const row = batch.length.length;
    batch.execution.push(this.#introduce(execution));
    const { runs, payloads } = batch;
    const last = runs.length - runWidth;
    const runLane: RunLane = lane === textLane && typeof carried === 'string' ? hostsText : lane;
    if (last >= 0 && runs[last] === actor && runs[last + 1] === inlet && runs[last + 2] === runLane) runs[last + 3] = (runs[last + 3] as number) + 1;
    else runs.push(actor, inlet, runLane, 1);
    if (reply !== 0) batch.reply.push(row, reply);
    batch.length.push(payload.length);
    batch.bytes += payload.length;
    const before = payloads.at(-1);
    if (typeof payload !== 'string' || payload.length >= largeText) payloads.push({ piece: payload, text: '', row });
    else if (before === undefined || before.piece !== undefined) payloads.push({ piece: undefined, text: payload, row });
    else before.text += payload;
    if (row + 1 >= fullMessages || batch.bytes >= fullBytes) this.#close();
    this.schedule();
  }

  /** @returns the place of the execution among those of the batch */
  #introduce(execution: TrackedExecution): number {
    const batch = this.#batch;
    if (execution.introducedIn === batch) return execution.introducedAt;
    const { description } = execution;
    if (description !== batch.described) {
      batch.described = description;
      batch.descriptions += batch.lines++ === 0 ? description : executionSeparator + description;
      batch.bytes += description.length;
    }
    execution.introducedIn = batch;
    execution.introducedAt = batch.executions.length;
    if (execution.settings.partition !== undefined) batch.partition.push(batch.executions.length, execution.settings.partition);
    batch.executions.push(execution.handle);
    batch.description.push(batch.lines - 1);
    batch.number.push(execution.number);
    return execution.introducedAt;
  }

  /** What has gathered is sent when the host's present task is over. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#beforeFlush();
      if (!this.#blocked) this.#flush();
    });
  }

  /** Sends at once, after everything that was delivered before. */
  send(message: HostMessage, payloads?: readonly Piece[], taken?: () => void): void {
    this.#flush();
    this.#channel.send(message, payloads, taken);
  }

  #close(): void {
    if (this.#batch.length.length === 0) return;
    this.#closed.push(this.#batch);
    this.#batch = newBatch();
  }

  #flush(): void {
    this.#close();
    const batches = this.#closed;
    if (batches.length === 0) return;
    this.#closed = [];
    for (const { payloads, descriptions, executions, partition, description, number, runs, execution, reply, length } of batches) {
      const lines = Buffer.from(descriptions);
      const columns = { executions, partition, description, number, runs, execution, reply, length };
      this.#channel.send({ type: 'deliver', described: lines.length, ...columns }, [lines, ...payloads.map((row) => writtenOf(row, length))]);
    }
    if (!this.#channel.writable) this.#wait();
  }

  #wait(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    void this.#channel.drained().then(() => {
      this.#blocked = false;
      this.#flush();
    });
  }
}

/** Payloads as they are written. Of a text with more bytes than characters the lengths become those in bytes. */
function writtenOf({ piece, text, row }: Payloads, lengths: number[]): Piece {
  if (piece !== undefined) return piece;
  const encoded = pieceOf(text);
  if (encoded.length === text.length) return encoded;
  for (let start = 0; start < text.length; row++) {
    const end = start + (lengths[row] as number);
    lengths[row] = Buffer.byteLength(text.slice(start, end));
    start = end;
  }
  return encoded;
}
