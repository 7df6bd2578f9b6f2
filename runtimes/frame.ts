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
/** What a reader has to begin with. */
const usualMemory = 64 * 1024;
/** A partial frame up to this size gets its whole memory at once. A larger one grows as its bytes arrive, so that a length alone reserves nothing. */
const reservedAtOnce = 1024 * 1024;
/** Memory up to this size is used again for the frames that follow: those of messages are no larger, save few. */
const mostKept = 2.25 * 1024 * 1024;
/** So many times in a row it was not needed: it is given up. */
const keptInVain = 64;

/** Bytes, or a text of one character for each: such a text is never a buffer that somebody must collect. */
export type Piece = Uint8Array | string;
/** A text that has a byte for each character is written as it is, and needs no memory of its own until then. */
export const pieceOf = (text: string): string | Buffer => (Buffer.byteLength(text) === text.length ? text : Buffer.from(text));
const sizeOf = (piece: Piece): number => (typeof piece === 'string' ? piece.length : piece.byteLength);

const asBuffer = (bytes: Uint8Array): Buffer => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

/**
 * Encodes one frame as pieces to be written one after another, texts as `latin1`; joined they are the frame.
 * Large payloads are not copied: they must not change until they are written.
 *
 * @throws VivariumError `limit.message` when the frame exceeds {@link frameLimits}.
 */
export function encodeFrame<P extends Piece>(message: object, payloads: readonly P[] = []): (Uint8Array | P)[] {
  const { header, columns } = splitColumns(message);
  const text = JSON.stringify(header);
  const headerLength = Buffer.byteLength(text);
  let length = lengthBytes + headerLength;
  for (const column of columns) length += column.byteLength;
  for (const payload of payloads) length += sizeOf(payload);
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

function joinSmall<P extends Piece>(head: readonly Uint8Array[], payloads: readonly P[]): (Uint8Array | P)[] {
  const pieces: (Uint8Array | P)[] = [];
  let run = [...head];
  const endRun = () => {
    if (run.length > 0) pieces.push(run.length === 1 ? (run[0] as Uint8Array) : Buffer.concat(run));
    run = [];
  };
  for (const payload of payloads) {
    if (sizeOf(payload) < ownPieceFrom) run.push(typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload);
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

/**
 * Receives one frame: the text of its header, not yet parsed, and what lies behind it, for `joinColumns` and {@link cutPayloads}.
 * The region is there until the handler returns: its memory is used again. What is kept of it is copied.
 */
export type FrameHandler = (header: string, region: Buffer) => void;

/**
 * Turns the bytes of a channel into frames. They are written where there is {@link space}, or pushed in chunks. Memory is bounded by
 * {@link frameLimits} and grows only with bytes that arrived; a frame that was read into the space is not copied unless it outgrows that.
 *
 * @example
 * const reader = new FrameReader((header, payloads) => receive(JSON.parse(header), payloads));
 * socket.on('data', (chunk) => reader.push(chunk));
 */
export class FrameReader {
  readonly #onFrame: FrameHandler;
  #memory = Buffer.alloc(0);
  /** Where in it the bytes of the partial frame begin, and where they end. */
  #start = 0;
  #end = 0;
  #closed = false;
  #frames = 0;
  /** How often in a row less memory would have done. */
  #inVain = 0;

  constructor(onFrame: FrameHandler) {
    this.#onFrame = onFrame;
  }

  /** How many frames were delivered. */
  get frames(): number {
    return this.#frames;
  }

  /** A frame has begun and is not complete. */
  get partial(): boolean {
    return this.#end > this.#start;
  }

  /** Drops the partial frame and ignores whatever comes from now on, also the rest of the chunk whose frame is just being handled. */
  close(): void {
    this.#closed = true;
    this.#memory = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * Where the next bytes are to be written, from its beginning: see {@link filled}. Never empty.
   *
   * @throws VivariumError `cell.protocol` when what came last is no frame
   */
  space(): Buffer {
    const held = this.#end - this.#start;
    const size = held === 0 ? 0 : (frameSize(this.#partial()) ?? 0);
    this.#makeRoom(size);
    // Of a large frame no more than its end, so that the next one begins where there is room for it.
    const limit = size > usualMemory ? Math.min(this.#start + size, this.#memory.length) : this.#memory.length;
    return this.#memory.subarray(this.#end, limit);
  }

  /**
   * So many bytes were written to the last {@link space}; delivers the frames that they complete. What a handler throws comes out here.
   *
   * @throws VivariumError `cell.protocol` when the bytes are no frame; the reader is closed then.
   */
  filled(count: number): void {
    if (this.#closed) return;
    this.#end += count;
    try {
      const delivered = this.#deliverAll(this.#partial());
      this.#start += delivered;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Takes the next bytes and delivers the frames that they complete. What a handler throws comes out here.
   *
   * @throws VivariumError `cell.protocol` when the bytes are no frame; the reader is closed then.
   */
  push(chunk: Uint8Array): void {
    let rest = asBuffer(chunk);
    try {
      while (rest.length > 0 && !this.#closed) {
        if (this.partial) rest = this.#fill(rest);
        else {
          rest = rest.subarray(this.#deliverAll(rest));
          if (rest.length > 0 && !this.#closed) rest = this.#fill(rest);
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** No further than to the end of the frame that has begun, so that those behind it are not copied. */
  #fill(bytes: Buffer): Buffer {
    const missing = this.partial ? (frameSize(this.#partial()) ?? preludeBytes) - (this.#end - this.#start) : (frameSize(bytes) ?? preludeBytes);
    const space = this.space();
    const taken = Math.min(missing, space.length, bytes.length);
    bytes.copy(space, 0, 0, taken);
    this.filled(taken);
    return bytes.subarray(taken);
  }

  #partial(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** @returns how many bytes the frames had that were whole */
  #deliverAll(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.#closed) {
      const size = frameSize(at === 0 ? bytes : bytes.subarray(at));
      if (size === undefined || size > bytes.length - at) break;
      this.#deliver(bytes.subarray(at, at + size));
      at += size;
    }
    return this.#closed ? 0 : at;
  }

  /**
   * For more of a frame of this size; 0: it is not known yet. Of one that is larger than the memory there is room for what has come and as
   * much again, so that one that arrives byte by byte is not copied once a byte.
   */
  #makeRoom(size: number): void {
    const held = this.#end - this.#start;
    if (held === 0) this.#restart();
    else if (size > usualMemory) this.#inVain = 0;
    const needed = Math.max(size, usualMemory);
    const { length } = this.#memory;
    const fits = this.#start + needed <= length;
    const goesOn = this.#start === 0 && held < length && needed > length;
    if (fits || goesOn) return;
    const wanted = Math.max(usualMemory, Math.min(needed, Math.max(reservedAtOnce, 2 * held)));
    const target = wanted <= length ? this.#memory : Buffer.allocUnsafeSlow(wanted);
    this.#memory.copy(target, 0, this.#start, this.#end);
    this.#memory = target;
    this.#start = 0;
    this.#end = held;
  }

  /** Nothing is held: from the beginning again, and without what was not needed for long. */
  #restart(): void {
    this.#start = 0;
    this.#end = 0;
    const { length } = this.#memory;
    if (length > mostKept || this.#inVain > keptInVain) this.#memory = Buffer.alloc(0);
    this.#inVain = length > usualMemory ? this.#inVain + 1 : 0;
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
