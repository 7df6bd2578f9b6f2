/**
 * Frames: how messages lie on the channel between a host and a cell. Both sides use this file.
 *
 *     u32 length | u32 header length | header (JSON in UTF-8) | columns | payloads (raw bytes, one after another)
 *
 * Integers are little endian. `length` counts what follows it: the second integer, the header, the columns, the payloads.
 * Which columns there are says the header: see columns.ts.
 */
import { isUtf8 } from 'node:buffer';
import { VivariumError } from '../sdk/errors.ts';
import { broken, splitColumns } from './columns.ts';
import { frameLimits } from './limits.ts';

const lengthBytes = 4;
const preludeBytes = 2 * lengthBytes;
/** `{}` */
const smallestHeader = 2;
/** From here on a payload is written from where it lies; below, copying it is cheaper than one more piece of a `writev`. */
const ownPieceFrom = 16 * 1024;
/** A partial frame up to this size gets its whole memory at once. A larger one grows as its bytes arrive, so that a length alone reserves nothing. */
const reservedAtOnce = 1024 * 1024;

const asBuffer = (bytes: Uint8Array): Buffer => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

/**
 * Encodes one frame as pieces to be written one after another; joined they are the frame.
 * Large payloads are not copied: they must not change until they are written.
 *
 * @throws VivariumError `limit.message` when the frame exceeds {@link frameLimits}.
 */
export function encodeFrame(message: object, payloads: readonly Uint8Array[] = []): Uint8Array[] {
  const { header, columns } = splitColumns(message);
  const text = JSON.stringify(header);
  const headerLength = Buffer.byteLength(text);
  let length = lengthBytes + headerLength;
  for (const column of columns) length += column.byteLength;
  for (const payload of payloads) length += payload.byteLength;
  if (length > frameLimits.frame || headerLength > frameLimits.header || payloads.length > frameLimits.payloads) {
    throw new VivariumError(
      'limit.message',
      `A frame of ${length} bytes with a header of ${headerLength} and ${payloads.length} payloads exceeds the limits of the channel.`,
      {
        hint: `One frame holds at most ${frameLimits.frame} bytes, ${frameLimits.header} of them header, and ${frameLimits.payloads} payloads.`,
      },
    );
  }
  const head = Buffer.allocUnsafe(preludeBytes + headerLength);
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(headerLength, lengthBytes);
  head.write(text, preludeBytes);
  return joinSmall([head, ...columns], payloads);
}

function joinSmall(head: readonly Uint8Array[], payloads: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let run = [...head];
  const endRun = () => {
    if (run.length > 0) pieces.push(run.length === 1 ? (run[0] as Uint8Array) : Buffer.concat(run));
    run = [];
  };
  for (const payload of payloads) {
    if (payload.byteLength < ownPieceFrom) run.push(payload);
    else {
      endRun();
      pieces.push(payload);
    }
  }
  endRun();
  return pieces;
}

/** The size of the frame that begins with these bytes, or nothing while too few of them are there. Refuses bad lengths as soon as they can be read. */
function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length < lengthBytes) return undefined;
  const length = bytes.readUInt32LE(0);
  if (length < lengthBytes + smallestHeader || length > frameLimits.frame) throw broken(`its length is ${length}`);
  if (bytes.length < preludeBytes) return undefined;
  const headerLength = bytes.readUInt32LE(lengthBytes);
  if (headerLength < smallestHeader || headerLength > frameLimits.header || headerLength > length - lengthBytes) {
    throw broken(`its header has ${headerLength} of ${length} bytes`);
  }
  return lengthBytes + length;
}

/** Receives one frame: the text of its header, not yet parsed, and what lies behind it, for `joinColumns` and {@link cutPayloads}. */
export type FrameHandler = (header: string, region: Buffer) => void;

/**
 * Turns the chunks of a channel into frames. Memory is bounded by {@link frameLimits} and grows only with bytes that
 * arrived; each byte is copied at most twice, and not at all when its frame lies in one chunk.
 *
 * @example
 * const reader = new FrameReader((header, payloads) => receive(JSON.parse(header), payloads));
 * socket.on('data', (chunk) => reader.push(chunk));
 */
export class FrameReader {
  readonly #onFrame: FrameHandler;
  /** The partial frame: `#filled` bytes of `#gathered`; `#size` is 0 until the prelude is complete. */
  #gathered = Buffer.alloc(0);
  #filled = 0;
  #size = 0;
  #closed = false;
  #frames = 0;

  constructor(onFrame: FrameHandler) {
    this.#onFrame = onFrame;
  }

  /** How many frames were delivered. */
  get frames(): number {
    return this.#frames;
  }

  /** A frame has begun and is not complete. */
  get partial(): boolean {
    return this.#filled > 0;
  }

  /** Drops the partial frame and ignores whatever is pushed from now on, also the rest of the chunk whose frame is just being handled. */
  close(): void {
    this.#closed = true;
    this.#reset();
  }

  /**
   * Takes the next bytes and delivers the frames that they complete. What a handler throws comes out here.
   *
   * @throws VivariumError `cell.protocol` when the bytes are no frame; the reader is closed then.
   */
  push(chunk: Uint8Array): void {
    let rest = asBuffer(chunk);
    try {
      while (rest.length > 0 && !this.#closed) rest = this.#filled === 0 ? this.#take(rest) : this.#gather(rest);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #take(bytes: Buffer): Buffer {
    const size = frameSize(bytes);
    if (size === undefined || size > bytes.length) return this.#gather(bytes);
    this.#deliver(bytes.subarray(0, size));
    return bytes.subarray(size);
  }

  #gather(bytes: Buffer): Buffer {
    const taken = Math.min((this.#size || preludeBytes) - this.#filled, bytes.length);
    this.#makeRoom(this.#filled + taken);
    bytes.copy(this.#gathered, this.#filled, 0, taken);
    this.#filled += taken;
    if (this.#size === 0) this.#size = frameSize(this.#gathered.subarray(0, this.#filled)) ?? 0;
    if (this.#filled === this.#size) {
      const frame = this.#gathered;
      this.#reset();
      this.#deliver(frame);
    }
    return bytes.subarray(taken);
  }

  /** Doubles, so that a frame that arrives byte by byte is not copied once a byte; ends at exactly the size of the frame. */
  #makeRoom(needed: number): void {
    const capacity = this.#gathered.length;
    if (needed <= capacity) return;
    const wanted = this.#size === 0 ? preludeBytes : Math.min(this.#size, Math.max(needed, reservedAtOnce, 2 * capacity));
    const larger = Buffer.allocUnsafeSlow(wanted);
    this.#gathered.copy(larger, 0, 0, this.#filled);
    this.#gathered = larger;
  }

  #reset(): void {
    this.#gathered = Buffer.alloc(0);
    this.#filled = 0;
    this.#size = 0;
  }

  #deliver(frame: Buffer): void {
    const payloadsAt = preludeBytes + frame.readUInt32LE(lengthBytes);
    const header = frame.subarray(preludeBytes, payloadsAt);
    if (!isUtf8(header)) throw broken('its header is not UTF-8');
    this.#frames += 1;
    this.#onFrame(header.toString('utf8'), frame.subarray(payloadsAt));
  }
}

/**
 * Cuts the payloads of a frame by the lengths in its header. The pieces share the memory of the frame.
 *
 * @throws VivariumError `cell.protocol` unless the lengths add up to exactly the bytes that are there.
 */
export function cutPayloads(lengths: ArrayLike<number>, region: Buffer): Buffer[] {
  checkLengths(lengths, region);
  const payloads: Buffer[] = [];
  let offset = 0;
  for (let i = 0; i < lengths.length; i++) {
    const end = offset + (lengths[i] as number);
    payloads.push(region.subarray(offset, end));
    offset = end;
  }
  return payloads;
}

/** @throws VivariumError `cell.protocol` unless the lengths add up to exactly the bytes that are there. */
export function checkLengths(lengths: ArrayLike<number>, region: Buffer): void {
  if (lengths.length > frameLimits.payloads) throw broken(`it has ${lengths.length} payloads`);
  let offset = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] as number;
    if (!Number.isInteger(length) || length < 0 || length > region.length - offset) throw broken(`a payload of ${length} bytes does not fit`);
    offset += length;
  }
  if (offset !== region.length) throw broken(`${region.length - offset} bytes belong to no payload`);
}
