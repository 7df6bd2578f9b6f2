/** `FileHandle` as `open` gives it. Of Node's streams there is what can be iterated: `for await (const bytes of handle.createReadStream())`. */
import type { FileStatus } from '../../fileStatus.ts';
import { indexOf, isArray, setBytes, slice, subarray, SymbolAsyncIterator, SymbolIterator, then, Uint8ArrayIntrinsic } from '../../guest/primordials.ts';
import { bytesIfAny, bytesOf, decoded, type Encoding, encodingOf, streamDecoder } from './data.guest.ts';
import { attempted, FileFailure, hidden, invalidType, outOfRange } from './errors.guest.ts';
import { type Stats, statsOf } from './stats.guest.ts';
import type { Store } from './store.guest.ts';

interface ReadOptions {
  readonly buffer?: unknown;
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: number | bigint | null | undefined;
}

interface StreamOptions {
  readonly start?: number;
  readonly end?: number;
  readonly highWaterMark?: number;
  readonly encoding?: unknown;
  readonly autoClose?: boolean;
}

const asyncDispose = Symbol.asyncDispose;
const defaultRead = 16 * 1024;

export class FileHandle {
  readonly #store: Store;
  readonly #handle: number;
  #closed = false;

  constructor(store: Store, handle: number) {
    this.#store = store;
    this.#handle = handle;
  }

  get fd(): number {
    return this.#closed ? -1 : this.#handle;
  }

  /** As Node's: `read(buffer, offset, length, position)`, `read(buffer, options)`, `read(options)`. */
  read(target?: unknown, second?: unknown, length?: number | null, position?: number | bigint | null): Promise<{ bytesRead: number; buffer: unknown }> {
    return attempted({ syscall: 'read' }, async () => {
      const view = bytesIfAny(target, 'latin1');
      const isBuffer = view !== undefined && typeof target !== 'string';
      const options: ReadOptions = isBuffer ? (isOptions(second) ? second : { offset: second as number, length, position }) : isOptions(target) ? target : {};
      const buffer = isBuffer ? target : (options.buffer ?? new Uint8ArrayIntrinsic(defaultRead));
      const bytes = typeof buffer === 'string' ? undefined : bytesIfAny(buffer);
      if (bytes === undefined) throw invalidType('buffer', 'an ArrayBuffer or a view of one');
      const offset = wholeNumber(options.offset ?? 0, 'offset', bytes.length);
      const wanted = wholeNumber(options.length ?? bytes.length - offset, 'length', bytes.length - offset);
      const chunk = wanted < this.#store.chunk ? wanted : this.#store.chunk;
      if (wanted === 0) return { bytesRead: 0, buffer };
      const got = await this.#read(positionOf(options.position), chunk);
      setBytes(bytes, got, offset);
      return { bytesRead: got.length, buffer };
    });
  }

  readFile(options?: unknown): Promise<Uint8Array | string> {
    return attempted({ syscall: 'read' }, async () => decoded(await this.#rest(), encodingOf(options)));
  }

  /** As Node's: `write(buffer, offset, length, position)`, `write(buffer, options)`, `write(text, position, encoding)`. */
  write(data: unknown, second?: unknown, third?: unknown, position?: number | null): Promise<{ bytesWritten: number; buffer: unknown }> {
    return attempted({ syscall: 'write' }, async () => {
      let bytes: Uint8Array;
      let at = position;
      if (typeof data === 'string') {
        bytes = bytesOf(data, encodingOf(third) ?? 'utf8');
        at = second as number | null | undefined;
      } else {
        const all = bytesOf(data, undefined, 'buffer');
        const options: ReadOptions = isOptions(second) ? second : { offset: second as number, length: third as number, position: position ?? null };
        const offset = wholeNumber(options.offset ?? 0, 'offset', all.length);
        bytes = subarray(all, offset, offset + wholeNumber(options.length ?? all.length - offset, 'length', all.length - offset));
        at = options.position as number | null;
      }
      await this.#writeAll(bytes, positionOf(at));
      return { bytesWritten: bytes.length, buffer: data };
    });
  }

  writeFile(data: unknown, options?: unknown): Promise<void> {
    return attempted({ syscall: 'write' }, () => this.#writeData(data, encodingOf(options) ?? 'utf8'));
  }

  appendFile(data: unknown, options?: unknown): Promise<void> {
    return this.writeFile(data, options);
  }

  stat(options?: unknown): Promise<Stats> {
    return attempted({ syscall: 'fstat' }, async () => statsOf((await this.#call('handleStat', {})) as FileStatus, options));
  }

  truncate(length: number | null = 0): Promise<void> {
    return attempted({ syscall: 'ftruncate' }, async () => {
      await this.#call('truncate', { size: wholeNumber(length ?? 0, 'len', Number.MAX_SAFE_INTEGER) });
    });
  }

  sync(): Promise<void> {
    return attempted({ syscall: 'fsync' }, async () => {
      await this.#call('sync', {});
    });
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  close(): Promise<void> {
    return attempted({ syscall: 'close' }, async () => {
      if (this.#closed) return;
      this.#closed = true;
      await this.#store.call('close', { handle: this.#handle });
    });
  }

  /** The pieces of the file, one after the other, the next one read while one is worked on. Closes the file at the end. */
  createReadStream(options: StreamOptions = {}): AsyncIterable<Uint8Array | string> {
    const { start, end, highWaterMark, autoClose = true } = options;
    const size = wholeNumber(highWaterMark ?? this.#store.chunk, 'highWaterMark', Number.MAX_SAFE_INTEGER);
    const chunk = size < 1 ? 1 : size < this.#store.chunk ? size : this.#store.chunk;
    const decode = streamDecoder(encodingOf(options));
    return this.#pieces(wholeNumber(start ?? 0, 'start', Number.MAX_SAFE_INTEGER), end, chunk, decode, autoClose);
  }

  /** The lines of the file, as text. Closes the file at the end. */
  async *readLines(options: StreamOptions = {}): AsyncGenerator<string> {
    let left = '';
    for await (const piece of this.createReadStream({ ...options, encoding: 'utf8' })) {
      left += piece as string;
      for (let end = indexOf(left, '\n'); end >= 0; end = indexOf(left, '\n')) {
        const line = slice(left, 0, end);
        left = slice(left, end + 1);
        yield withoutReturn(line);
      }
    }
    if (left !== '') yield withoutReturn(left);
  }

  async *#pieces(
    start: number,
    end: number | undefined,
    chunk: number,
    decode: (bytes: Uint8Array, last: boolean) => Uint8Array | string,
    autoClose: boolean,
  ): AsyncGenerator<Uint8Array | string> {
    const read = (at: number): Promise<Uint8Array> =>
      attempted({ syscall: 'read' }, () => this.#read(at, end === undefined || at + chunk <= end + 1 ? chunk : end + 1 - at));
    let at = start;
    let ahead: Promise<Uint8Array> | undefined;
    try {
      while (end === undefined || at <= end) {
        const bytes = await (ahead ?? read(at));
        ahead = undefined;
        if (bytes.length === 0) break;
        at += bytes.length;
        if (bytes.length === chunk && (end === undefined || at <= end)) {
          ahead = read(at);
          // Told when it is asked for.
          then(ahead, undefined as never, () => undefined);
        }
        const piece = decode(bytes, false);
        if (piece.length > 0) yield piece;
      }
      const rest = decode(new Uint8ArrayIntrinsic(0), true);
      if (rest.length > 0) yield rest;
    } finally {
      if (autoClose) await this.close();
    }
  }

  #call(operation: string, request: object): Promise<unknown> {
    if (this.#closed) throw new FileFailure('EBADF');
    return this.#store.call(operation, { handle: this.#handle, ...request });
  }

  #read(position: number | null, length: number): Promise<Uint8Array> {
    return this.#call('read', { position, length }) as Promise<Uint8Array>;
  }

  /** Everything from where the file is. */
  async #rest(): Promise<Uint8Array> {
    const { chunk } = this.#store;
    const { size } = (await this.#call('handleStat', {})) as FileStatus;
    let all = new Uint8ArrayIntrinsic(size);
    let filled = 0;
    for (;;) {
      const bytes = await this.#read(null, chunk);
      if (bytes.length === 0) break;
      if (filled + bytes.length > all.length) {
        const grown = new Uint8ArrayIntrinsic((filled + bytes.length) * 2);
        setBytes(grown, subarray(all, 0, filled));
        all = grown;
      }
      setBytes(all, bytes, filled);
      filled += bytes.length;
    }
    return filled === all.length ? all : subarray(all, 0, filled);
  }

  async #writeAll(bytes: Uint8Array, position: number | null): Promise<void> {
    const { chunk } = this.#store;
    for (let at = 0; at < bytes.length; at += chunk) {
      const data = subarray(bytes, at, at + chunk < bytes.length ? at + chunk : bytes.length);
      await this.#call('write', { position: position === null ? null : position + at, data });
    }
  }

  /** @param data text, bytes, or what gives such one after the other */
  async #writeData(data: unknown, encoding: Encoding): Promise<void> {
    const bytes = bytesIfAny(data, encoding);
    if (bytes !== undefined) await this.#writeAll(bytes, null);
    else if (isIterable(data)) for await (const piece of data) await this.#writeAll(bytesOf(piece, encoding), null);
    else bytesOf(data);
  }
}
hidden(FileHandle, 'name', 'FileHandle');
hidden(FileHandle.prototype, asyncDispose, function dispose(this: FileHandle): Promise<void> {
  return this.close();
});
// Whoever had the class could make handles of files that it never opened: the host would refuse them, and yet nobody needs it.
hidden(FileHandle.prototype, 'constructor', Object);

const isOptions = (value: unknown): value is ReadOptions => typeof value === 'object' && value !== null && !isArray(value) && bytesIfAny(value) === undefined;

export const isIterable = (value: unknown): value is Iterable<unknown> & AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && (SymbolAsyncIterator in value || SymbolIterator in value);

function wholeNumber(value: unknown, name: string, most: number): number {
  if (typeof value !== 'number') throw invalidType(name, 'of type number');
  if (value % 1 !== 0 || !(value >= 0) || value > most) throw outOfRange(name, `a whole number from 0 to ${most}`);
  return value;
}

/** null where the file is; so does whatever is no position, as in Node. */
const positionOf = (position: unknown): number | null => {
  if (typeof position === 'bigint') return wholeNumber(Number(position), 'position', Number.MAX_SAFE_INTEGER);
  return typeof position === 'number' && position >= 0 ? wholeNumber(position, 'position', Number.MAX_SAFE_INTEGER) : null;
};

const withoutReturn = (line: string): string => (line[line.length - 1] === '\r' ? slice(line, 0, line.length - 1) : line);
