/** `Request` and `Response` as in the fetch standard, as far as a program without a browser around it needs them. */
import { AbortController, AbortSignal } from './abort.ts';
import { Body, clone, type Contents, contentsOf, take } from './body.ts';
import { Headers, type HeadersInit } from './headers.ts';
import type { ReadableStream } from './streams.ts';
import { urls } from './url.ts';

export interface RequestInit {
  readonly method?: unknown;
  readonly headers?: HeadersInit;
  readonly body?: unknown;
  readonly redirect?: unknown;
  readonly signal?: AbortSignal | null;
  readonly integrity?: unknown;
}

const normalized = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Request extends Body {
  readonly #url: string;
  readonly #method: string;
  readonly #headers: Headers;
  readonly #redirect: 'follow' | 'manual' | 'error';
  readonly #signal: AbortSignal;

  constructor(input: unknown, init: RequestInit = {}) {
    const other = input instanceof Request ? input : undefined;
    const method = init.method === undefined ? (other?.method ?? 'GET') : methodOf(init.method);
    const { contents, type } = init.body === undefined && other !== undefined ? { contents: take(other), type: null } : contentsOf(init.body);
    if (contents !== null && (method === 'GET' || method === 'HEAD')) throw new TypeError('Request with GET/HEAD method cannot have body.');
    super(contents);
    this.#url = other?.url ?? urlOf(input);
    this.#method = method;
    this.#headers = new Headers(init.headers ?? other?.headers);
    if (type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', type);
    this.#redirect = redirectOf(init.redirect ?? other?.redirect ?? 'follow');
    this.#signal = signalOf(init.signal === undefined ? other?.signal : init.signal);
    if (init.integrity !== undefined && init.integrity !== '') throw new TypeError('integrity is not checked in an actor; leave it out');
  }

  get url(): string {
    return this.#url;
  }

  get method(): string {
    return this.#method;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get redirect(): 'follow' | 'manual' | 'error' {
    return this.#redirect;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  clone(): Request {
    const contents = clone(this);
    const copy = { method: this.#method, headers: this.#headers, redirect: this.#redirect, signal: this.#signal };
    return new Request(this.#url, { ...copy, body: contents === null ? null : (contents.bytes ?? contents.stream) });
  }

  get [Symbol.toStringTag](): string {
    return 'Request';
  }
}

function methodOf(method: unknown): string {
  const text = `${method}`;
  if (!token.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
  const upper = text.toUpperCase();
  return normalized.includes(upper) ? upper : text;
}

function urlOf(input: unknown): string {
  const text = parsed(input);
  const hash = text.indexOf('#');
  return hash < 0 ? text : text.slice(0, hash);
}

function parsed(input: unknown): string {
  try {
    return new (urls.make().URL)(`${input}`).toString();
  } catch {
    throw new TypeError(`Failed to parse URL from ${input}`);
  }
}

function redirectOf(redirect: unknown): 'follow' | 'manual' | 'error' {
  if (redirect === 'follow' || redirect === 'manual' || redirect === 'error') return redirect;
  throw new TypeError(`'${redirect}' is no way to treat a redirect: follow, manual or error`);
}

/** A signal of its own, which follows the one given. */
function signalOf(signal: AbortSignal | null | undefined): AbortSignal {
  return signal === null || signal === undefined ? new AbortController().signal : AbortSignal.any([signal]);
}

export interface ResponseInit {
  readonly status?: unknown;
  readonly statusText?: unknown;
  readonly headers?: HeadersInit;
}

/** What only a response has that came over the network. */
interface Received {
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
}

let makeReceived: (contents: Contents | null, received: Received, init: ResponseInit) => Response;
const withoutBody = [101, 103, 204, 205, 304];

export class Response extends Body {
  readonly #status: number;
  readonly #statusText: string;
  readonly #headers: Headers;
  #url = '';
  #redirected = false;
  #type: 'default' | 'basic' | 'error' = 'default';

  static {
    makeReceived = (contents, { url, redirected, status }, init) => {
      const body = contents === null ? null : (contents.bytes ?? contents.stream ?? null);
      const response = new Response(withoutBody.includes(status) ? null : body, { ...init, status });
      response.#url = url;
      response.#redirected = redirected;
      response.#type = 'basic';
      return response;
    };
  }

  constructor(body?: unknown, init: ResponseInit = {}) {
    const { contents, type } = contentsOf(body);
    super(contents);
    const status = init.status === undefined ? 200 : Number(init.status);
    if (!(Number.isInteger(status) && status >= 200 && status <= 599)) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    if (contents !== null && withoutBody.includes(status)) throw new TypeError(`Response constructor: Invalid response status code ${status}`);
    this.#status = status;
    this.#statusText = init.statusText === undefined ? '' : `${init.statusText}`;
    this.#headers = new Headers(init.headers);
    if (type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', type);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError('Value is not JSON serializable');
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(text, { ...init, headers });
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get url(): string {
    return this.#url;
  }

  get redirected(): boolean {
    return this.#redirected;
  }

  get type(): string {
    return this.#type;
  }

  clone(): Response {
    const received = { url: this.#url, redirected: this.#redirected, status: this.#status };
    const copy = makeReceived(clone(this), received, { statusText: this.#statusText, headers: this.#headers });
    copy.#type = this.#type;
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }
}

/** A response that came over the network. */
export const receivedResponse = (body: Uint8Array | ReadableStream, received: Received, init: ResponseInit): Response => {
  const { contents } = contentsOf(body);
  return makeReceived(contents, received, init);
};
