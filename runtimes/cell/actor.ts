/**
 * An actor of this cell: its mailbox, its present instance, and what happens when that breaks. The cell tells
 * it what arrives; it tells the {@link Router} what its guest says.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { ActorPlan, LogLevel } from '../protocol.ts';
import type { Lane } from '../lanes.ts';
import type { Instance } from './instance.ts';
import type { CallEvent, InstanceListener, Outcome } from './instanceListener.ts';
import { type Delivery, Mailbox } from './mailbox.ts';

/** Creates the isolate of an instance and loads the actor into it. */
export type Start = (actor: Actor, number: number, listener: InstanceListener) => Instance;

/** The cell, as an actor sees it. */
export interface Router {
  started(actor: Actor, inlets: readonly string[], millis: number): void;
  failed(actor: Actor, error: ErrorRecord): void;
  stopped(actor: Actor): void;
  emitted(actor: Actor, delivery: Delivery | undefined, outlet: number, lane: Lane, text: string): void;
  answered(actor: Actor, delivery: Delivery, lane: Lane, text: string): void;
  /** @param microseconds undefined if no turn of it began */
  ended(actor: Actor, delivery: Delivery, outcome: Outcome, microseconds: number | undefined): void;
  called(actor: Actor, event: CallEvent, delivery: Delivery | undefined): void;
  logged(actor: Actor, level: LogLevel, text: string, dropped: number, delivery: Delivery | undefined): void;
  violated(actor: Actor, error: ErrorRecord, delivery: Delivery | undefined): void;
  /** A message left the mailbox. */
  taken(actor: Actor, delivery: Delivery): void;
  begins(actor: Actor, delivery: Delivery): void;
  /** How many messages the receivers of this actor have room for. */
  room(actor: Actor): number;
}

/** Messages and bytes of one batch. */
const batchMessages = 1024;
const batchBytes = 1024 * 1024;

/** Instances that broke one after another without having ended a turn: the next ones wait. */
const patience = 3;
const firstDelay = 100;
const longestDelay = 30_000;

export class Actor implements InstanceListener {
  readonly plan: ActorPlan;
  readonly mailbox: Mailbox;
  /** Actors of this cell that send to this one: they go on when there is room again. */
  readonly senders = new Set<Actor>();
  readonly #router: Router;
  readonly #start: Start;
  #instance: Instance | undefined;
  #instances = 0;
  #ready = false;
  #stopping = false;
  #waitsForRoom = false;
  #broken = 0;
  #startedAt = 0;
  careful = false;

  constructor(plan: ActorPlan, router: Router, start: Start) {
    this.plan = plan;
    this.mailbox = new Mailbox(plan.limits.mailbox);
    this.#router = router;
    this.#start = start;
  }

  get instance(): Instance | undefined {
    return this.#instance;
  }

  /** Messages that have not ended: those that wait, and those that the instance has taken. */
  get present(): number {
    return this.mailbox.size + (this.#instance?.outstanding ?? 0);
  }

  create(): void {
    if (this.#stopping) return;
    this.#ready = false;
    this.#startedAt = performance.now();
    this.#instance = this.#start(this, ++this.#instances, this);
  }

  stop(): void {
    this.#stopping = true;
    if (this.#instance === undefined || !this.#ready) this.stopped();
    else this.#instance.stop();
  }

  push(delivery: Delivery): void {
    this.mailbox.push(delivery);
    this.pump();
  }

  /** Gives the instance what waits, if it is free and its receivers have room. */
  pump(): void {
    const instance = this.#instance;
    if (instance === undefined || !this.#ready || instance.ended || this.mailbox.size === 0) return;
    const { concurrency } = this.plan;
    if (instance.outstanding > 0 && (concurrency === 1 || instance.outstanding >= concurrency)) return;
    const room = this.#router.room(this);
    if (room <= 0) return;
    const batch = this.#take();
    if (batch.length > 0) instance.deliver(batch, room);
  }

  /** Receivers have room again, or there is credit. */
  resume(): void {
    if (this.#waitsForRoom) {
      const room = this.#router.room(this);
      if (room > 0) {
        this.#waitsForRoom = false;
        this.#instance?.setRoom(room);
      }
    }
    this.pump();
  }

  cancel(matches: (delivery: Delivery) => boolean, error: ErrorRecord): void {
    for (const delivery of this.mailbox.remove(matches)) {
      this.#router.taken(this, delivery);
      this.#router.ended(this, delivery, { is: 'error', error }, undefined);
    }
    this.#instance?.cancel(matches, error);
    this.pump();
  }

  #take(): Delivery[] {
    const batch: Delivery[] = [];
    let bytes = 0;
    for (let next = this.mailbox.peek(); next !== undefined; next = this.mailbox.peek()) {
      if (batch.length > 0 && (batch.length >= batchMessages || bytes + next.text.length > batchBytes || next.suspect || this.careful)) break;
      this.mailbox.shift();
      this.#router.taken(this, next);
      batch.push(next);
      bytes += next.text.length;
      if (this.careful) this.#router.begins(this, next);
      if (next.suspect) break;
    }
    return batch;
  }

  started(inlets: readonly string[]): void {
    this.#ready = true;
    this.#router.started(this, inlets, performance.now() - this.#startedAt);
    this.pump();
  }

  failed(error: ErrorRecord): void {
    this.#instance = undefined;
    this.#router.failed(this, error);
  }

  stopped(): void {
    if (!this.#stopping) return;
    this.#instance?.dispose();
    this.#instance = undefined;
    this.#ready = false;
    this.#router.stopped(this);
  }

  emitted(delivery: Delivery | undefined, outlet: number, lane: Lane, text: string): void {
    this.#router.emitted(this, delivery, outlet, lane, text);
  }

  answered(delivery: Delivery, lane: Lane, text: string): void {
    this.#router.answered(this, delivery, lane, text);
  }

  ended(delivery: Delivery, outcome: Outcome, microseconds: number | undefined): void {
    this.#broken = 0;
    this.#router.ended(this, delivery, outcome, microseconds);
    if (this.plan.concurrency > 1) this.pump();
  }

  called(event: CallEvent, delivery: Delivery | undefined): void {
    this.#router.called(this, event, delivery);
  }

  logged(level: LogLevel, text: string, dropped: number, delivery: Delivery | undefined): void {
    this.#router.logged(this, level, text, dropped, delivery);
  }

  handedBack(deliveries: readonly Delivery[]): void {
    this.mailbox.unshift(deliveries.map(withoutCredit));
  }

  waits(): void {
    this.#waitsForRoom = true;
    this.resume();
  }

  free(): void {
    this.pump();
  }

  broke(error: ErrorRecord, culprit: Delivery | undefined, suspects: readonly Delivery[], left: Promise<void>): void {
    const wasStarting = !this.#ready;
    this.#instance = undefined;
    this.#ready = false;
    this.#waitsForRoom = false;
    this.mailbox.unshift(suspects.map((delivery) => ({ ...withoutCredit(delivery), suspect: true })));
    if (culprit !== undefined) this.#router.ended(this, culprit, { is: 'error', error }, 0);
    if (wasStarting) {
      this.#router.failed(this, error);
      return;
    }
    this.#router.violated(this, error, culprit);
    this.#broken++;
    const delay = this.#broken <= patience ? 0 : Math.min(longestDelay, firstDelay * 2 ** (this.#broken - patience - 1));
    void left.then(() => setTimeout(() => this.create(), delay));
  }
}

/** The host got its credit back when the message left the mailbox for the first time. */
const withoutCredit = (delivery: Delivery): Delivery => (delivery.fromHost ? { ...delivery, fromHost: false } : delivery);
