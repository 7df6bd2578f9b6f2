/** What the cell tells the host, gathered over one turn of the event loop: columns first, endings of executions last. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { CellMessage, Lane } from '../protocol.ts';
import type { Execution } from './executions.ts';

export type Send = (message: CellMessage, payloads: readonly Buffer[]) => void;

/** Rows of one `emit` frame; more make another frame. */
const emitRows = 4096;

export class Outbound {
  readonly #send: Send;
  #queued = false;
  #emit: { actor: number[]; outlet: number[]; execution: number[]; lane: Lane[]; length: number[]; payloads: Buffer[] } = emptyEmit();
  readonly #credit = new Map<number, number>();
  #settled: Execution[] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  emit(actor: number, outlet: number, execution: number, lane: Lane, text: string): void {
    const payload = toBytes(lane, text);
    const { actor: actors, outlet: outlets, execution: executions, lane: lanes, length, payloads } = this.#emit;
    actors.push(actor);
    outlets.push(outlet);
    executions.push(execution);
    lanes.push(lane);
    length.push(payload.length);
    payloads.push(payload);
    if (actors.length >= emitRows) this.#flushEmit();
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
    while (this.#settled.length > 0) this.#flushSettled(this.#settled.splice(0, emitRows));
  }

  #flushEmit(): void {
    if (this.#emit.actor.length === 0) return;
    const { payloads, ...columns } = this.#emit;
    this.#emit = emptyEmit();
    this.#send({ type: 'emit', ...columns }, payloads);
  }

  #flushSettled(executions: readonly Execution[]): void {
    const work: number[] = [];
    const parts: number[] = [];
    for (const execution of executions) {
      parts.push(execution.work.length / 3);
      work.push(...execution.work);
    }
    this.#send({ type: 'settled', execution: executions.map((each) => each.handle), received: executions.map((each) => each.received), parts, work }, []);
  }
}

const emptyEmit = (): { actor: number[]; outlet: number[]; execution: number[]; lane: Lane[]; length: number[]; payloads: Buffer[] } => ({
  actor: [],
  outlet: [],
  execution: [],
  lane: [],
  length: [],
  payloads: [],
});

export const toBytes = (lane: Lane, text: string): Buffer => Buffer.from(text, lane === 0 ? 'utf8' : 'latin1');

export const toText = (lane: Lane, bytes: Buffer): string => bytes.toString(lane === 0 ? 'utf8' : 'latin1');
