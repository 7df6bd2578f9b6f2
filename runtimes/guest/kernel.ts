/**
 * What the bootstrap offers to the language that runs in an isolate, and what it asks of it.
 * Three languages implement {@link Language}; turns, timers, calls, credit and limits are the same for all.
 */
import type { Budget, Message } from '../../sdk/message.ts';
import type { Lane, LogLevel } from '../protocol.ts';
import type { Outbox } from './outbox.ts';
import type { Captured } from './realm.ts';
import type { Settings } from './wire.ts';

/** A payload inside a guest. */
export interface GuestPayload {
  readonly lane: Lane;
  /** Of a binary payload without bytes, a character for each of them. */
  readonly text: string;
  /** In the place of the text. What came from outside is a view of a buffer with others: nobody shows it to the guest. */
  readonly bytes?: Uint8Array | undefined;
}

/** What a guest wants of the host. */
export type Request =
  | { readonly is: 'call'; readonly capability: string; readonly operation: string; readonly bulk?: boolean }
  | { readonly is: 'ask'; readonly peer: string };

export interface Calls {
  /** @param shared what synchronous calls are answered in; undefined where there are none */
  begin(shared: ArrayBuffer | undefined): void;
  /** @param background lives until `stop`; told by a language that knows better than the door */
  call(turn: number, request: Request, payload: GuestPayload, background?: boolean): Promise<GuestPayload>;
  callSynchronously(turn: number, request: Request, payload: GuestPayload): GuestPayload;
  /** For a reply that is bytes and nothing else: they are written to the target, and nowhere else. Returns how many there were room for. */
  callSynchronouslyForBytes(turn: number, request: Request, payload: GuestPayload, target: Uint8Array): number;
  /** Blocks for so many milliseconds, which are not counted as processor time. */
  sleep(delay: number): void;
  reply(id: number, error: string, lane: Lane, payload: string | ArrayBuffer): void;
  clearForeground(): void;
}

export interface Timers {
  fire(id: number): void;
  /** Forgets the timers of turns; those of `start` stay. */
  clearForeground(): void;
  /** @param background lives until `stop`; told by a language that knows better than the door */
  set(callback: () => void, delay: unknown, background?: boolean): number;
  every(callback: () => void, delay: unknown): number;
  clear(id: unknown): void;
}

/** Messages that wait in a row, and came in one lane to one inlet. */
export interface Row {
  /** The turn of the first of them. */
  readonly turn: number;
  readonly inlet: number;
  readonly lane: Lane;
  /** Two characters for each: see wire.ts. */
  readonly lengths: string;
  /** Payloads one after another. */
  readonly body: string;
}

/** One message in one instance. */
export interface Turn {
  readonly id: number;
  readonly inlet: number;
  readonly lane: Lane;
  /** What was parsed together with others, in the place of its payload; undefined if that is to be decoded. */
  readonly message: Message | undefined;
  /** The payload as it came; see {@link GuestPayload}. */
  readonly text: string;
  readonly bytes: Uint8Array | undefined;
  /** What its execution has in common with others, and its own number: see {@link executionOf} in execution.ts. */
  readonly description: string;
  readonly execution: number;
  /** Set once: nothing of this turn counts afterwards. */
  ended: boolean;
  /** Messages and bytes sent so far. */
  sentMessages: number;
  sentBytes: number;
  /** Set by the language when the handler wants to hear of a cancellation. */
  onCancel: ((reason: unknown) => void) | undefined;
  /** Its place among those that are open. */
  before: Turn | undefined;
  after: Turn | undefined;
}

/** Made before it is known for whom: whatever is made with it reads no field of `settings` before it is told to load. */
export interface Kernel {
  readonly settings: Settings;
  /** Of messages. The same object before and after their limit is known. */
  readonly budget: Budget;
  readonly captured: Captured;
  readonly outbox: Outbox;
  readonly timers: Timers;
  readonly calls: Calls;
  /** Sends a message to an outlet. @throws HostError limit.outbound, limit.message, actor.turn-ended */
  emit(turn: Turn | undefined, outlet: number, payload: GuestPayload): void;
  /** Settles when the receivers have room for more; `undefined` if they have now. */
  room(): Promise<void> | undefined;
  /** Ends a turn, once. Later calls for the same turn do nothing. */
  settle(turn: Turn, payload: GuestPayload | undefined): void;
  /** The first yield of a generator: goes to `out` and answers the asker, and the turn goes on. */
  answer(turn: Turn, payload: GuestPayload): void;
  fail(turn: Turn, thrown: unknown): void;
  /** Begins the turn that is next in a {@link Row}: from here on it is a turn like others. */
  reach(): Turn;
  /**
   * Ends the turns that are next in a row, which ran before they were begun.
   * @param lengths of their payloads, as those of a row; where one is 0 there is nothing to send
   */
  pass(lengths: string, body: string): void;
  log(level: LogLevel, text: string): void;
  /** The turn whose code runs now, as far as it can be told. */
  current(): Turn | undefined;
  turn(id: number): Turn | undefined;
  /** True while code runs that belongs to no turn: `start`, or a timer that it set. */
  inBackground(): boolean;
  runAs(background: boolean, run: () => void): void;
  /** No turn is open. */
  idle(): boolean;
  /** The interpreter is lost: the cell discards this isolate. */
  fatal(thrown: unknown): void;
  /** Time of the present door, for those who must hand back in time. Milliseconds since the epoch. */
  doorTime(): number;
}

/** A language inside the isolate, made before it is known for whom. Nothing it does may throw into the kernel save where said. */
export interface Language {
  /** Loads the actor and runs its `start`. What it throws or rejects with is why the actor cannot start. */
  load(files: readonly unknown[]): Promise<readonly string[]> | readonly string[];
  /** Runs the handler. Must lead to `kernel.settle` or `kernel.fail`, now or later; what it throws fails the turn. */
  begin(turn: Turn): void;
  /**
   * Runs the handlers of messages in a row, from the first on, as far as it likes. The kernel hears of each turn in their order by
   * `reach` or `pass`, when there is reason or at the end.
   * @param places how many of these turns may be open at once
   * @returns false if none was begun, and each is to be begun by itself
   */
  beginRow?(row: Row, places: number): boolean;
  /** The turn whose code runs in `beginRow`; 0 if none does. */
  running?(): number;
  /** The last open turn has ended, and the next has not begun: what turns left behind ends now. */
  idle?(): void;
  /** Runs the actor's `stop`. */
  stop(): Promise<void> | undefined;
}
