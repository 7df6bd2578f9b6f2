/**
 * One request of a guest, with its redirects: each hop is asked of the policy, carries only what is meant for its origin, and
 * goes out on a connection of the instance. What comes back is read by the guest as it wants it.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { VivariumError } from '../../../sdk/errors.ts';
import type { Access } from '../../policy/index.ts';
import type { CapabilityCall } from '../capability.ts';
import type { Holding } from '../holdings.ts';
import { codingsOf, ResponseBody } from './body.ts';
import { failureOf, networkFailure } from './failures.ts';
import { type Header, headerValue, receivedHeaders, withoutBody, withoutCredentials } from './headers.ts';
import type { InstanceNetwork } from './instance.ts';
import { readTarget } from './target.ts';

const mostRedirects = 5;
/** Responses like `103 Early Hints` before the one that counts. */
const mostInformational = 8;

export interface RequestPlan {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly Header[];
  readonly redirect: 'follow' | 'manual' | 'error';
  /** What a stream carries can be sent once. */
  readonly body: Uint8Array | Readable | null;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: readonly Header[];
}

export interface Response {
  readonly head: ResponseHead;
  readonly body: ResponseBody;
}

export const accessOf = (method: string, url: URL): Access => ({ capability: 'network', operation: method, resource: url.href });

/** Holds a place and a time limit from the first packet until the guest has had the body, or nobody wants it. */
export class Exchange implements Holding {
  /** Without what the guest said: that may be large, and an exchange lasts. */
  readonly #call: Omit<CapabilityCall, 'payload'>;
  readonly #instance: InstanceNetwork;
  readonly #ended = new AbortController();
  readonly #free: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #cut: Promise<never>;
  /** What undici has begun cannot be taken back while it makes the connection: until it has settled, the place is not free. */
  #isUnderWay = false;
  #access: Access;
  #body: ResponseBody | undefined;

  /**
   * Waits for a place among the requests of the instance.
   * @throws VivariumError policy.denied, limit.network, call.cancelled
   */
  static async begin(call: CapabilityCall, instance: InstanceNetwork, method: string, url: URL): Promise<Exchange> {
    const access = accessOf(method, url);
    call.demand(access);
    instance.places.count(call.turn, call.grant.limits.requests);
    return new Exchange(call, instance, access, await instance.places.take(call.caller.signal));
  }

  private constructor({ payload: _, ...call }: CapabilityCall, instance: InstanceNetwork, access: Access, free: () => void) {
    this.#call = call;
    this.#instance = instance;
    this.#access = access;
    this.#free = free;
    this.#cut = new Promise((_, reject) => {
      this.#ended.signal.addEventListener('abort', () => reject(this.#ended.signal.reason), { once: true });
    });
    this.#cut.catch(() => {});
    const { wall } = call.grant.limits;
    this.#timer = setTimeout(() => this.close(networkFailure('ETIMEDOUT', `the request took longer than ${wall} ms, the time of a turn`)), wall);
  }

  get ended(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Ends it wherever it is. */
  close(reason: VivariumError = new VivariumError('call.cancelled', 'the request was cancelled')): void {
    if (this.ended) return;
    this.#ended.abort(reason);
    this.#body?.close(reason);
    this.#release();
  }

  /**
   * Sends the request and follows its redirects. What `begin` was asked for is not asked of the policy again.
   * @throws VivariumError network.failed, limit.network, policy.denied for a redirect
   */
  async send(plan: RequestPlan): Promise<Response> {
    try {
      return await this.#follow(plan);
    } catch (error) {
      const failure = this.failure(error);
      this.close(failure);
      throw failure;
    }
  }

  /** What the guest is told of an error, at any time of this exchange. */
  failure(error: unknown): VivariumError {
    return this.#ended.signal.aborted ? (this.#ended.signal.reason as VivariumError) : failureOf(error, this.#call, this.#access);
  }

  async #follow({ method, url, headers, redirect, body }: RequestPlan): Promise<Response> {
    for (let redirects = 0; ; redirects++) {
      const filled = this.#call.secrets.fill(url.href, headers, (access) => this.#call.demand(access));
      const received = await this.#dispatch(method, url, filled.headers, body);
      if (this.ended) {
        discard(received.body);
        throw this.#ended.signal.reason;
      }
      const all = receivedHeaders(received.headers as unknown as (Buffer | string)[], (name) => this.#call.secrets.redact(name) !== name);
      const location = isRedirect(received.statusCode) ? headerValue(all, 'location') : undefined;
      if (location === undefined || redirect === 'manual') return this.#response(method, url, redirects > 0, received, all);
      discard(received.body);
      if (redirect === 'error') throw networkFailure('EREDIRECT', 'the response is a redirect, and the request follows none');
      if (redirects === mostRedirects) throw new VivariumError('limit.network', `more than ${mostRedirects} redirects`);
      const next = readTarget(location, 'http', url);
      if (next.origin !== url.origin) headers = withoutCredentials(headers, filled.carrying);
      if (becomesGet(received.statusCode, method)) {
        method = 'GET';
        headers = withoutBody(headers);
        body = null;
      } else if (body !== null && !(body instanceof Uint8Array)) {
        throw networkFailure('EREDIRECT', 'the response is a redirect that wants the body again, and a stream cannot be sent twice');
      }
      url = next;
      this.#access = accessOf(method, url);
      this.#call.demand(this.#access);
    }
  }

  async #dispatch(method: string, url: URL, headers: readonly Header[], body: RequestPlan['body']): Promise<Dispatcher.ResponseData> {
    let informational = 0;
    const request = this.#instance.agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: method as Dispatcher.HttpMethod,
      headers: withDefaults(headers).flat(),
      body,
      signal: this.#ended.signal,
      responseHeaders: 'raw',
      onInfo: () => {
        if (++informational > mostInformational) this.close(new VivariumError('limit.network', `more than ${mostInformational} informational responses`));
      },
    });
    this.#isUnderWay = true;
    const settled = (received?: Dispatcher.ResponseData): void => {
      this.#isUnderWay = false;
      if (!this.ended) return;
      if (received !== undefined) discard(received.body);
      this.#free();
    };
    request.then(settled, () => settled());
    return Promise.race([request, this.#cut]);
  }

  #response(method: string, url: URL, redirected: boolean, received: Dispatcher.ResponseData, all: readonly Header[]): Response {
    const { responseBody: limit } = this.#call.grant.limits;
    const redactor = this.#call.secrets.redactor();
    const hasBody = method !== 'HEAD' && received.statusCode !== 204 && received.statusCode !== 304;
    const codings = hasBody ? codingsOf(headerValue(all, 'content-encoding'), redactor !== undefined) : undefined;
    const length = Number(headerValue(all, 'content-length') ?? 0);
    if (hasBody && codings === undefined && length > limit) {
      throw new VivariumError('limit.network', `a body of ${length} bytes exceeds the limit of ${limit}`, { hint: 'limits: { responseBody: … }' });
    }
    const redact = (text: string): string => this.#call.secrets.redact(text);
    // What is decompressed, or may have something taken out, is of another length than the server says.
    const untrue = new Set([
      ...(codings === undefined ? [] : ['content-encoding']),
      ...(codings === undefined && redactor === undefined ? [] : ['content-length']),
    ]);
    const shown = all.filter(([name]) => !untrue.has(name));
    this.#body = new ResponseBody(received.body, { codings, limit, redactor, told: () => this.#release() });
    const head = {
      status: received.statusCode,
      statusText: redact(received.statusText),
      url: redact(url.href),
      redirected,
      headers: shown.map(([name, value]) => [name, redact(value)] as const),
    };
    return { head, body: this.#body };
  }

  #release(): void {
    clearTimeout(this.#timer);
    if (!this.#isUnderWay) this.#free();
  }
}

const isRedirect = (status: number): boolean => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** As fetch does it. */
const becomesGet = (status: number, method: string): boolean =>
  status === 303 ? method !== 'GET' && method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST';

const defaults: readonly Header[] = [
  ['accept', '*/*'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['user-agent', 'vivarium'],
];

const withDefaults = (headers: readonly Header[]): readonly Header[] => [
  ...defaults.filter(([name]) => !headers.some(([given]) => given === name)),
  ...headers,
];

/** Its connection goes with it: what else comes on it is nobody's. */
const discard = (body: Readable): void => {
  body.on('error', () => {});
  body.destroy();
};
