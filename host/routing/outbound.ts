/** Deliveries on their way to one cell, gathered into frames: everything that one turn of the host's event loop has for it. */
import { executionSeparator } from '../../runtimes/lanes.ts';
import type { HostMessage, Lane } from '../../runtimes/protocol.ts';
import type { Delivery } from './queue.ts';

/** What the frames go through: the process of the cell. */
export interface Channel {
  send(message: HostMessage, payloads?: readonly Uint8Array[], taken?: () => void): void;
  /** Whether the cell reads as fast as is written; if not, `drained` tells when it has caught up. */
  readonly writable: boolean;
  drained(): Promise<void>;
}

/** A frame is closed at this many messages or bytes: large enough to be cheap, small enough to be read while the next is made. */
const fullMessages = 4096;
const fullBytes = 1024 * 1024;

interface Batch {
  executions: number[];
  /** Of these executions, a line each. */
  descriptions: string;
  actor: number[];
  inlet: number[];
  execution: number[];
  sequence: number[];
  reply: number[];
  lane: Lane[];
  length: number[];
  payloads: Uint8Array[];
  bytes: number;
}

const newBatch = (): Batch => ({
  executions: [],
  descriptions: '',
  actor: [],
  inlet: [],
  execution: [],
  sequence: [],
  reply: [],
  lane: [],
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

  deliver(delivery: Delivery, sequence: number): void {
    const { execution, bytes } = delivery;
    const batch = this.#batch;
    if (execution.introduced !== batch) {
      execution.introduced = batch;
      const { description } = execution;
      batch.descriptions += batch.executions.length === 0 ? description : executionSeparator + description;
      batch.executions.push(execution.handle);
      batch.bytes += description.length;
    }
    batch.actor.push(delivery.actor);
    batch.inlet.push(delivery.inlet);
    batch.execution.push(execution.handle);
    batch.sequence.push(sequence);
    batch.reply.push(delivery.reply);
    batch.lane.push(delivery.lane);
    batch.length.push(bytes.byteLength);
    batch.payloads.push(bytes);
    batch.bytes += bytes.byteLength;
    if (batch.actor.length >= fullMessages || batch.bytes >= fullBytes) this.#close();
    this.schedule();
  }

  /** What has gathered is sent when the host's present task is over. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#beforeFlush();
      if (!this.#blocked) this.#flush();
    });
  }

  /** Sends at once, after everything that was delivered before. */
  send(message: HostMessage, payloads?: readonly Uint8Array[], taken?: () => void): void {
    this.#flush();
    this.#channel.send(message, payloads, taken);
  }

  #close(): void {
    if (this.#batch.actor.length === 0) return;
    this.#closed.push(this.#batch);
    this.#batch = newBatch();
  }

  #flush(): void {
    this.#close();
    const batches = this.#closed;
    if (batches.length === 0) return;
    this.#closed = [];
    for (const { payloads, bytes: _, descriptions, ...columns } of batches) {
      const lines = Buffer.from(descriptions);
      this.#channel.send({ type: 'deliver', described: lines.length, ...columns }, [lines, ...payloads]);
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
