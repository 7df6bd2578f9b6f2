/** What a `WebSocket` tells its listeners. */
import { Event } from './events.ts';

type Init = ConstructorParameters<typeof Event>[1];

export class MessageEvent extends Event {
  readonly #data: unknown;

  constructor(type: unknown, init?: Init & { readonly data?: unknown }) {
    super(type, init);
    this.#data = init?.data ?? null;
  }

  get data(): unknown {
    return this.#data;
  }

  override get [Symbol.toStringTag](): string {
    return 'MessageEvent';
  }
}

export class CloseEvent extends Event {
  readonly #code: number;
  readonly #reason: string;
  readonly #wasClean: boolean;

  constructor(type: unknown, init?: Init & { readonly code?: unknown; readonly reason?: unknown; readonly wasClean?: unknown }) {
    super(type, init);
    this.#code = Number(init?.code ?? 0);
    this.#reason = `${init?.reason ?? ''}`;
    this.#wasClean = !!init?.wasClean;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  override get [Symbol.toStringTag](): string {
    return 'CloseEvent';
  }
}
