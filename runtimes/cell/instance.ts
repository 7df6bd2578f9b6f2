/**
 * A live actor in its isolate: the turns that were delivered and not reported, its timers and calls, and the
 * limits that the bootstrap inside can only advise. It lives until it is stopped or breaks; it is never mended.
 */
import type { ErrorCode, ErrorRecord } from '../../sdk/errors.ts';
import { textLimits } from '../limits.ts';
import { binaryLane, type Lane, textLane } from '../lanes.ts';
import type { ActorPlan } from '../protocol.ts';
import { toArrayBuffer } from '../arrayBuffer.ts';
import type { StackReader } from '../runtime.ts';
import { type GuestEvent, slice } from '../guest/wire.ts';
import { authorsError, ownCodes } from './authorsError.ts';
import { callsBroken, cpuBroken, memoryBroken, startBroken, timersBroken, wallBroken } from './brokenLimits.ts';
import { DoorClock } from './doorClock.ts';
import { demandSound } from './events.ts';
import type { Broken, Guest } from './guest.ts';
import { GuestCalls } from './guestCalls.ts';
import { GuestTimers } from './guestTimers.ts';
import type { Batch } from './batch.ts';
import type { Execution } from './executions.ts';
import type { CallEvent, InstanceListener } from './instanceListener.ts';
import type { Meter } from './meter.ts';
import { toText } from './outbound.ts';
import { messageOf, newTurnState, OpenTurns } from './openTurns.ts';
import { packed } from './packing.ts';
import { endingsIn } from './records.ts';
import { Reports } from './reports.ts';
import { StoppedTurns } from './stoppedTurns.ts';
import type { SynchronousReplies } from './synchronous.ts';

/** What the `stop` of a guest may take: others may wait for the place. Milliseconds. */
const stopLimit = 2_000;

export class Instance {
  readonly number: number;
  readonly #plan: ActorPlan;
  readonly #listener: InstanceListener;
  readonly #clock: DoorClock;
  readonly #locate: StackReader;
  readonly #replies: SynchronousReplies | undefined;
  #guest: Guest | undefined;
  readonly #open = new OpenTurns();
  readonly #reports: Reports;
  #starting = false;
  #startDeadline: NodeJS.Timeout | undefined;
  readonly #timers = new GuestTimers();
  readonly #calls: GuestCalls;
  /** Codes of errors that the guest was given, and may let pass. */
  readonly #codesTold = new Set<ErrorCode>();
  #ended = false;
  #entered = 0;
  /** Calls of doors that are not over. */
  #doors = 0;
  #postmortem = 0;
  readonly #stopped: StoppedTurns;

  constructor(number: number, plan: ActorPlan, listener: InstanceListener, meter: Meter, locate: StackReader, replies: SynchronousReplies | undefined) {
    this.number = number;
    this.#plan = plan;
    this.#listener = listener;
    this.#clock = new DoorClock(meter);
    this.#locate = locate;
    this.#replies = replies;
    this.#calls = new GuestCalls(this.#clock, replies);
    this.#reports = new Reports(plan, this.#open, listener, {
      isOver: () => this.#ended,
      breaks: (error) => this.#break(error),
      authorsError: (told) => this.#authorsError(told),
    });
    this.#stopped = new StoppedTurns(plan, this.#open, listener, {
      isOver: () => this.#ended,
      tell: (turns, error) => this.#tellStop(turns, error),
      force: (error) => this.#break(error, false),
    });
  }

  get outstanding(): number {
    return this.#open.size + this.#stopped.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** It does nothing, and waits for nothing but messages. */
  get quiet(): boolean {
    return this.outstanding === 0 && this.#timers.size === 0 && this.#calls.size === 0 && this.#doors === 0;
  }

  /** How often it was entered. */
  get entered(): number {
    return this.#entered;
  }

  /** The peers whose answers it waits for, if nothing but others can make it go on; undefined if it runs, or a timer or the host may wake it. */
  get waitsFor(): readonly string[] | undefined {
    if (this.#ended || this.#starting || this.#stopped.size > 0) return undefined;
    if (this.#doors > 0) return this.#calls.sleepsFor;
    return this.#timers.size > 0 ? undefined : this.#calls.peers;
  }

  /** Of the turns that have begun. */
  running(): Execution[] {
    const running: Execution[] = [];
    for (const { execution } of this.#open) {
      if (running.length === this.#plan.concurrency) break;
      running.push(execution);
    }
    return running;
  }

  /** Milliseconds that the open door has run; 0 if none is open. */
  get runningFor(): number {
    return this.#clock.runningFor;
  }

  /** @param left of what its start may take, in milliseconds: some of it went by until there was an isolate */
  load(guest: Guest, files: readonly unknown[], left: number): void {
    this.#guest = guest;
    const limit = Math.max(1, left);
    const deadline = setTimeout(() => {
      this.#break(startBroken(this.#plan.limits));
    }, limit);
    this.#startDeadline = deadline;
    this.#starting = true;
    void this.#enter('load', files, () => limit);
  }

  deliver(batches: readonly Batch[], room: number): void {
    const first = this.#open.next;
    for (const batch of batches) this.#open.add(batch);
    const { headers, lengths, numbers, descriptions, body, bytes } = packed(batches, this.#plan.runtime);
    void this.#enter('deliver', [first, headers, lengths, numbers, descriptions, body, room, bytes], () => this.#doorLimit());
  }

  /**
   * The result of a call or an ask; a late one is dropped.
   * @param payload there until this returns
   */
  reply(call: number, error: ErrorRecord | null, lane: Lane, payload: string | Buffer): void {
    const ended = this.#ended ? undefined : this.#calls.end(call);
    if (ended === undefined) return;
    if (error !== null) this.#codesTold.add(error.code);
    if (this.#calls.wake(call, error, lane, payload)) return;
    const isBulk = ended.bulk && lane === binaryLane;
    const carried = typeof payload === 'string' ? payload : isBulk ? toArrayBuffer(payload) : toText(lane, payload);
    void this.#enter('reply', [call, error === null ? '' : JSON.stringify(error), lane, carried], () => this.#doorLimit());
  }

  setRoom(room: number): void {
    if (!this.#ended) void this.#enter('room', [room], () => this.#doorLimit());
  }

  stop(): void {
    const limit = Math.min(stopLimit, this.#plan.limits.start);
    void this.#enter('stop', [], () => limit);
    const deadline = setTimeout(() => this.#listener.stopped(), limit);
    deadline.unref();
  }

  /** Ends the turns of the executions of which this holds, with `error`, within the grace time: by word, else by force. */
  cancel(matches: (execution: Execution) => boolean, error: ErrorRecord): void {
    this.#stopped.cancel(matches, error);
  }

  /** Called every 50 ms: limits that no door call can enforce by itself. */
  check(now: number): void {
    if (this.#ended) return;
    this.#checkProcessor();
    this.#stopped.check(now);
  }

  dispose(): Promise<void> {
    this.#end();
    return this.#guest?.dispose() ?? Promise.resolve();
  }

  /** What the guest's bootstrap sends. Checked, because a guest may have come to speak in its place. */
  receive(records: string, lengths: string, events: string, body: string, bytes: Uint8Array | undefined): void {
    if (this.#ended) return;
    try {
      const list = events === '' ? [] : (JSON.parse(events) as GuestEvent[]);
      // What belongs to a turn comes first: a record may end that turn.
      for (const event of list) if (belongsToTurn(event)) this.#readEvent(event);
      if (!this.#ended) this.#reports.read(records, lengths, body, bytes, this.#clock.share(endingsIn(records)));
      for (const event of list) if (!belongsToTurn(event)) this.#readEvent(event);
    } catch (error) {
      this.#break({
        code: 'actor.fatal',
        message: `the isolate of the actor sent what is no report: ${error instanceof Error ? error.message : 'unreadable'}`,
      });
    }
  }

  #readEvent(event: GuestEvent): void {
    if (this.#ended) return;
    demandSound(event, this.#plan.limits.message);
    switch (event.is) {
      case 'started':
        clearTimeout(this.#startDeadline);
        this.#starting = false;
        this.#listener.started(event.inlets);
        return;
      case 'failed':
        this.#listener.failed(this.#authorsError(event.error), this.dispose());
        return;
      case 'stopped':
        this.#listener.stopped();
        return;
      case 'timer':
        this.#setTimer(event.id, event.delay);
        return;
      case 'untimer':
        this.#timers.clear(event.id);
        return;
      case 'call':
      case 'ask':
        this.#call(event);
        return;
      case 'log':
        this.#log(event);
        return;
      case 'sleep':
        this.#sleep(event.id, event.delay);
        return;
      case 'wait':
        this.#listener.waits();
        return;
      case 'more':
        this.#calls.more();
        return;
      case 'fatal':
        this.#break(this.#authorsError({ ...event.error, code: 'actor.fatal' }));
        return;
      case 'postmortem':
        this.#postmortem = Number(event.turn);
        return;
      default:
        throw new Error('unknown event');
    }
  }

  #setTimer(id: number, delay: number): void {
    this.#timers.set(id, delay, () => void this.#enter('timer', [id], () => this.#doorLimit()));
    if (this.#timers.size > this.#plan.limits.timers) this.#break(timersBroken(this.#plan.limits));
  }

  #call(event: CallEvent): void {
    this.#calls.add(event);
    if (this.#calls.size > this.#plan.limits.calls) {
      this.#break(callsBroken(this.#plan.limits));
      return;
    }
    if (event.synchronous) this.#calls.sleepUntil(event.id);
    this.#listener.called(event, this.#open.get(event.turn));
  }

  /** The guest's thread sleeps until it is answered, and nothing else can enter meanwhile. */
  #sleep(id: number, delay: number): void {
    if (this.#replies === undefined) throw new Error('this guest cannot sleep');
    this.#calls.sleepUntil(id);
    const wake = (): void => {
      if (!this.#ended) this.#calls.wake(id, null, textLane, '');
    };
    setTimeout(wake, delay);
  }

  #log(event: Extract<GuestEvent, { is: 'log' }>): void {
    const { text, dropped } = event;
    const stopping = this.#stopped.get(event.turn);
    const execution = this.#open.get(event.turn)?.execution ?? stopping?.execution;
    const writer = stopping?.state ?? (execution === undefined ? this.#reports.background : this.#open.state(event.turn));
    // An empty line is a line.
    writer.logged += text.length + 1;
    if (writer.logged > this.#plan.limits.logs * 2 + textLimits.log) return;
    this.#listener.logged(event.level, text, dropped, execution);
  }

  #authorsError(told: unknown): ErrorRecord {
    const error = authorsError(told, this.#plan.name, this.#locate);
    return ownCodes.has(error.code) || this.#codesTold.has(error.code) ? error : { ...error, code: 'actor.failed' };
  }

  async #enter(door: Parameters<Guest['enter']>[0], args: readonly unknown[], limit: () => number): Promise<void> {
    const guest = this.#guest;
    if (guest === undefined || this.#ended) return;
    const entered = (): void => {
      this.#reports.background = newTurnState();
      this.#clock.opened(this.#open.head);
    };
    this.#entered++;
    this.#doors++;
    const broken = await guest.enter(door, args, limit, entered, () => this.#clock.closed(this.#open.head));
    this.#doors--;
    if (this.#ended) return;
    if (broken !== undefined) {
      await this.#fellOver(guest, broken);
      return;
    }
    this.#checkSpent();
    this.#listener.free();
  }

  /** A turn that used its processor time in many small doors. */
  #checkSpent(): void {
    const head = this.#open.head;
    const turn = this.#open.get(head);
    if (turn !== undefined && this.#clock.spentBy(head) > this.#plan.limits.cpu) this.#stopped.stop(turn, cpuBroken(this.#plan.limits));
  }

  /**
   * The slice, plus what one message may still use. A guest that can sleep in a call cannot be timed from
   * outside by its processor time: it gets its wall time here, and `check` looks at its processor time.
   */
  #doorLimit(): number {
    const { cpu, wall } = this.#plan.limits;
    if (this.#replies !== undefined) return slice + wall;
    const left = Math.max(1, cpu - this.#clock.spentBy(this.#open.head));
    return slice + Math.min(wall, this.#clock.wallFor(left));
  }

  #checkProcessor(): void {
    if (this.#replies === undefined || this.#starting) return;
    if (this.#clock.used() > this.#plan.limits.cpu + slice) this.#break(cpuBroken(this.#plan.limits));
  }

  #tellStop(turns: readonly number[], error: ErrorRecord): Promise<void> {
    this.#codesTold.add(error.code);
    // A door opens when the one before it is closed, or when the thread has left the isolate that was disposed.
    return this.#enter('cancel', [JSON.stringify(turns), JSON.stringify(error)], () => this.#doorLimit());
  }

  async #fellOver(guest: Guest, broken: Broken): Promise<void> {
    const { limits } = this.#plan;
    switch (broken.by) {
      case 'time': {
        await guest.postmortem();
        if (this.#ended) return;
        if (this.#starting) this.#break(startBroken(limits));
        else this.#break(this.#replies === undefined ? cpuBroken(this.#plan.limits) : wallBroken(this.#plan.limits));
        return;
      }
      case 'memory':
        this.#break(memoryBroken(limits));
        return;
      case 'unknown':
        this.#break({ code: 'actor.fatal', message: `the isolate of the actor ended: ${broken.message}` });
    }
  }

  /**
   * Gives the isolate up. Blames the turn that the postmortem names, or the only one that was open; and none of them while a turn
   * that has been reported already may be what runs.
   */
  #break(error: ErrorRecord, blame = true): void {
    if (this.#ended) return;
    const named = this.#open.get(this.#postmortem);
    const only = this.#open.size === 1 ? this.#open.get(this.#open.head) : undefined;
    const blamed = blame && this.#stopped.size === 0 ? (named ?? only) : undefined;
    const culprit = blamed && messageOf(blamed);
    if (blamed !== undefined) this.#open.end(blamed.number, 1);
    const suspects = this.#open.endFrom(0);
    const left = this.dispose();
    this.#listener.broke({ ...error, actor: this.#plan.name }, culprit, suspects, left);
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#startDeadline);
    this.#timers.clearAll();
    this.#calls.clear();
    this.#open.clear();
  }
}

const belongsToTurn = (event: GuestEvent): boolean => event.is === 'log' || event.is === 'call' || event.is === 'ask';
