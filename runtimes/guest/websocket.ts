/** `WebSocket` over calls to the host. One that `start` opened lives as long as the instance, any other as long as a turn is open. */
import type { Line } from './line.ts';
import { DOMException } from './web/dom-exception.ts';
import { type Event, type EventCallback, EventTarget, fire } from './web/events.ts';
import { encoded } from './web/body.ts';
import { isView } from './web/captured.ts';
import { CloseEvent, MessageEvent } from './web/message-events.ts';
import { urls } from './web/url.ts';

type Received = { readonly data: string | Uint8Array } | { readonly closed: { readonly code: number; readonly reason: string; readonly clean: boolean } };

const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const events = ['open', 'message', 'error', 'close'] as const;

export function createWebSocket(network: Line): unknown {
  class WebSocket extends EventTarget {
    readonly #url: string;
    readonly #line: Line;
    readonly #handlers: Partial<Record<string, EventCallback | null>> = {};
    #handle: number | undefined;
    #protocol = '';
    #state: number = states.CONNECTING;
    #buffered = 0;
    /** What is sent goes out in order. */
    #sending: Promise<unknown> = Promise.resolve();

    constructor(url: unknown, protocols: unknown = []) {
      super();
      this.#url = urlOf(url);
      this.#line = network.persistent();
      const list = typeof protocols === 'string' ? [protocols] : [...(protocols as Iterable<unknown>)].map((protocol) => `${protocol}`);
      if (new Set(list).size < list.length) throw new DOMException('A protocol is given twice', 'SyntaxError');
      this.#line.call('connect', { url: this.#url, protocols: list }).then(
        (answer) => this.#opened(answer as { socket: number; protocol: string }),
        (error: unknown) => {
          this.#line.warn(error);
          this.#ended(1006, '', false);
        },
      );
    }

    get url(): string {
      return this.#url;
    }

    get protocol(): string {
      return this.#protocol;
    }

    get extensions(): string {
      return '';
    }

    get readyState(): number {
      return this.#state;
    }

    get bufferedAmount(): number {
      return this.#buffered;
    }

    get binaryType(): string {
      return 'arraybuffer';
    }

    set binaryType(type: unknown) {
      if (type !== 'arraybuffer') throw new DOMException('The binaryType of a socket of an actor is `arraybuffer`', 'NotSupportedError');
    }

    send(data: unknown): void {
      if (this.#state === states.CONNECTING) throw new DOMException('The socket is not open yet', 'InvalidStateError');
      const bytes = isView(data)
        ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        : data instanceof ArrayBuffer
          ? new Uint8Array(data)
          : undefined;
      const message = bytes === undefined ? `${data}` : new Uint8Array(bytes);
      const size = typeof message === 'string' ? encoded(message).length : message.length;
      this.#buffered += size;
      if (this.#state !== states.OPEN) return;
      this.#sending = this.#sending
        .then(() => this.#line.call('socketSend', { socket: this.#handle, data: message }))
        .then(
          () => {
            this.#buffered -= size;
          },
          (error: unknown) => {
            if (this.#state === states.OPEN) this.#line.warn(error);
          },
        );
    }

    close(code?: unknown, reason: unknown = ''): void {
      const number = code === undefined ? undefined : Number(code);
      if (number !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999))
        throw new DOMException('A socket is closed with code 1000, or 3000 to 4999', 'InvalidAccessError');
      if (encoded(`${reason}`).length > 123) throw new DOMException('The reason for closing a socket has at most 123 bytes', 'SyntaxError');
      if (this.#state >= states.CLOSING) return;
      const opened = this.#state === states.OPEN;
      this.#state = states.CLOSING;
      if (opened) void this.#sending.then(() => this.#tellClose(number, `${reason}`));
    }

    override get [Symbol.toStringTag](): string {
      return 'WebSocket';
    }

    #tellClose(code?: number, reason?: string): void {
      this.#line.tell('socketClose', { socket: this.#handle, code, reason });
    }

    async #opened({ socket, protocol }: { socket: number; protocol: string }): Promise<void> {
      this.#handle = socket;
      const forget = this.#line.untilIdle(() => this.#line.tell('close', { handle: socket }));
      if (this.#state === states.CLOSING) this.#tellClose();
      else {
        this.#state = states.OPEN;
        this.#protocol = protocol;
        this.#fire('open');
      }
      try {
        for (;;) {
          const received = (await this.#line.call('socketReceive', { socket })) as Received;
          if ('closed' in received) {
            forget();
            this.#ended(received.closed.code, received.closed.reason, received.closed.clean);
            return;
          }
          const { data } = received;
          this.#fire(new MessageEvent('message', { data: typeof data === 'string' ? data : data.buffer }));
        }
      } catch {
        forget();
        this.#ended(1006, '', false);
      }
    }

    #ended(code: number, reason: string, wasClean: boolean): void {
      this.#state = states.CLOSED;
      if (!wasClean) this.#fire('error');
      this.#fire(new CloseEvent('close', { code, reason, wasClean }));
    }

    #fire(event: string | Event): void {
      fire(this, event);
    }

    static {
      for (const name in states) {
        const value = states[name as keyof typeof states];
        Object.defineProperty(WebSocket, name, { value, enumerable: true });
        Object.defineProperty(WebSocket.prototype, name, { value, enumerable: true });
      }
      for (const type of events) {
        Object.defineProperty(WebSocket.prototype, `on${type}`, {
          configurable: true,
          enumerable: true,
          get(this: WebSocket) {
            return this.#handlers[type] ?? null;
          },
          set(this: WebSocket, handler: unknown) {
            const before = this.#handlers[type];
            if (before) this.removeEventListener(type, before);
            const given = typeof handler === 'function' ? (handler as EventCallback) : null;
            this.#handlers[type] = given;
            if (given !== null) this.addEventListener(type, given);
          },
        });
      }
      Object.defineProperty(WebSocket, 'name', { value: 'WebSocket', configurable: true });
    }
  }
  return WebSocket;
}

function urlOf(url: unknown): string {
  try {
    const text = new (urls.make().URL)(`${url}`).toString().replace(/^http/, 'ws');
    if (/^wss?:/.test(text) && !text.includes('#')) return text;
  } catch {
    // Told below.
  }
  throw new DOMException(`Invalid URL for WebSocket: ${url}`, 'SyntaxError');
}
