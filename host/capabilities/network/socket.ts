/** WebSockets for guests: the same questions, the same addresses, the same headers as requests. Messages wait here until they are fetched. */
import { WebSocket } from 'ws';
import type { Message } from '../../../sdk/message.ts';
import type { CapabilityCall } from '../capability.ts';
import type { Holding } from '../holdings.ts';
import { Backlog, type Waiting } from './backlog.ts';
import { cancelled, demandWanted, failureOf, networkFailure } from './failures.ts';
import { readHeaders } from './headers.ts';
import { demandHeld } from './http.ts';
import type { InstanceNetwork, Sockets } from './instance.ts';
import type { Input } from './operations.ts';
import { NotFound, NotPublic, watched } from './resolve.ts';
import { accessOf } from './request.ts';
import type { HeldSecrets } from '../secrets/held.ts';
import { readTarget } from './target.ts';

/** Milliseconds until the server must have agreed, and until it must have said good-bye. */
const handshakeTimeout = 10_000;
const closeTimeout = 5_000;
const wordsAround = 1024;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

interface Received {
  readonly data: string | Buffer;
  taken(): void;
}

class Socket implements Holding {
  readonly #socket: WebSocket;
  readonly #secrets: HeldSecrets;
  readonly #unread: Backlog;
  readonly #unsent: Backlog;
  #messages: Received[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed: Message | undefined;

  constructor(socket: WebSocket, secrets: HeldSecrets, unread: Waiting, unsent: Waiting) {
    this.#socket = socket;
    this.#secrets = secrets;
    this.#unread = new Backlog(unread);
    this.#unsent = new Backlog(unsent);
    socket.on('message', (data: Buffer, isBinary) => this.#received(data, isBinary));
    // A server that asks whether anybody is there, and takes no answers, gets none.
    socket.on('ping', (data) => {
      if (!this.#unsent.isFull) socket.pong(data, true, this.#sending(data.length));
    });
    socket.on('close', (code, reason) => {
      const clean = code !== 1006;
      this.#closed = { closed: { code, reason: secrets.redact(reason.toString('utf8')), clean } };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  async receive(signal: AbortSignal): Promise<Message> {
    for (;;) {
      demandWanted(signal);
      const message = this.#messages.shift();
      if (message !== undefined) {
        message.taken();
        if (this.#socket.isPaused && !this.#unread.isFull) this.#socket.resume();
        return { data: message.data };
      }
      if (this.#closed !== undefined) return this.#closed;
      await this.#woken(signal);
    }
  }

  /**
   * Waits until there is room for a message, then takes it. Who waits longest goes first.
   * @throws VivariumError network.failed with the name ECONNRESET, call.cancelled: then nothing was taken
   */
  async send(data: string | Uint8Array, signal: AbortSignal): Promise<void> {
    demandWanted(signal);
    while (this.#socket.readyState === WebSocket.OPEN && this.#unsent.isFull) {
      await this.#woken(signal);
      demandWanted(signal);
    }
    if (this.#socket.readyState !== WebSocket.OPEN) throw networkFailure('ECONNRESET', 'the socket is closed');
    this.#socket.send(data, this.#sending(Buffer.byteLength(data)));
  }

  end(code: number | undefined, reason: string | undefined): void {
    if (this.#socket.readyState >= WebSocket.CLOSING) return;
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), closeTimeout).unref();
  }

  close(): void {
    this.#socket.removeAllListeners('message');
    this.#socket.terminate();
    for (const { taken } of this.#messages) taken();
    this.#messages = [];
  }

  #received(bytes: Buffer, isBinary: boolean): void {
    const redacted = this.#redacted(bytes);
    this.#messages.push({ data: isBinary ? redacted : redacted.toString('utf8'), taken: this.#unread.add(redacted.length) });
    if (this.#unread.isFull) this.#socket.pause();
    this.#wake();
  }

  #redacted(data: Buffer): Buffer {
    const redactor = this.#secrets.redactor();
    return redactor === undefined ? data : Buffer.concat([redactor.push(data), redactor.end()]);
  }

  /** @returns what is to be called when so many bytes have left the host */
  #sending(size: number): () => void {
    const left = this.#unsent.add(size);
    return () => {
      left();
      this.#wake();
    };
  }

  /** Until something happened, or nobody waits any more. */
  async #woken(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    signal.removeEventListener('abort', wake);
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
  const { signal } = call.caller;
  const free = await instance.places.take(signal);
  const question = watched(sockets.lookup);
  try {
    demandWanted(signal);
    const socket = new WebSocket(url, [...protocols], {
      lookup: question.lookup,
      ca: sockets.authorities as string[] | undefined,
      headers: Object.fromEntries(call.secrets.fill(url.href, headers, (wanted) => call.demand(wanted)).headers),
      maxPayload: Math.max(1, limits.message - wordsAround),
      perMessageDeflate: false,
      followRedirects: false,
      autoPong: false,
      handshakeTimeout,
    });
    const held = new Socket(socket, call.secrets, instance.unread, instance.unsent);
    await opened(socket, signal);
    return { socket: call.holdings.add(held), protocol: socket.protocol };
  } catch (error) {
    throw failureOf(error, call, access);
  } finally {
    void question.ended().then(free);
  }
}

/** It happened below the handshake. */
const isOfSocket = (error: NodeJS.ErrnoException): boolean => error.code !== undefined || error instanceof NotPublic || error instanceof NotFound;

const opened = (socket: WebSocket, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const gaveUp = (): void => {
      socket.terminate();
      reject(cancelled());
    };
    signal.addEventListener('abort', gaveUp, { once: true });
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', gaveUp);
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
  await demandHeld(call.holdings, Socket, socket).send(data, call.caller.signal);
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
