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

/** A value that the actor keeps, and its version: a number that no other value of the actor ever had. */
export interface StateEntry {
  readonly value: Message;
  readonly version: number;
}

/** What a change demands: `if` is the version that the entry must have, or null if there must be none. */
export interface StateCondition {
  readonly if?: number | null;
}

/** Which keys: those that begin with `prefix` and come after `after`; at most `most`, 100 if nothing is said, never more than 1,000. */
export interface StateList {
  readonly prefix?: string;
  readonly after?: string;
  readonly most?: number;
}

export interface StateConflict {
  readonly conflict: true;
}

/**
 * What the actor keeps between messages, whatever becomes of its instances: values by key, at most 512 bytes of UTF-8 each.
 * Every function rejects with `policy.denied` where the policy grants no `state`.
 *
 * @example
 * const { value = 0, version = null } = (await context.state.get('visits')) ?? {};
 * const put = await context.state.put('visits', value + 1, { if: version });
 * if ('conflict' in put) …   // another turn was faster
 */
export interface State {
  /** Null if there is nothing under this key. */
  get(key: string): Promise<StateEntry | null>;
  /** @throws VivariumError limit.quota, limit.message, message.unsupported */
  put(key: string, value: unknown, condition?: StateCondition): Promise<{ readonly version: number } | StateConflict>;
  delete(key: string, condition?: StateCondition): Promise<{ readonly deleted: boolean } | StateConflict>;
  /** In the order of the UTF-8 of the keys. `more`: there are others after the last of these. */
  list(range?: StateList): Promise<{ readonly entries: readonly { readonly key: string; readonly version: number }[]; readonly more: boolean }>;
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
  readonly state: State;
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
