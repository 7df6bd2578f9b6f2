/** The body of a response as it comes: decompressed, counted, redacted, read by the guest at its own speed. */
import { pipeline, type Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { VivariumError } from '../../../sdk/errors.ts';
import { networkFailure } from './failures.ts';
import type { StreamRedactor } from '../secrets/redaction.ts';

/** Bytes that a decompressed body may have for each that came, once it is no longer small. */
const largestRatio = 200;
const small = 1024 * 1024;
/** Compressed more than twice, there is nothing to gain but a bomb. */
const mostCodings = 2;

const decoders: Readonly<Record<string, () => Transform>> = { gzip: createGunzip, 'x-gzip': createGunzip, br: createBrotliDecompress, deflate: createInflate };

/**
 * @param mustBeRead what is in the body has to be seen: then an unknown coding does not pass
 * @returns the codings that are to be undone, the last applied first; undefined if one of them is unknown, or there is none
 * @throws VivariumError limit.network, network.failed with the name EPROTO
 */
export function codingsOf(header: string | undefined, mustBeRead: boolean): readonly string[] | undefined {
  const codings = (header ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
    .toReversed();
  if (codings.length > mostCodings) throw new VivariumError('limit.network', `a body that is compressed ${codings.length} times is not decompressed`);
  const known = codings.every((coding) => Object.hasOwn(decoders, coding));
  if (!known && mustBeRead)
    throw networkFailure('EPROTO', 'the body of the response is in a coding that cannot be undone, and values of secrets could lie in it');
  return known && codings.length > 0 ? codings : undefined;
}

const nothing = Buffer.alloc(0);

export interface BodyPlan {
  readonly codings: readonly string[] | undefined;
  /** Bytes, decompressed. */
  readonly limit: number;
  readonly redactor: StreamRedactor | undefined;
  /** Called when the reader has had the last of it, or heard why there is no more. */
  told(): void;
}

export class ResponseBody {
  #source: Readable | undefined;
  readonly #plan: BodyPlan;
  #stream: Readable | undefined;
  #left: Buffer = nothing;
  #received = 0;
  #decoded = 0;
  #state: 'open' | 'complete' | 'drained' = 'open';
  #failure: unknown;
  #isClosed = false;
  readonly #waiting: (() => void)[] = [];

  constructor(source: Readable, plan: BodyPlan) {
    this.#source = source;
    this.#plan = plan;
    source.on('error', (error) => this.#fail(error));
    if (plan.codings === undefined) this.#listen(source);
    else this.#decode(source, plan.codings);
  }

  /**
   * What is there, at most so many bytes; waits until there is something.
   * @returns null at the end
   * @throws what the stream failed with; VivariumError limit.network
   */
  async take(most: number): Promise<Buffer | null> {
    for (;;) {
      const chunk = this.#next(most);
      if (chunk !== undefined) return chunk;
      if (this.#isOver) return this.#end();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /**
   * The whole body, if it is there within moments and is no larger.
   * @param patience milliseconds
   * @returns undefined if not; then nothing has been taken
   */
  async whole(most: number, patience: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let size = 0;
    let late = false;
    let timer: NodeJS.Timeout | undefined;
    try {
      while (size <= most && !late) {
        const chunk = this.#next(most - size + 1);
        if (chunk !== undefined) {
          parts.push(chunk);
          size += chunk.length;
          continue;
        }
        // Told to whoever reads it.
        if (this.#failure !== undefined) break;
        if (this.#isOver) {
          this.#end();
          return parts.length === 1 ? parts[0] : Buffer.concat(parts);
        }
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
          timer ??= setTimeout(() => {
            late = true;
            this.#wake();
          }, patience);
        });
      }
    } finally {
      clearTimeout(timer);
    }
    if (!this.#isClosed) this.#left = Buffer.concat([...parts, this.#left]);
    return undefined;
  }

  /** Nothing of it is kept, though all of it may have come. */
  close(reason: Error): void {
    this.#isClosed = true;
    this.#left = nothing;
    this.#failure ??= reason;
    this.#source?.destroy();
    // They know the request, and with it what was sent.
    this.#source = undefined;
    this.#stream = undefined;
    this.#wake();
  }

  #next(most: number): Buffer | undefined {
    if (this.#left.length === 0) this.#refill();
    if (this.#left.length === 0) return undefined;
    const chunk = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(chunk.length);
    return chunk;
  }

  /** Nothing is left, and nothing will come. */
  get #isOver(): boolean {
    return this.#left.length === 0 && (this.#failure !== undefined || this.#state === 'drained');
  }

  #end(): null {
    this.#plan.told();
    if (this.#failure !== undefined) throw this.#failure;
    return null;
  }

  #refill(): void {
    if (this.#failure !== undefined) return;
    const { redactor } = this.#plan;
    for (let chunk = this.#stream?.read() as Buffer | null | undefined; chunk; chunk = this.#stream?.read() as Buffer | null) {
      this.#count(chunk.length);
      if (this.#failure !== undefined) return;
      this.#left = redactor === undefined ? chunk : Buffer.from(redactor.push(chunk));
      if (this.#left.length > 0) return;
    }
    if (this.#state === 'complete') {
      this.#state = 'drained';
      this.#left = redactor === undefined ? this.#left : Buffer.from(redactor.end());
    }
  }

  #count(bytes: number): void {
    const { limit, codings } = this.#plan;
    this.#decoded += bytes;
    if (this.#decoded > limit) {
      this.close(new VivariumError('limit.network', `the body of the response exceeds the limit of ${limit} bytes`, { hint: 'limits: { responseBody: … }' }));
    } else if (codings !== undefined && this.#decoded > small && this.#decoded > largestRatio * this.#received) {
      this.close(new VivariumError('limit.network', `the body of the response is more than ${largestRatio} times as large as it was sent`));
    }
  }

  #decode(source: Readable, codings: readonly string[]): void {
    const counter = new Transform({
      transform: (chunk: Buffer, _, done) => {
        this.#received += chunk.length;
        done(null, chunk);
      },
    });
    const steps = codings.map((coding) => (decoders[coding] as () => Transform)());
    pipeline([source, counter, ...steps], (error) => {
      if (error) this.#fail(error);
    });
    this.#listen(steps.at(-1) as Transform);
  }

  #listen(stream: Readable): void {
    this.#stream = stream;
    stream.on('readable', () => this.#wake());
    stream.on('end', () => {
      if (this.#state === 'open') this.#state = 'complete';
      this.#wake();
    });
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => {
      if (this.#state === 'open') this.#fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    });
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#state !== 'open') return;
    this.#failure = error;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
