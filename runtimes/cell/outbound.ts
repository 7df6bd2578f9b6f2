/** What the cell tells the host, gathered over one turn of the event loop: columns first, endings of executions last. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { CellMessage, Lane } from '../protocol.ts';
import { frameLimits } from '../limits.ts';
import type { Execution } from './executions.ts';

export type Send = (message: CellMessage, payloads: readonly Buffer[]) => void;

/** A frame is closed at this many rows or bytes: far below what one may hold, whatever the next row brings. */
const fullRows = 4096;
const fullBytes = 8 * 1024 * 1024;
/** Numbers of one column: what the host takes. */
const fullColumn = frameLimits.payloads;
/** Columns of `work`: actor, messages, microseconds. */
const workWidth = 3;

export class Outbound {
  readonly #send: Send;
  #queued = false;
  #emit = emptyEmit();
  readonly #credit = new Map<number, number>();
  #settled: Execution[] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  emit(actor: number, outlet: number, execution: number, lane: Lane, text: string): void {
    const payload = toBytes(lane, text);
    if (this.#emit.bytes + payload.length > fullBytes) this.#flushEmit();
    const { columns, payloads } = this.#emit;
    columns.actor.push(actor);
    columns.outlet.push(outlet);
    columns.execution.push(execution);
    columns.lane.push(lane);
    columns.length.push(payload.length);
    payloads.push(payload);
    this.#emit.bytes += payload.length;
    if (payloads.length >= fullRows) this.#flushEmit();
    this.#soon();
  }

  credit(actor: number): void {
    this.#credit.set(actor, (this.#credit.get(actor) ?? 0) + 1);
    this.#soon();
  }

  settled(execution: Execution): void {
    this.#settled.push(execution);
    this.#soon();
  }

  /** Everything else keeps its order with the columns gathered so far. */
  tell(message: CellMessage, payloads: readonly Buffer[] = []): void {
    this.#flushEmit();
    this.#send(message, payloads);
  }

  answer(reply: number, error: ErrorRecord | null, lane: Lane, text: string): void {
    const payload = error === null ? [toBytes(lane, text)] : [];
    this.tell({ type: 'answer', reply, error, lane, length: payload.map((bytes) => bytes.length) }, payload);
  }

  #soon(): void {
    if (this.#queued) return;
    this.#queued = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#queued = false;
    this.#flushEmit();
    if (this.#credit.size > 0) {
      this.#send({ type: 'credit', actor: [...this.#credit.keys()], messages: [...this.#credit.values()] }, []);
      this.#credit.clear();
    }
    this.#flushSettled();
  }

  #flushEmit(): void {
    const { columns, payloads } = this.#emit;
    if (payloads.length === 0) return;
    this.#emit = emptyEmit();
    this.#send({ type: 'emit', ...columns }, payloads);
  }

  #flushSettled(): void {
    const settled = this.#settled;
    this.#settled = [];
    let columns = emptySettled();
    for (const { handle, received, work } of settled) {
      if (columns.execution.length >= fullRows || columns.work.length + work.length > fullColumn) {
        this.#send({ type: 'settled', ...columns }, []);
        columns = emptySettled();
      }
      columns.execution.push(handle);
      columns.received.push(received);
      columns.parts.push(work.length / workWidth);
      for (const number of work) columns.work.push(number);
    }
    if (columns.execution.length > 0) this.#send({ type: 'settled', ...columns }, []);
  }
}

interface Emit {
  readonly columns: { readonly actor: number[]; readonly outlet: number[]; readonly execution: number[]; readonly lane: Lane[]; readonly length: number[] };
  readonly payloads: Buffer[];
  bytes: number;
}

const emptyEmit = (): Emit => ({ columns: { actor: [], outlet: [], execution: [], lane: [], length: [] }, payloads: [], bytes: 0 });

const emptySettled = (): { execution: number[]; received: number[]; parts: number[]; work: number[] } => ({ execution: [], received: [], parts: [], work: [] });

export const toBytes = (lane: Lane, text: string): Buffer => Buffer.from(text, lane === 0 ? 'utf8' : 'latin1');

export const toText = (lane: Lane, bytes: Buffer): string => bytes.toString(lane === 0 ? 'utf8' : 'latin1');
