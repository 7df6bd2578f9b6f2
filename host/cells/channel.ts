/**
 * The host’s end of the channel of one cell: frames in, checked; frames out, batched and bounded.
 *
 * Nothing that a cell sends is believed, and nothing that it does to its end of the socket costs the host more than
 * bounded memory and a bounded wait.
 */
import type { Socket } from 'node:net';
import { VivariumError } from '../../sdk/errors.ts';
import { joinColumns } from '../../runtimes/columns.ts';
import { checkLengths, cutPayloads, encodeFrame, FrameReader, type Piece } from '../../runtimes/frame.ts';
import { frameLimits } from '../../runtimes/limits.ts';
import { type CellMessage, cellMessage, type HostMessage } from '../../runtimes/protocol.ts';
import { watchPeriod } from './watchdog.ts';

/** Bytes waiting to be written from which on a sender should wait. */
const roomForBytes = 4 * 1024 * 1024;
/** Bytes waiting to be written at which the cell is taken for one that does not read: two of the largest frames. */
const unreadLimit = 2 * frameLimits.frame;
/** How long the cell may take from the first byte of a frame to its last, and to take one frame off the host: milliseconds of a host that is not blocked. */
const frameTime = 5_000;
const readTime = 10_000;
/**
 * A header larger than any that tells of a log or an error holds columns only, so it needs few brackets. Checked before
 * it is parsed, because eight megabytes of `{}` would become 150 MB of objects.
 */
const columnsOnlyFrom = 256 * 1024;
const bracketsOfColumns = 64;

export interface ChannelHandlers {
  /**
   * What it throws is taken for a breach by the cell: a cell that finds a way to make the host stumble is at fault.
   * @param payloads cut by their lengths; of `emit`, whose messages are cut where they go, all bytes in one piece, which is there until this returns
   */
  onMessage(message: CellMessage, payloads: Buffer[]): void;
  /** The cell broke the protocol; nothing more is delivered. */
  onBroken(error: VivariumError): void;
  /** The cell’s end is closed, and everything that it had sent was delivered. */
  onClose(): void;
}

export class CellChannel {
  readonly #socket: Socket;
  readonly #handlers: ChannelHandlers;
  readonly #reader: FrameReader;
  readonly #partial = new Patience(frameTime);
  readonly #unread = new Patience(readTime);
  #batchOpen = false;
  #framesSent = 0;
  #framesTaken = 0;
  #chunksRead = 0;
  #broken = false;
  #closed = false;
  #waiting: (() => void)[] = [];
  readonly #onTaken = (): void => {
    this.#framesTaken += 1;
  };

  constructor(socket: Socket, handlers: ChannelHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#reader = new FrameReader((header, payloads) => this.#receive(header, payloads));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#wake());
    // A write to a cell that has just died; its exit says the rest.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#close());
  }

  /**
   * Sends a message. All messages of one tick leave in one write. The payloads must not change afterwards.
   * Sent to a cell that is gone, it vanishes: the exit of the cell tells.
   *
   * @param taken told when the system has taken them, and they may change again; not told if the cell is gone before
   * @throws VivariumError `limit.message` when the frame would be larger than a channel carries
   */
  send(message: HostMessage, payloads: readonly Piece[] = [], taken?: () => void): void {
    const pieces = encodeFrame(message, payloads);
    if (this.#broken || !this.#socket.writable) return;
    this.#openBatch();
    this.#framesSent += 1;
    const last = pieces.pop() as Piece;
    for (const piece of pieces) this.#socket.write(piece, 'latin1');
    this.#socket.write(last, 'latin1', (error) => {
      this.#onTaken();
      if (!error) taken?.();
    });
    if (this.#socket.writableLength > unreadLimit) this.#break(breach('does not read what it is sent'));
  }

  #openBatch(): void {
    if (this.#batchOpen) return;
    this.#batchOpen = true;
    this.#socket.cork();
    process.nextTick(() => this.#endBatch());
  }

  #endBatch(): void {
    this.#batchOpen = false;
    this.#socket.uncork();
  }

  /** Whether a sender may go on; otherwise it awaits {@link drained}. */
  get writable(): boolean {
    return this.#socket.writable && this.#socket.writableLength < roomForBytes;
  }

  /** Resolves when a sender may go on, or when the channel is closed and going on is idle. */
  drained(): Promise<void> {
    if (this.#closed || !this.#socket.writable || this.#socket.writableLength < roomForBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Grows with whatever comes. */
  get heard(): number {
    return this.#chunksRead;
  }

  /** To be called once a period of the watchdog. */
  look(): void {
    if (!this.#partial.holds(this.#reader.partial, this.#reader.frames)) this.#break(breach(`did not end a frame within ${frameTime / 1000} s`));
    if (!this.#unread.holds(this.#framesTaken < this.#framesSent, this.#framesTaken)) this.#break(breach(`did not read for ${readTime / 1000} s`));
  }

  /** Gives up both directions at once. */
  destroy(): void {
    this.#reader.close();
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#chunksRead += 1;
    try {
      this.#reader.push(chunk);
      // Nobody keeps any of it. Memory that waits for the collector calls it, however little there is for it to mark.
      if (chunk.buffer.byteLength === chunk.byteLength) (chunk.buffer as ArrayBuffer).transfer(0);
    } catch (error) {
      this.#break(error instanceof VivariumError ? error : breach('sent what the host failed at', error));
    }
  }

  #receive(header: string, region: Buffer): void {
    const joined = joinColumns(parseHeader(header), region);
    const message = checkMessage(joined.message);
    const lengths = 'length' in message ? message.length : [];
    if (message.type !== 'emit') this.#handlers.onMessage(message, cutPayloads(lengths, Buffer.from(joined.region)));
    else {
      checkLengths(lengths, joined.region);
      this.#handlers.onMessage(message, [joined.region]);
    }
  }

  #break(error: VivariumError): void {
    if (this.#broken) return;
    this.#broken = true;
    // First the kill: a cell that saw its channel close could still do something about it.
    this.#handlers.onBroken(error);
    this.destroy();
  }

  #close(): void {
    this.#closed = true;
    this.#wake();
    this.#handlers.onClose();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function parseHeader(header: string): unknown {
  if (header.length > columnsOnlyFrom && count(header, '{') + count(header, '[') > bracketsOfColumns)
    throw breach('sent a header that is too large for what it says');
  try {
    return JSON.parse(header);
  } catch {
    throw breach('sent a header that is no JSON');
  }
}

function checkMessage(message: unknown): CellMessage {
  const checked = cellMessage.safeParse(message);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw breach(`sent a message that does not fit the protocol (${issue?.code} at “${issue?.path.join('.').slice(0, 100)}”)`);
}

/** Counts no further than matters. */
function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0 && found <= bracketsOfColumns; at = text.indexOf(character, at + 1)) found += 1;
  return found;
}

const breach = (what: string, cause?: unknown): VivariumError => new VivariumError('cell.protocol', `A cell ${what}.`, { cause });

/** Counts for how many looks in a row a state has lasted without progress. */
class Patience {
  readonly #looks: number;
  #left: number;
  #progress = -1;

  constructor(milliseconds: number) {
    this.#looks = milliseconds / watchPeriod;
    this.#left = this.#looks;
  }

  holds(lasting: boolean, progress: number): boolean {
    if (!lasting || progress !== this.#progress) this.#left = this.#looks;
    else this.#left -= 1;
    this.#progress = progress;
    return this.#left > 0;
  }
}
