/** What `Request` and `Response` have in common: a body that is read once, as a whole or in pieces. */
import { isView, typedArraySet } from './captured.ts';
import { encoding } from './encoding.ts';
import { isReadableStream, ReadableStream } from './streams.ts';
import { urls } from './url.ts';

export interface Contents {
  /** Undefined if only the stream has it. */
  readonly bytes: Uint8Array | undefined;
  stream: ReadableStream | undefined;
  used: boolean;
}

/** What `body` may be given as, with the content type that follows from it. */
export function contentsOf(body: unknown): { readonly contents: Contents | null; readonly type: string | null } {
  if (body === undefined || body === null) return { contents: null, type: null };
  if (isReadableStream(body)) {
    if (body.locked) throw new TypeError('Response body object should not be disturbed or locked');
    return { contents: { bytes: undefined, stream: body, used: false }, type: null };
  }
  const whole = (bytes: Uint8Array, type: string | null) => ({ contents: { bytes, stream: undefined, used: false }, type });
  if (isView(body)) return whole(copyOf(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)), null);
  if (body instanceof ArrayBuffer) return whole(copyOf(new Uint8Array(body)), null);
  const { made } = urls;
  if (made !== undefined && body instanceof made.URLSearchParams) return whole(encoded(body.toString()), 'application/x-www-form-urlencoded;charset=UTF-8');
  if (typeof body === 'object' && typeof (body as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function')
    return { contents: { bytes: undefined, stream: ReadableStream.from(body as AsyncIterable<unknown>), used: false }, type: null };
  return whole(encoded(`${body}`), 'text/plain;charset=UTF-8');
}

export const encoded = (text: string): Uint8Array => new (encoding.make().TextEncoder)().encode(text);

const copyOf = (source: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(source.length);
  typedArraySet(copy, source);
  return copy;
};

let takeContents: (body: Body) => Contents | null;
let cloneContents: (body: Body) => Contents | null;

export class Body {
  readonly #contents: Contents | null;

  static {
    takeContents = (body) => {
      body.#demandUnused();
      const contents = body.#contents;
      if (contents === null) return null;
      contents.used = true;
      return { bytes: contents.bytes, stream: contents.stream, used: false };
    };
    cloneContents = (body) => {
      body.#demandUnused();
      const contents = body.#contents;
      if (contents === null) return null;
      if (contents.bytes !== undefined) return { bytes: contents.bytes, stream: undefined, used: false };
      const [kept, given] = (contents.stream as ReadableStream).tee();
      contents.stream = kept;
      return { bytes: undefined, stream: given, used: false };
    };
  }

  constructor(contents: Contents | null) {
    this.#contents = contents;
  }

  get body(): ReadableStream | null {
    const contents = this.#contents;
    if (contents === null) return null;
    contents.stream ??= streamOf(contents);
    return contents.stream;
  }

  get bodyUsed(): boolean {
    return this.#contents?.used === true;
  }

  async bytes(): Promise<Uint8Array> {
    return readAll(takeContents(this));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return copyOf(await this.bytes()).buffer as ArrayBuffer;
  }

  async text(): Promise<string> {
    return new (encoding.make().TextDecoder)().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  #demandUnused(): void {
    const contents = this.#contents;
    if (contents?.used || contents?.stream?.locked) throw new TypeError('Body is unusable: Body has already been read');
  }
}

/** The contents, for a new owner; here they are used from now on. @throws TypeError if they were already */
export const take = (body: Body): Contents | null => takeContents(body);
export const clone = (body: Body): Contents | null => cloneContents(body);

/** A stream of bytes that are here already. */
function streamOf(contents: Contents): ReadableStream {
  const { bytes } = contents;
  return new ReadableStream(
    {
      pull: (controller) => {
        contents.used = true;
        if (bytes !== undefined && bytes.length > 0) controller.enqueue(copyOf(bytes));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The next piece of a body: only bytes travel. */
export function demandBytes(chunk: unknown): Uint8Array {
  if (isView(chunk) && chunk instanceof Uint8Array) return chunk;
  throw new TypeError('Received non-Uint8Array chunk');
}

async function readAll(contents: Contents | null): Promise<Uint8Array> {
  if (contents === null) return new Uint8Array(0);
  if (contents.bytes !== undefined && contents.stream === undefined) return contents.bytes;
  const reader = (contents.stream as ReadableStream).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const piece = demandBytes(value);
    pieces[pieces.length] = piece;
    size += piece.length;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as Uint8Array;
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
