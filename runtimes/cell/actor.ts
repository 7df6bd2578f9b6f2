/**
 * An actor of this cell: its mailbox, its present instance, and what happens when that breaks. The cell tells
 * it what arrives; it tells the {@link Router} what its guest says.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { ActorPlan, LogLevel } from '../protocol.ts';
import type { Wait } from '../waits.ts';
import { type Batch, countOf, type Payloads, type Rows } from './batch.ts';
import type { Execution } from './executions.ts';
import type { Instance } from './instance.ts';
import type { CallEvent, InstanceListener } from './instanceListener.ts';
import { Mailbox } from './mailbox.ts';
import type { OpenTurn } from './openTurns.ts';

/** Creates the isolate of an instance and loads the actor into it. */
export type Start = (actor: Actor, number: number, listener: InstanceListener) => Instance;

/** The cell, as an actor sees it. */
export interface Router {
  started(actor: Actor, inlets: readonly string[], millis: number): void;
  failed(actor: Actor, error: ErrorRecord): void;
  stopped(actor: Actor): void;
  emitted(actor: Actor, turn: OpenTurn | undefined, outlet: number, payloads: Payloads, count: number): void;
  answered(actor: Actor, turn: OpenTurn, payloads: Payloads): void;
  settled(actor: Actor, turns: Rows, payloads: Payloads | undefined, microseconds: number): void;
  /** @param microseconds undefined if no turn of it began */
  erred(actor: Actor, message: Batch, error: ErrorRecord, microseconds: number | undefined): void;
  called(actor: Actor, event: CallEvent, turn: OpenTurn | undefined): void;
  logged(actor: Actor, level: LogLevel, text: string, dropped: number, execution: Execution | undefined): void;
  violated(actor: Actor, error: ErrorRecord, culprit: Batch | undefined): void;
  /** Messages left the mailbox. */
  taken(actor: Actor, messages: Batch): void;
  begins(actor: Actor, message: Batch): void;
  /** How many messages the receivers of this actor have room for. */
  room(actor: Actor): number;
  /** It has nothing to do now. */
  idled(actor: Actor): void;
  /** Which of them have none. */
  full(actor: Actor): readonly number[];
  /** The actor that answers to this name where it is known in this cell. */
  peer(actor: Actor, name: string): number;
}

/** Messages and characters that an instance is given at once. */
const batchMessages = 1024;
const batchCharacters = 1024 * 1024;

/** Who was woken for a message has so long until that is there: else it could be put to sleep for others before it, again and again. Milliseconds. */
const firstMessage = 250;

/** A turn that does not end keeps others from an actor more than a message that waits. */
const weightOfTurn = 2;

/** Instances that broke one after another without having ended a turn: the next ones wait. */
const patience = 3;
const firstDelay = 100;
const longestDelay = 30_000;

export class Actor implements InstanceListener {
  readonly plan: ActorPlan;
  readonly mailbox: Mailbox;
  /** Actors of this cell that send to this one: they go on when there is room again. */
  readonly senders = new Set<Actor>();
  /** Actors of this cell that this one sends to. */
  readonly targets: ReadonlySet<number>;
  readonly #router: Router;
  readonly #start: Start;
  #instance: Instance | undefined;
  #instances = 0;
  #ready = false;
  #stopping = false;
  #gone = false;
  /** It is to be hibernated when its turns have ended, whatever waits for it. */
  #yields = false;
  /** It went on by itself when its turns had ended: what it began in `start` would be lost. */
  #lively = false;
  #hasStarted = false;
  /** It had a turn since it was created. */
  #used = false;
  #idleSince = 0;
  #waitsForRoom = false;
  #broken = 0;
  /** When the thread has left the isolate of the instance that ended last. */
  #left: Promise<void> = Promise.resolve();
  /** The host has made room for the isolate that takes the place of a broken one. */
  #roomMade: (() => void) | undefined;
  #startedAt = 0;
  /** Of earlier instances, and what no instance did. */
  #progress = 0;
  careful = false;

  /** @param first the number of its first instance */
  constructor(plan: ActorPlan, first: number, router: Router, start: Start) {
    this.plan = plan;
    this.targets = new Set(plan.outlets.flatMap(({ local }) => local.map(({ actor }) => actor)));
    this.#instances = first - 1;
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

  /** When it began to have nothing to do: no message, no turn, nothing that it waits for itself. Undefined while it has. */
  get idleSince(): number | undefined {
    if (!this.#ready || this.#stopping || this.mailbox.size > 0 || this.#instance?.quiet !== true) return undefined;
    return this.#used || performance.now() - this.#startedAt > firstMessage ? this.#idleSince : undefined;
  }

  /** When its present instance was created, if it can be asked to {@link yield}. */
  get busySince(): number | undefined {
    return this.#ready && !this.#stopping && !this.#yields && !this.#lively ? this.#startedAt : undefined;
  }

  get isStarting(): boolean {
    return !this.#ready && !this.#gone;
  }

  /** It is being stopped. */
  get leaving(): boolean {
    return this.#stopping;
  }

  /** It once took messages, since it was created. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** What it waits for, if nothing else can make it go on. */
  get wait(): Wait | undefined {
    const instance = this.#instance;
    const peers = this.#ready && !this.#stopping ? instance?.waitsFor : undefined;
    if (instance === undefined || peers === undefined || this.present === 0) return undefined;
    const forRoom = this.#waitsForRoom || this.#takes(instance);
    const room = forRoom ? this.#router.full(this) : [];
    // If there is room it goes on; and a turn that waits for neither ends by its own limit.
    if (forRoom ? room.length === 0 : peers.length === 0) return undefined;
    return { room, answers: peers.map((peer) => this.#router.peer(this, peer)) };
  }

  /** The executions that keep others from it, each with what it takes up here: messages in the mailbox, and turns. */
  get holders(): ReadonlyMap<Execution, number> {
    const holders = this.mailbox.counts();
    for (const execution of this.#instance?.running() ?? []) holders.set(execution, (holders.get(execution) ?? 0) + weightOfTurn);
    return holders;
  }

  /** Counts whatever it does, and whatever is taken from its mailbox: as long as this stays, it stands still. */
  get progress(): number {
    return this.#progress + (this.#instance?.entered ?? 0);
  }

  create(): void {
    if (this.#stopping) return;
    this.#ready = false;
    this.#startedAt = performance.now();
    this.#instance = this.#start(this, ++this.#instances, this);
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#instance === undefined || !this.#ready) this.stopped();
    else this.#instance.stop();
  }

  /** Stops as soon as no turn is open, unless it goes on by itself then. What waits in its mailbox is there when it wakes. */
  yield(): void {
    this.#yields = true;
    this.#tryToYield();
  }

  #tryToYield(): void {
    if (this.#instance === undefined || this.#instance.outstanding > 0) return;
    this.#yields = false;
    this.#lively = !this.#instance.quiet;
    if (this.#lively) this.pump();
    else this.stop();
  }

  push(batch: Batch): void {
    this.mailbox.push(batch);
    this.pump();
  }

  /** Gives the instance what waits, if it is free and its receivers have room. */
  pump(): void {
    const instance = this.#instance;
    if (instance === undefined || !this.#ready || instance.ended || this.mailbox.size === 0 || this.#stopping || this.#yields) return;
    if (!this.#takes(instance)) return;
    const room = this.#router.room(this);
    if (room <= 0) return;
    // Most turns send one message: a batch is no larger than what the receivers have room for.
    const batches = this.#take(Math.min(batchMessages, room));
    if (batches.length > 0) instance.deliver(batches, room);
  }

  /** Takes what waits although its receivers are full: perhaps none of it makes it send anything. @returns false if no turn is free, or no message there */
  squeeze(): boolean {
    const instance = this.#instance;
    if (instance === undefined || this.#yields || !this.#takes(instance) || this.mailbox.size === 0) return false;
    instance.deliver(this.#take(batchMessages), 0);
    return true;
  }

  /** Whether the instance has a turn free. */
  #takes(instance: Instance): boolean {
    const { concurrency } = this.plan;
    return instance.outstanding === 0 || (concurrency > 1 && instance.outstanding < concurrency);
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

  cancel(matches: (execution: Execution) => boolean, error: ErrorRecord): void {
    this.#progress++;
    for (const batch of this.mailbox.remove(matches)) {
      this.#router.taken(this, batch);
      this.#router.erred(this, batch, error, undefined);
    }
    this.#instance?.cancel(matches, error);
    this.pump();
  }

  #take(most: number): Batch[] {
    const taken: Batch[] = [];
    let messages = most;
    let characters = batchCharacters;
    for (let next = this.mailbox.peek(); next !== undefined && messages > 0 && characters > 0; next = this.mailbox.peek()) {
      const alone = next.suspect || this.careful;
      if (alone && taken.length > 0) break;
      const batch = this.mailbox.take(alone ? 1 : messages, characters) as Batch;
      this.#router.taken(this, batch);
      taken.push(batch);
      messages -= countOf(batch);
      characters -= batch.body.length;
      if (this.careful) this.#router.begins(this, batch);
      if (alone) break;
    }
    return taken;
  }

  started(inlets: readonly string[]): void {
    this.#ready = true;
    this.#hasStarted = true;
    this.#idleSince = performance.now();
    this.#router.started(this, inlets, performance.now() - this.#startedAt);
    this.pump();
  }

  failed(error: ErrorRecord, left: Promise<void>): void {
    this.#instance = undefined;
    this.#left = left;
    void left.then(() => {
      if (!this.#gone) this.#router.failed(this, error);
    });
  }

  stopped(): void {
    if (!this.#stopping || this.#gone) return;
    const left = this.#instance?.dispose() ?? this.#left;
    this.#instance = undefined;
    this.#leave(left);
  }

  /** Told when the thread has left the isolate: the one that takes its place needs the memory. */
  #leave(left: Promise<void>): void {
    this.#gone = true;
    this.#ready = false;
    void left.then(() => this.#router.stopped(this));
  }

  emitted(turn: OpenTurn | undefined, outlet: number, payloads: Payloads, count: number): void {
    this.#router.emitted(this, turn, outlet, payloads, count);
  }

  answered(turn: OpenTurn, payloads: Payloads): void {
    this.#router.answered(this, turn, payloads);
  }

  settled(turns: Rows, payloads: Payloads | undefined, microseconds: number): void {
    this.#broken = 0;
    this.#used = true;
    this.#router.settled(this, turns, payloads, microseconds);
    if (this.plan.concurrency > 1) this.pump();
  }

  erred(message: Batch, error: ErrorRecord, microseconds: number | undefined): void {
    this.#broken = 0;
    this.#used = true;
    this.#router.erred(this, message, error, microseconds);
    if (this.plan.concurrency > 1) this.pump();
  }

  called(event: CallEvent, turn: OpenTurn | undefined): void {
    this.#router.called(this, event, turn);
  }

  logged(level: LogLevel, text: string, dropped: number, execution: Execution | undefined): void {
    this.#router.logged(this, level, text, dropped, execution);
  }

  handedBack(batches: readonly Batch[]): void {
    this.mailbox.unshift(batches.map(withoutCredit));
  }

  waits(): void {
    this.#waitsForRoom = true;
    this.resume();
  }

  free(): void {
    this.#idleSince = performance.now();
    if (this.#yields) this.#tryToYield();
    this.pump();
    if (this.idleSince === undefined) return;
    this.#lively = false;
    this.#router.idled(this);
  }

  broke(error: ErrorRecord, culprit: Batch | undefined, suspects: readonly Batch[], left: Promise<void>): void {
    const wasStarting = !this.#ready;
    this.#progress = this.progress + 1;
    this.#instance = undefined;
    this.#left = left;
    this.#ready = false;
    this.#waitsForRoom = false;
    this.mailbox.unshift(suspects.map((batch) => ({ ...withoutCredit(batch), suspect: true })));
    if (culprit !== undefined) this.#router.erred(this, culprit, error, 0);
    if (this.#stopping) {
      if (!this.#gone) this.#leave(left);
      return;
    }
    if (wasStarting) {
      this.failed(error, left);
      return;
    }
    this.#router.violated(this, error, culprit);
    this.#broken++;
    const delay = this.#broken <= patience ? 0 : Math.min(longestDelay, firstDelay * 2 ** (this.#broken - patience - 1));
    const room = new Promise<void>((resolve) => {
      this.#roomMade = resolve;
    });
    void Promise.all([left, room]).then(() => setTimeout(() => this.create(), delay));
  }

  /** Goes on after it broke, when its thread has left the isolate. Without room the cell would die of the next one. */
  restart(): void {
    this.#roomMade?.();
  }
}

/** The host got its credit back when the messages left the mailbox for the first time. */
const withoutCredit = (batch: Batch): Batch => (batch.fromHost ? { ...batch, fromHost: false } : batch);
