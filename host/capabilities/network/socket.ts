/** WebSockets for guests: the same questions, the same addresses, the same headers as requests. Messages wait here until they are fetched. */
import { WebSocket } from 'ws';
import { VivariumError } from '../../../sdk/errors.ts';
import type { Message } from '../../../sdk/message.ts';
import type { CapabilityCall } from '../capability.ts';
import type { Holding } from '../holdings.ts';
import { failureOf, networkFailure } from './failures.ts';
import { readHeaders } from './headers.ts';
import { demandHeld } from './http.ts';
import type { InstanceNetwork, Sockets } from './instance.ts';
import type { Input } from './operations.ts';
import { NotFound, NotPublic } from './resolve.ts';
import { accessOf } from './request.ts';
import type { HeldSecrets } from '../secrets/held.ts';
import { readTarget } from './target.ts';

/** Milliseconds until the server must have agreed, and until it must have said good-bye. */
const handshakeTimeout = 10_000;
const closeTimeout = 5_000;
/** Messages that may wait for the guest before the server has to. */
const mostWaiting = 64;
/** Bytes that may wait for the server before the guest has to. */
const mostUnsent = 1024 * 1024;
const wordsAround = 1024;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

class Socket implements Holding {
  readonly #socket: WebSocket;
  readonly #secrets: HeldSecrets;
  readonly #messages: Message[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed: Message | undefined;

  constructor(socket: WebSocket, secrets: HeldSecrets) {
    this.#socket = socket;
    this.#secrets = secrets;
    socket.on('message', (data: Buffer, isBinary) => this.#received(isBinary ? this.#redacted(data) : this.#redacted(data).toString('utf8')));
    socket.on('close', (code, reason) => {
      const clean = code !== 1006;
      this.#closed = { closed: { code, reason: secrets.redact(reason.toString('utf8')), clean } };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  async receive(signal: AbortSignal): Promise<Message> {
    for (;;) {
      signal.throwIfAborted();
      const data = this.#messages.shift();
      if (data !== undefined) {
        if (this.#socket.isPaused) this.#socket.resume();
        return { data };
      }
      if (this.#closed !== undefined) return this.#closed;
      const wake = (): void => this.#wake();
      signal.addEventListener('abort', wake, { once: true });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      signal.removeEventListener('abort', wake);
    }
  }

  /** @throws VivariumError network.failed with the name ECONNRESET */
  async send(data: string | Uint8Array): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw networkFailure('ECONNRESET', 'the socket is closed');
    const sent = new Promise<void>((resolve) => this.#socket.send(data, () => resolve()));
    if (this.#socket.bufferedAmount > mostUnsent) await sent;
  }

  end(code: number | undefined, reason: string | undefined): void {
    if (this.#socket.readyState >= WebSocket.CLOSING) return;
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), closeTimeout).unref();
  }

  close(): void {
    this.#socket.terminate();
  }

  #received(data: string | Buffer): void {
    this.#messages.push(data);
    if (this.#messages.length >= mostWaiting) this.#socket.pause();
    this.#wake();
  }

  #redacted(data: Buffer): Buffer {
    const redactor = this.#secrets.redactor();
    return redactor === undefined ? data : Buffer.concat([redactor.push(data), redactor.end()]);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export async function connect(call: CapabilityCall, sockets: Sockets, instance: InstanceNetwork, input: Input<'connect'>): Promise<Message> {
  const url = readTarget(input.url, 'socket');
  const { protocols } = input;
  if (!protocols.every((protocol) => token.test(protocol)) || new Set(protocols).size < protocols.length) {
    throw networkFailure('EINVAL', 'the protocols of a socket are words, each once');
  }
  const headers = readHeaders(input.headers);
  const access = accessOf('GET', url);
  call.demand(access);
  const { limits } = call.grant;
  instance.places.count(call.turn, limits.requests);
  const free = await instance.places.take(call.caller.signal);
  try {
    const socket = new WebSocket(url, [...protocols], {
      lookup: sockets.lookup,
      ca: sockets.authorities as string[] | undefined,
      headers: Object.fromEntries(call.secrets.fill(url.href, headers, (wanted) => call.demand(wanted)).headers),
      maxPayload: Math.max(1, limits.message - wordsAround),
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout,
    });
    const held = new Socket(socket, call.secrets);
    await opened(socket, call.caller.signal);
    return { socket: call.holdings.add(held), protocol: socket.protocol };
  } catch (error) {
    throw failureOf(error, call, access);
  } finally {
    free();
  }
}

/** It happened below the handshake. */
const isOfSocket = (error: NodeJS.ErrnoException): boolean => error.code !== undefined || error instanceof NotPublic || error instanceof NotFound;

const opened = (socket: WebSocket, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const cancelled = (): void => {
      socket.terminate();
      reject(new VivariumError('call.cancelled', 'the call was cancelled'));
    };
    signal.addEventListener('abort', cancelled, { once: true });
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', cancelled);
      act();
    };
    socket.once('open', () => settle(resolve));
    socket.once('unexpected-response', (_, response) => {
      settle(() => reject(networkFailure('EPROTO', `the server answered with status ${response.statusCode} instead of opening a socket`)));
      socket.terminate();
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => reject(isOfSocket(error) ? error : networkFailure('EPROTO', 'the server did not open a socket'))),
    );
  });

export async function socketSend(call: CapabilityCall, { socket, data }: Input<'socketSend'>): Promise<Message> {
  await demandHeld(call.holdings, Socket, socket).send(data);
  return null;
}

/** Waits for the next message. After the last one of a socket that is closed, tells how it closed. */
export async function socketReceive(call: CapabilityCall, { socket: number }: Input<'socketReceive'>): Promise<Message> {
  const told = await demandHeld(call.holdings, Socket, number).receive(call.caller.signal);
  if (Object.hasOwn(told as object, 'closed')) await call.holdings.close(number);
  return told;
}

export async function socketClose(call: CapabilityCall, { socket, code, reason }: Input<'socketClose'>): Promise<Message> {
  if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) throw networkFailure('EINVAL', 'a socket is closed with code 1000, or 3000 to 4999');
  if (Buffer.byteLength(reason ?? '') > 123) throw networkFailure('EINVAL', 'the reason for closing a socket has at most 123 bytes');
  call.holdings.get(Socket, socket)?.end(code, reason);
  return null;
}
