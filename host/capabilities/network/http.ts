/** HTTP for guests: requests, bodies in pieces both ways, cancellation. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { VivariumError } from '../../../sdk/errors.ts';
import type { Message } from '../../../sdk/message.ts';
import type { CapabilityCall } from '../capability.ts';
import type { Holding, Holdings } from '../holdings.ts';
import type { ResponseBody } from './body.ts';
import { demandWanted, networkFailure } from './failures.ts';
import { demandMethod, type Header, readHeaders } from './headers.ts';
import type { InstanceNetwork } from './instance.ts';
import type { Input } from './operations.ts';
import { Exchange, type Response, type ResponseHead } from './request.ts';
import { readTarget } from './target.ts';

/** Bytes of a body in one message: the rest of it is a few words. */
const largestPiece = 512 * 1024;
const wordsAround = 1024;
/** Milliseconds that an answer waits for a short body, so that one call is enough. */
const patience = 5;

/** What `request` and `finish` answer with. */
export interface Answer extends ResponseHead {
  /** To `read` the body by; null if it is here. */
  readonly response: number | null;
  readonly body: Uint8Array | null;
  readonly done: boolean;
}

/** A body that the guest is still sending. */
class Upload implements Holding {
  readonly exchange: Exchange;
  readonly stream: PassThrough;
  readonly response: Promise<Response>;
  sent = 0;

  constructor(exchange: Exchange, stream: PassThrough, response: Promise<Response>) {
    this.exchange = exchange;
    this.stream = stream;
    this.response = response;
    response.catch(() => {});
  }

  close(): void {
    this.exchange.close();
    this.stream.destroy();
  }
}

/** A body that the guest has not read to its end. */
class Download implements Holding {
  readonly exchange: Exchange;
  readonly body: ResponseBody;

  constructor(exchange: Exchange, body: ResponseBody) {
    this.exchange = exchange;
    this.body = body;
  }

  close(): void {
    this.exchange.close();
  }
}

/** @returns the answer, or `{ upload }` for a body that follows */
export async function request(call: CapabilityCall, instance: InstanceNetwork, input: Input<'request'>): Promise<Message> {
  const url = readTarget(input.url, 'http');
  const { method, redirect, streaming } = input;
  demandMethod(method);
  const headers = readHeaders(input.headers);
  const body = input.body === null || input.body.length === 0 ? null : input.body;
  if ((body !== null || streaming) && (method === 'GET' || method === 'HEAD')) throw networkFailure('EINVAL', `a request with ${method} has no body`);
  if (body !== null) demandFits(body.length, call);
  const exchange = await Exchange.begin(call, instance, method, url);
  demandStillWanted(call, exchange);
  if (!streaming) {
    const cancel = (): void => exchange.close();
    if (input.tag !== undefined) instance.cancels.set(input.tag, cancel);
    try {
      return await whileWanted(call, exchange, async () => answerOf(call, exchange, await exchange.send({ method, url, headers, redirect, body })));
    } finally {
      if (input.tag !== undefined) instance.cancels.delete(input.tag);
    }
  }
  const stream = new PassThrough();
  stream.on('error', () => {});
  const upload = new Upload(exchange, stream, exchange.send({ method, url, headers, redirect, body: stream }));
  return { upload: call.holdings.add(upload) };
}

/** Takes a piece of a body; answers when there is room for the next. */
export async function send(call: CapabilityCall, { upload: number, data }: Input<'send'>): Promise<Message> {
  const upload = demandHeld(call.holdings, Upload, number);
  demandFits(upload.sent + data.length, call);
  upload.sent += data.length;
  await whileWanted(call, upload.exchange, async () => {
    if (upload.stream.destroyed || upload.stream.write(data)) return;
    // A server that answers early takes no more of the body; what it says is the answer.
    await Promise.race([once(upload.stream, 'drain').catch(() => {}), upload.response]);
  });
  if (upload.exchange.ended) await upload.response;
  return null;
}

export async function finish(call: CapabilityCall, { upload: number }: Input<'finish'>): Promise<Message> {
  const upload = demandHeld(call.holdings, Upload, number);
  upload.stream.end();
  try {
    return await whileWanted(call, upload.exchange, async () => answerOf(call, upload.exchange, await upload.response));
  } finally {
    call.holdings.release(number);
  }
}

export async function read(call: CapabilityCall, { response: number, length }: Input<'read'>): Promise<Message> {
  const { exchange, body } = demandHeld(call.holdings, Download, number);
  const chunk = await whileWanted(call, exchange, async () => {
    try {
      return await body.take(Math.min(length, largestPieceOf(call)));
    } catch (error) {
      const failure = exchange.failure(error);
      await call.holdings.close(number);
      throw failure;
    }
  });
  if (chunk === null) await call.holdings.close(number);
  return chunk;
}

async function answerOf(call: CapabilityCall, exchange: Exchange, { head, body }: Response): Promise<Message> {
  const fields = { ...head, headers: head.headers.map(([name, value]) => [name, value]) };
  const whole = await body.whole(Math.max(0, largestPieceOf(call) - sizeOf(head.headers)), patience);
  if (whole !== undefined) return { ...fields, response: null, body: whole, done: true } satisfies MutableAnswer;
  return { ...fields, response: call.holdings.add(new Download(exchange, body)), body: null, done: false } satisfies MutableAnswer;
}

type MutableAnswer = Omit<Answer, 'headers'> & { headers: string[][] };

const sizeOf = (headers: readonly Header[]): number => headers.reduce((sum, [name, value]) => sum + 3 * (name.length + value.length), 0);

const largestPieceOf = ({ grant }: CapabilityCall): number => Math.max(1, Math.min(largestPiece, grant.limits.message - wordsAround));

/** Runs what a call is about; once nobody waits for the call any more, that ends with it. */
async function whileWanted<T>(call: CapabilityCall, exchange: Exchange, run: () => Promise<T>): Promise<T> {
  demandStillWanted(call, exchange);
  const { signal } = call.caller;
  const ended = (): void => exchange.close();
  signal.addEventListener('abort', ended, { once: true });
  try {
    return await run();
  } finally {
    signal.removeEventListener('abort', ended);
  }
}

/**
 * For an abort that came before it could be heard.
 * @throws VivariumError call.cancelled, after it has closed the exchange
 */
function demandStillWanted({ caller }: CapabilityCall, exchange: Exchange): void {
  if (caller.signal.aborted) exchange.close();
  demandWanted(caller.signal);
}

function demandFits(size: number, { grant }: CapabilityCall): void {
  const limit = grant.limits.requestBody;
  if (size > limit)
    throw new VivariumError('limit.network', `the body of the request exceeds the limit of ${limit} bytes`, { hint: 'limits: { requestBody: … }' });
}

/** @throws VivariumError network.failed with the name EBADF */
export function demandHeld<Kind extends Holding>(holdings: Holdings, kind: abstract new (...args: never[]) => Kind, number: number): Kind {
  const held = holdings.get(kind, number);
  if (held === undefined) throw networkFailure('EBADF', 'this is closed, or never was open');
  return held;
}
