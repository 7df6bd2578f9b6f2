/**
 * What the author of an actor imports: types alone, nothing that runs.
 *
 * @example
 * import type { Handler } from 'vivarium/actor';
 * export const handle: Handler<{ price: number; quantity: number }, { total: number }> = (order) => ({ total: order.price * order.quantity });
 */
import type { Message } from '../message.ts';

export type { Message };

/** The execution that a turn belongs to. */
export interface ExecutionInfo {
  readonly id: string;
  /** Executions whose messages led to this one. */
  readonly parents: readonly string[];
  /** 1 at the first try; more after a cell died. */
  readonly attempt: number;
  /** When the execution must have ended. */
  readonly deadline: Date | undefined;
  /** W3C `traceparent`, if the caller gave one. */
  readonly trace: string | undefined;
}

export interface Log {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

/** A service of the embedder: `context.services.orders.list(input)`. */
export type Service = (input?: unknown) => Promise<Message>;

export interface Services {
  readonly [name: string]: Service & Services;
}

export interface Context<Config = unknown> {
  /** What the manifest says under `config`. */
  readonly config: Config;
  /** The environment that the policy grants. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Placeholders of the secrets that the policy grants, by name. Put into the header that the rule names, in a request to the origin
   * that it names, the host replaces it by the value; anywhere else it is worthless.
   */
  readonly secrets: Readonly<Record<string, string>>;
  readonly log: Log;
  /** Absent in `start` and `stop`. */
  readonly execution: ExecutionInfo | undefined;
  /** Aborted when the execution is cancelled or its time is over. */
  readonly signal: AbortSignal;
  readonly services: Services;
  /**
   * Sends a message to an outlet. Throws at once if that cannot be; the promise settles when the receivers have room for more.
   * @throws VivariumError actor.outlet, message.unsupported, limit.message, limit.outbound, actor.turn-ended
   */
  emit(outlet: string, value: unknown): Promise<void>;
  /**
   * Asks an actor that a connection leads to; settles with what its handler returns.
   * @throws VivariumError actor.unknown, or the error of the actor asked
   */
  ask(actor: string, value: unknown): Promise<Message>;
}

/** Serves an inlet. A generator's yields go out one by one; nothing returned, nothing sent. */
export type Handler<Input = Message, Output = unknown, Config = unknown> = (
  message: Input,
  context: Context<Config>,
) => Output | undefined | void | Promise<Output | undefined> | Promise<void> | Generator<Output, unknown> | AsyncGenerator<Output, unknown>;

/** `start` runs before the first message, `stop` before the instance goes. */
export type Lifecycle<Config = unknown> = (context: Context<Config>) => void | Promise<void>;
