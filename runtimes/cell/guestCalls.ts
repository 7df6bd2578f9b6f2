/** The calls and questions of one instance that wait for a reply; and its sleep in those that are synchronous, while nothing else can enter it. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Lane } from '../lanes.ts';
import type { DoorClock } from './doorClock.ts';
import type { CallEvent } from './instanceListener.ts';
import type { SynchronousReplies } from './synchronous.ts';

export class GuestCalls {
  readonly #clock: DoorClock;
  /** Undefined: this guest cannot sleep. */
  readonly #replies: SynchronousReplies | undefined;
  readonly #open = new Set<number>();
  /** Of these, the questions: whom. */
  readonly #asks = new Map<number, string>();
  /** Of these, whose reply is to come as bytes. */
  readonly #bulk = new Set<number>();

  constructor(clock: DoorClock, replies: SynchronousReplies | undefined) {
    this.#clock = clock;
    this.#replies = replies;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The peers whose answers are waited for; undefined if something else than a peer is to reply. */
  get peers(): readonly string[] | undefined {
    return this.#open.size > this.#asks.size ? undefined : [...this.#asks.values()];
  }

  /** The peer until whose answer the guest sleeps. */
  get sleepsFor(): readonly string[] | undefined {
    for (const [call, peer] of this.#asks) if (this.#replies?.expects(call)) return [peer];
    return undefined;
  }

  add(event: CallEvent): void {
    this.#open.add(event.id);
    if (event.is === 'ask') this.#asks.set(event.id, event.peer);
    if (event.is === 'call' && event.bulk === true) this.#bulk.add(event.id);
  }

  /** A reply has come. @returns whether as bytes, if they are; undefined if nobody waits for it any more */
  end(call: number): { readonly bulk: boolean } | undefined {
    if (!this.#open.delete(call)) return undefined;
    this.#asks.delete(call);
    return { bulk: this.#bulk.delete(call) };
  }

  clear(): void {
    this.#open.clear();
    this.#asks.clear();
    this.#bulk.clear();
  }

  /** The guest sleeps until this call is answered, if it can. */
  sleepUntil(call: number): void {
    if (this.#replies === undefined) return;
    this.#replies.expect(call);
    this.#clock.sleeps(true);
  }

  /** @returns whether the guest slept until this */
  wake(call: number, error: ErrorRecord | null, lane: Lane, payload: string | Buffer): boolean {
    if (!this.#replies?.expects(call)) return false;
    this.#clock.sleeps(false);
    this.#replies.answer(error, lane, payload);
    return true;
  }

  /** The guest has read a part of what it slept for. */
  more(): void {
    this.#replies?.next();
  }
}
