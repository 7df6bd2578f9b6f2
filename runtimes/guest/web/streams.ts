/**
 * `ReadableStream` as far as bodies need it: a source that is pulled or pushes, one reader, `for await`, `tee`, `cancel`, `from`.
 * There are no byte readers, no pipes, and no writable streams.
 */
import { arraySplice } from './captured.ts';

interface Source {
  readonly start?: (controller: ReadableStreamDefaultController) => unknown;
  readonly pull?: (controller: ReadableStreamDefaultController) => unknown;
  readonly cancel?: (reason: unknown) => unknown;
}

interface Strategy {
  readonly highWaterMark?: number;
  readonly size?: (chunk: unknown) => number;
}

export type ReadResult = { readonly done: false; readonly value: unknown } | { readonly done: true; readonly value: undefined };

interface Waiting {
  resolve(result: ReadResult): void;
  reject(error: unknown): void;
}

interface StreamState {
  readonly source: Source;
  readonly highWaterMark: number;
  readonly sizeOf: (chunk: unknown) => number;
  readonly chunks: { readonly value: unknown; readonly size: number }[];
  readonly waiting: Waiting[];
  status: 'readable' | 'closed' | 'errored';
  error: unknown;
  queued: number;
  closing: boolean;
  pulling: boolean;
  started: boolean;
  reader: ReadableStreamDefaultReader | undefined;
  settled: PromiseWithResolvers<undefined>;
}

const permit = Symbol('ReadableStream');
const ignore = (): void => {};

let stateOf: (stream: ReadableStream) => StreamState;
let isStream: (value: unknown) => value is ReadableStream;

/** What a source puts chunks into. */
export class ReadableStreamDefaultController {
  readonly #state: StreamState;

  constructor(key: unknown, state?: StreamState) {
    if (key !== permit || state === undefined) throw new TypeError('Illegal constructor');
    this.#state = state;
  }

  get desiredSize(): number | null {
    const { status, highWaterMark, queued } = this.#state;
    if (status === 'errored') return null;
    return status === 'closed' ? 0 : highWaterMark - queued;
  }

  enqueue(value?: unknown): void {
    const state = this.#state;
    if (state.status !== 'readable' || state.closing) throw new TypeError('Invalid state: the stream takes no more chunks');
    const waiting = arraySplice(state.waiting, 0, 1)[0] as Waiting | undefined;
    if (waiting !== undefined) waiting.resolve({ done: false, value });
    else {
      const size = +state.sizeOf(value);
      if (!(size >= 0) || size === Number.POSITIVE_INFINITY) {
        const error = new RangeError('The size of a chunk must be a finite number, not below 0');
        fail(state, error);
        throw error;
      }
      state.chunks[state.chunks.length] = { value, size };
      state.queued += size;
    }
    pull(state, this);
  }

  close(): void {
    const state = this.#state;
    if (state.status !== 'readable' || state.closing) throw new TypeError('Invalid state: the stream is closed already');
    state.closing = true;
    if (state.chunks.length === 0) finish(state);
  }

  error(reason?: unknown): void {
    fail(this.#state, reason);
  }

  get [Symbol.toStringTag](): string {
    return 'ReadableStreamDefaultController';
  }
}

/** Reads a stream, and locks it until it is released. */
export class ReadableStreamDefaultReader {
  #state: StreamState | undefined;
  #closed: Promise<undefined>;

  constructor(stream: ReadableStream) {
    if (!isStream(stream)) throw new TypeError('The "stream" argument must be an instance of ReadableStream');
    const state = stateOf(stream);
    if (state.reader !== undefined) throw new TypeError('Invalid state: the stream is locked');
    state.reader = this;
    this.#state = state;
    this.#closed = state.settled.promise;
  }

  get closed(): Promise<undefined> {
    return this.#closed;
  }

  read(): Promise<ReadResult> {
    const state = this.#state;
    if (state === undefined) return Promise.reject(new TypeError('Invalid state: the reader is released'));
    return take(state);
  }

  releaseLock(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    state.reader = undefined;
    const released = new TypeError('Invalid state: the reader is released');
    const waiting = arraySplice(state.waiting, 0, state.waiting.length) as Waiting[];
    for (let index = 0; index < waiting.length; index++) waiting[index]?.reject(released);
    this.#closed = Promise.reject(released);
    this.#closed.catch(ignore);
  }

  cancel(reason?: unknown): Promise<undefined> {
    if (this.#state === undefined) return Promise.reject(new TypeError('Invalid state: the reader is released'));
    return cancel(this.#state, reason);
  }

  get [Symbol.toStringTag](): string {
    return 'ReadableStreamDefaultReader';
  }
}

export class ReadableStream {
  readonly #state: StreamState;

  static {
    stateOf = (stream) => stream.#state;
    isStream = (value): value is ReadableStream => typeof value === 'object' && value !== null && #state in value;
  }

  constructor(source: Source & { readonly type?: unknown } = {}, { highWaterMark = 1, size = () => 1 }: Strategy = {}) {
    if (source === null || typeof source !== 'object') throw new TypeError('The "underlyingSource" argument must be an object');
    if (source.type !== undefined) throw new RangeError('A stream of an actor has no type: byte streams are not available');
    const mark = +highWaterMark;
    if (!(mark >= 0)) throw new RangeError('The highWaterMark must be a number, not below 0');
    const state: StreamState = {
      source,
      highWaterMark: mark,
      sizeOf: size,
      chunks: [],
      waiting: [],
      status: 'readable',
      error: undefined,
      queued: 0,
      closing: false,
      pulling: false,
      started: false,
      reader: undefined,
      settled: Promise.withResolvers<undefined>(),
    };
    state.settled.promise.catch(ignore);
    this.#state = state;
    const controller = new ReadableStreamDefaultController(permit, state);
    controllers.set(state, controller);
    const starting = source.start?.(controller);
    Promise.resolve(starting).then(
      () => {
        state.started = true;
        pull(state, controller);
      },
      (error: unknown) => fail(state, error),
    );
  }

  /** A stream of what an iterable yields, one chunk each. */
  static from(iterable: Iterable<unknown> | AsyncIterable<unknown>): ReadableStream {
    const asynchronous = (iterable as AsyncIterable<unknown>)[Symbol.asyncIterator];
    const iterator = asynchronous === undefined ? (iterable as Iterable<unknown>)[Symbol.iterator]() : asynchronous.call(iterable);
    return new ReadableStream(
      {
        pull: async (controller) => {
          const { done, value } = await iterator.next();
          if (done) controller.close();
          else controller.enqueue(await value);
        },
        cancel: async (reason) => {
          await iterator.return?.(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  get locked(): boolean {
    return this.#state.reader !== undefined;
  }

  getReader(options?: { readonly mode?: unknown }): ReadableStreamDefaultReader {
    if (options?.mode !== undefined) throw new TypeError('A stream of an actor has no reader for bytes');
    return new ReadableStreamDefaultReader(this);
  }

  cancel(reason?: unknown): Promise<undefined> {
    if (this.locked) return Promise.reject(new TypeError('Invalid state: the stream is locked'));
    return cancel(this.#state, reason);
  }

  /** Two streams of the same chunks. The source is cancelled when both are. */
  tee(): [ReadableStream, ReadableStream] {
    const reader = this.getReader();
    const branches: ReadableStreamDefaultController[] = [];
    const cancelled = [false, false];
    const ended = Promise.withResolvers<undefined>();
    let reading = false;
    const step = async (): Promise<void> => {
      if (reading) return;
      reading = true;
      try {
        const result = await reader.read();
        for (const [index, branch] of branches.entries()) {
          if (cancelled[index]) continue;
          if (result.done) branch.close();
          else branch.enqueue(result.value);
        }
        if (result.done) ended.resolve(undefined);
      } catch (error) {
        for (const branch of branches) branch.error(error);
        ended.resolve(undefined);
      } finally {
        reading = false;
      }
    };
    const branchOf = (index: number): ReadableStream =>
      new ReadableStream(
        {
          start: (controller) => {
            branches[index] = controller;
          },
          pull: step,
          cancel: (reason) => {
            cancelled[index] = true;
            if (cancelled[0] && cancelled[1]) reader.cancel(reason).then(() => ended.resolve(undefined), ended.reject);
            return ended.promise;
          },
        },
        { highWaterMark: 0 },
      );
    return [branchOf(0), branchOf(1)];
  }

  async *values({ preventCancel = false }: { readonly preventCancel?: boolean } = {}): AsyncGenerator<unknown, undefined> {
    const reader = this.getReader();
    let over = false;
    try {
      for (;;) {
        const result = await reader.read();
        if (result.done) {
          over = true;
          return undefined;
        }
        yield result.value;
      }
    } catch (error) {
      over = true;
      throw error;
    } finally {
      if (!over && !preventCancel) await reader.cancel();
      reader.releaseLock();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown, undefined> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return 'ReadableStream';
  }
}

const controllers = new WeakMap<StreamState, ReadableStreamDefaultController>();

function take(state: StreamState): Promise<ReadResult> {
  if (state.chunks.length > 0) {
    const { value, size } = arraySplice(state.chunks, 0, 1)[0] as StreamState['chunks'][number];
    state.queued -= size;
    if (state.closing && state.chunks.length === 0) finish(state);
    else pull(state, controllers.get(state) as ReadableStreamDefaultController);
    return Promise.resolve({ done: false, value });
  }
  if (state.status === 'closed') return Promise.resolve({ done: true, value: undefined });
  if (state.status === 'errored') return Promise.reject(state.error);
  const { promise, resolve, reject } = Promise.withResolvers<ReadResult>();
  state.waiting[state.waiting.length] = { resolve, reject };
  pull(state, controllers.get(state) as ReadableStreamDefaultController);
  return promise;
}

/** Asks the source for more while somebody waits, or while less lies here than may. One question at a time. */
function pull(state: StreamState, controller: ReadableStreamDefaultController): void {
  const wanted = state.waiting.length > 0 || state.queued < state.highWaterMark;
  if (!state.started || state.pulling || state.status !== 'readable' || state.closing || !wanted || state.source.pull === undefined) return;
  state.pulling = true;
  new Promise((resolve) => resolve(state.source.pull?.(controller))).then(
    () => {
      state.pulling = false;
      pull(state, controller);
    },
    (error: unknown) => fail(state, error),
  );
}

function finish(state: StreamState): void {
  if (state.status !== 'readable') return;
  state.status = 'closed';
  const waiting = arraySplice(state.waiting, 0, state.waiting.length) as Waiting[];
  for (let index = 0; index < waiting.length; index++) waiting[index]?.resolve({ done: true, value: undefined });
  state.settled.resolve(undefined);
}

function fail(state: StreamState, error: unknown): void {
  if (state.status !== 'readable') return;
  state.status = 'errored';
  state.error = error;
  arraySplice(state.chunks, 0, state.chunks.length);
  const waiting = arraySplice(state.waiting, 0, state.waiting.length) as Waiting[];
  for (let index = 0; index < waiting.length; index++) waiting[index]?.reject(error);
  state.settled.reject(error);
}

async function cancel(state: StreamState, reason: unknown): Promise<undefined> {
  if (state.status === 'errored') throw state.error;
  if (state.status === 'closed') return undefined;
  arraySplice(state.chunks, 0, state.chunks.length);
  finish(state);
  await state.source.cancel?.(reason);
  return undefined;
}

export const isReadableStream = (value: unknown): value is ReadableStream => isStream(value);
