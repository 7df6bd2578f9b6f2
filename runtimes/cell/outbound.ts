/** What the cell tells the host, gathered over one turn of the event loop: columns first, endings of executions last. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { lengthWidth } from '../guest/wire.ts';
import type { CellMessage, Lane, LogLine } from '../protocol.ts';
import { textLane, workWidth } from '../lanes.ts';
import { type Piece, pieceOf } from '../frame.ts';
import { frameLimits } from '../limits.ts';
import { lengthAt, onePayload, type Payloads } from './batch.ts';
import { type Body, partOf } from './body.ts';
import type { Execution } from './executions.ts';
import type { Work } from './work.ts';

/** Where the frames go. */
export interface Channel {
  send(message: CellMessage, payloads: readonly Piece[]): void;
  /** Nothing more comes soon: what was sent is to leave. */
  flush(): void;
}

/** A frame is closed at this many rows or bytes: large enough to be cheap, small enough to be read while the next is made. */
const fullRows = 4096;
const fullBytes = 1024 * 1024;
/** What goes into a frame together at most: far below what one may hold. Bytes. */
const mostTogether = 8 * 1024 * 1024;
/** Characters of lines in one frame: escaped they are six times as many bytes at most, which a header may have. */
const fullLines = 1024 * 1024;
/** Numbers of one column: what the host takes. */
const fullColumn = frameLimits.payloads;
/** Room is told at once when it is this part of the mailbox: a frame of its own wakes the host, which for one message costs more than the rest. */
const partsOfMailbox = 4;
/** And when nothing else is told for so long. Milliseconds. */
const creditDelay = 5;

export class Outbound {
  readonly #channel: Channel;
  #queued = false;
  #emit = emptyEmit();
  #lines: LogLine[] = [];
  /** Characters of these. */
  #characters = 0;
  #credit = new Map<number, number>();
  #creditTimer: NodeJS.Timeout | undefined;
  #settled: Execution[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** @param executions handles, one for each payload; 0 for what no execution caused */
  emit(actor: number, outlet: number, executions: readonly number[], payloads: Payloads): void {
    const { piece, sizes } = encoded(payloads);
    if (this.#emit.bytes + piece.length > fullBytes) this.#flushEmit();
    if (piece.length > mostTogether && executions.length > 1) {
      this.#emitEach(actor, outlet, executions, payloads);
      return;
    }
    const { columns } = this.#emit;
    columns.runs.push(actor, outlet, payloads.lane, executions.length);
    for (const execution of executions) columns.execution.push(execution);
    for (const size of sizes) columns.length.push(size);
    this.#emit.payloads.push(piece);
    this.#emit.bytes += piece.length;
    if (columns.execution.length >= fullRows || this.#emit.bytes >= fullBytes) this.#flushEmit();
    this.#soon();
  }

  /** What is too much for one frame. */
  #emitEach(actor: number, outlet: number, executions: readonly number[], { lane, lengths, body }: Payloads): void {
    let start = 0;
    for (const [row, execution] of executions.entries()) {
      const end = start + lengthAt(lengths, row);
      this.emit(actor, outlet, [execution], onePayload(lane, partOf(body, start, end)));
      start = end;
    }
  }

  /** Lines may come before what was emitted before them, and never after what was told later. */
  log(line: LogLine): void {
    this.#lines.push(line);
    this.#characters += line.text.length;
    if (this.#lines.length >= frameLimits.lines || this.#characters >= fullLines) this.#flushLines();
    this.#soon();
  }

  /** That the mailbox of an actor, which takes `capacity` messages, has room for so many more: little room is told with what else there is to say. */
  credit(actor: number, messages: number, capacity: number): void {
    const room = (this.#credit.get(actor) ?? 0) + messages;
    this.#credit.set(actor, room);
    if (room * partsOfMailbox >= capacity) this.#soon();
    else this.#creditTimer ??= setTimeout(() => this.#creditIsDue(), creditDelay);
  }

  #creditIsDue(): void {
    this.#creditTimer = undefined;
    if (this.#credit.size > 0) this.#soon();
  }

  settled(execution: Execution): void {
    this.#settled.push(execution);
    this.#soon();
  }

  /** Everything else keeps its order with the columns gathered so far. */
  tell(message: CellMessage, payloads: readonly Piece[] = []): void {
    this.#flushEmit();
    this.#channel.send(message, payloads);
  }

  answer(reply: number, error: ErrorRecord | null, lane: Lane, body: Body): void {
    const payload = error === null ? [toBytes(lane, body)] : [];
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
    const credit = this.#credit;
    if (credit.size > 0) {
      this.#credit = new Map();
      this.#channel.send({ type: 'credit', actor: [...credit.keys()], messages: [...credit.values()] }, []);
    }
    this.#flushSettled();
    this.#channel.flush();
  }

  #flushLines(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#characters = 0;
    this.#channel.send({ type: 'log', lines }, []);
  }

  #flushEmit(): void {
    this.#flushLines();
    const { columns, payloads } = this.#emit;
    if (payloads.length === 0) return;
    this.#emit = emptyEmit();
    this.#channel.send({ type: 'emit', ...columns }, payloads);
  }

  #flushSettled(): void {
    const settled = this.#settled;
    this.#settled = [];
    let columns = emptySettled();
    let work: Work | undefined;
    for (const execution of settled) {
      const full = columns.execution.length >= fullRows || columns.work.length + workWidth * (execution.work?.length ?? 0) > fullColumn;
      if (full) {
        this.#channel.send({ type: 'settled', ...columns }, []);
        columns = emptySettled();
      }
      const { groups } = columns;
      if (groups.length > 0 && execution.work === work) groups[groups.length - 2] = (groups.at(-2) as number) + 1;
      else {
        work = execution.work;
        groups.push(1, work?.length ?? 0);
        for (let at = work; at !== undefined; at = at.before) columns.work.push(at.actor, at.messages, at.microseconds);
      }
      columns.execution.push(execution.handle);
      columns.received.push(execution.received);
    }
    if (columns.execution.length > 0) this.#channel.send({ type: 'settled', ...columns }, []);
  }
}

interface Emit {
  readonly columns: { readonly runs: number[]; readonly execution: number[]; readonly length: number[] };
  readonly payloads: Body[];
  bytes: number;
}

const emptyEmit = (): Emit => ({ columns: { runs: [], execution: [], length: [] }, payloads: [], bytes: 0 });

const emptySettled = (): { execution: number[]; received: number[]; groups: number[]; work: number[] } => ({
  execution: [],
  received: [],
  groups: [],
  work: [],
});

/**
 * Payloads as they are written, and how many bytes each of them has. Where all together have as many bytes as characters, each is as long
 * as it was. Else each is encoded by itself if need be, for two halves of a character must not meet at the end of one and the beginning
 * of the next.
 */
function encoded({ lane, lengths, body }: Payloads): { readonly piece: Body; readonly sizes: readonly number[] } {
  const piece = lane === textLane && typeof body === 'string' ? pieceOf(body) : body;
  const plain = piece.length === body.length;
  const sizes: number[] = [];
  const texts: string[] = [];
  let sum = 0;
  for (let row = 0, start = 0; row < lengths.length / lengthWidth; row++) {
    const length = lengthAt(lengths, row);
    if (plain) sizes.push(length);
    else {
      const text = body.slice(start, start + length) as string;
      const size = Buffer.byteLength(text);
      texts.push(text);
      sizes.push(size);
      sum += size;
    }
    start += length;
  }
  return { piece: plain || sum === piece.length ? piece : Buffer.concat(texts.map((text) => Buffer.from(text))), sizes };
}

export const toBytes = (lane: Lane, body: Body): Buffer => (typeof body === 'string' ? Buffer.from(body, lane === textLane ? 'utf8' : 'latin1') : body);

export const toText = (lane: Lane, bytes: Buffer): string => bytes.toString(lane === textLane ? 'utf8' : 'latin1');
