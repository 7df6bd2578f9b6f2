/**
 * The actors that live in one cell: each from the creation of its instance to its end, and the room that they take up there.
 *
 * What the cell tells of them is checked against what it was asked to do: what nobody asked for is a violation.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { RuntimeName, WarmIsolates } from '../../runtimes/protocol.ts';
import type { ExportCredit } from '../routing/credit.ts';
import type { Outbound } from '../routing/outbound.ts';
import type { Delivery } from '../routing/queue.ts';
import type { Said } from '../routing/router.ts';
import { actorPlan, type FlowShape, nameOf, type TopologyActor } from '../routing/topology.ts';
import { escapeError } from '../telemetry/escape.ts';
import { recordOf } from './failure.ts';
import { Interpreters } from './interpreters.ts';
import type { IsolateCounts } from './memory.ts';
import type { UnboundProcess } from './spare.ts';
import { ProtocolViolation } from './violation.ts';
import { Warmth } from './warmth.ts';

/** Their cell. */
export interface Dwelling {
  readonly shape: FlowShape;
  readonly elsewhere: ReadonlySet<number>;
  readonly outbound: Outbound;
  readonly credit: ExportCredit;
  /** It uses nearly all the memory that it may. */
  isShort(): boolean;
  /** Whether the host has room for so many bytes more. */
  fits(bytes: number): boolean;
  /** Makes room for these isolates. */
  reserve(isolates: IsolateCounts): Promise<void>;
  /** An isolate was ended by force: it needs its room for a while yet. */
  broke(runtime: RuntimeName): void;
  kill(reason: ErrorRecord): void;
  /** The instance of an actor is gone: what it had in the host goes. */
  left(actor: number): void;
  /** Python actors with so much memory, in bytes, live there; 0: none. */
  runsPython(memory: number): void;
}

/** An actor that has an instance. */
interface Hosted {
  /** The number of the instance. */
  instance: number;
  /** When the actor woke. Milliseconds since the epoch. */
  readonly since: number;
  /** See {@link Creation}. */
  readonly asked: number;
}

/** An actor that is being created. */
interface Creation {
  readonly instance: number;
  /** What was sent behind `create`, if anything may be. */
  ahead: Delivery[] | undefined;
  /** When its cell may have heard of it first: milliseconds, of the clock of `performance`. */
  readonly asked: number;
  started(inlets: readonly string[]): void;
  failed(error: ErrorRecord): void;
}

/** What the guests' own `stop` may take before the cell is ended anyway. Milliseconds. */
const stopPatience = 2_000;
/** What a cell may take to create an actor, beyond the limit that the actor has for its start. Milliseconds. */
const createGrace = 5_000;

export class Residents {
  /** Milliseconds without anything to do after which an actor is hibernated; 0: never. */
  #idleLimit = 0;
  readonly interpreters: Interpreters;
  readonly #dwelling: Dwelling;
  readonly #hosted = new Map<number, Hosted>();
  readonly #creations = new Map<number, Creation>();
  /** By actor that was here: the number of its last instance. A number never returns, so what was meant for an earlier life goes nowhere. */
  readonly #lastInstances = new Map<number, number>();
  readonly #warmth: Readonly<Record<keyof WarmIsolates, Warmth>>;
  /** Isolates that the cell keeps ready. */
  #warm: WarmIsolates;
  readonly #isolates: Record<RuntimeName, number> = { javascript: 0, python: 0, wasm: 0 };
  /** What turns of the actors that are here may send without waiting. Messages. */
  #overshoot = 0;
  /** Actors that were asked to rest and have not gone yet, and those that were told to stop. */
  #rests = 0;
  readonly #dismissed = new Set<number>();
  #stopping: { readonly actors: Set<number>; done(): void } | undefined;
  #dead: ErrorRecord | undefined;

  /**
   * @param spare what its process may keep ready and was told to: isolates for each language, and an interpreter for so much memory,
   * in bytes, or 0 @param place which of the cells of the flow it is
   */
  constructor(dwelling: Dwelling, spare: Pick<UnboundProcess, 'warm' | 'isolates' | 'interpreter' | 'everKept'>, place: number) {
    this.#dwelling = dwelling;
    const deployed = (runtime: RuntimeName): number => dwelling.shape.actors.filter(({ cell, part }) => cell === place && part.runtime === runtime).length;
    const warmth = (runtime: RuntimeName): Warmth => new Warmth(deployed(runtime) > 0 ? spare.warm : 0);
    this.#warmth = { javascript: warmth('javascript'), wasm: warmth('wasm') };
    this.#warm = spare.isolates;
    this.interpreters = new Interpreters(
      { most: spare.warm > 0 ? deployed('python') : 0, kept: spare.interpreter, everKept: spare.everKept },
      {
        isShort: () => dwelling.isShort(),
        fits: (bytes) => dwelling.fits(bytes),
        reserve: () => this.#reserve(),
        keep: (memory) => dwelling.outbound.send({ type: 'interpreter', memory }),
        lives: (memory) => dwelling.runsPython(memory),
      },
    );
  }

  /**
   * Creates the instance of an actor.
   * @param expected told when its messages may follow; absent: they must not, before it has started
   * @returns the inlets that its source serves; it may be gone again by now
   * @throws VivariumError what kept it from starting; when the cell died of it, the reason of that
   */
  async create(actor: number, files: readonly Uint8Array[], expected?: () => void): Promise<readonly string[]> {
    const { shape, elsewhere, outbound, kill } = this.#dwelling;
    const plan = actorPlan(shape, elsewhere, actor);
    const instance = (this.#lastInstances.get(actor) ?? 0) + 1;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    promise.catch(() => undefined);
    const overdue = setTimeout(() => {
      const message = `'${plan.name}' had not started after ${plan.limits.start} ms, and its cell does not end it`;
      kill({ code: 'limit.start', message });
    }, plan.limits.start + createGrace);
    const over = (): void => {
      clearTimeout(overdue);
      this.#creations.delete(actor);
    };
    const creation: Creation = {
      instance,
      ahead: undefined,
      asked: performance.now(),
      started: (inlets) => {
        over();
        resolve(inlets);
      },
      failed: (error) => {
        over();
        reject(VivariumError.from({ ...escapeError(error), actor: plan.name }));
      },
    };
    this.#creations.set(actor, creation);
    this.#enter(actor);
    try {
      await this.#reserve();
      if (this.#dead !== undefined) throw VivariumError.from(this.#dead);
      outbound.send({ type: 'create', actor: plan, instance, length: files.map((file) => file.byteLength) }, files);
      if (expected !== undefined) {
        creation.ahead = [];
        expected();
      }
      return await promise;
    } catch (error) {
      this.#creations.get(actor)?.failed(recordOf(error));
      if (plan.runtime === 'python') this.interpreters.failed();
      this.#dwelling.broke(plan.runtime);
      this.#uncount(actor);
      this.#release();
      throw error;
    }
  }

  has(actor: number): boolean {
    return this.#hosted.has(actor);
  }

  /** Whether messages may be sent for an actor that is being created. Until it has started they are not forgotten: its cell may die of the start. */
  expects(actor: number): boolean {
    return this.#creations.get(actor)?.ahead !== undefined;
  }

  sentAhead(delivery: Delivery): void {
    this.#creations.get(delivery.actor)?.ahead?.push(delivery);
  }

  /** Actors that have an instance. */
  actors(): Iterable<number> {
    return this.#hosted.keys();
  }

  /** Who has a place, for people: names, with since when in milliseconds since the epoch. */
  names(): readonly (readonly [name: string, since: number])[] {
    return [...this.#hosted].map(([actor, { since }]) => [nameOf(this.#dwelling.shape, actor), since]);
  }

  /** The number of the actor's instance; undefined if it has none. */
  instance(actor: number): number | undefined {
    return this.#hosted.get(actor)?.instance;
  }

  /** The same, also of an actor that is being created: it calls from its `start` already. */
  nascent(actor: number): number | undefined {
    return this.instance(actor) ?? this.#creations.get(actor)?.instance;
  }

  /** Stops one actor, if it has not gone by itself. */
  dismiss(actor: number): void {
    if (!this.#hosted.has(actor)) return;
    this.#dismissed.add(actor);
    this.#dwelling.outbound.send({ type: 'stop', actor });
  }

  /** Has so many actors hibernated as soon as they have nothing to do. @param busy also those that have, between two turns */
  rest(actors: number, busy: boolean): void {
    this.#rests += actors;
    this.#dwelling.outbound.send({ type: 'rest', actors, busy });
  }

  /** Stops every actor; resolves when they have stopped, or will not. */
  async stop(): Promise<void> {
    const actors = new Set(this.#hosted.keys());
    if (this.#dead !== undefined || actors.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, stopPatience);
      this.#stopping = {
        actors,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      for (const actor of actors) this.#dwelling.outbound.send({ type: 'stop', actor });
    });
  }

  /** The cell is gone. @returns the actors that were being created, and what was sent for them */
  died(reason: ErrorRecord): { readonly unborn: readonly number[]; readonly ahead: readonly Delivery[] } {
    this.#dead = reason;
    const unborn = [...this.#creations.keys()];
    const ahead = [...this.#creations.values()].flatMap((creation) => creation.ahead ?? []);
    for (const creation of [...this.#creations.values()]) creation.failed(reason);
    this.#stopping?.done();
    return { unborn, ahead };
  }

  // What the cell tells.

  created({ actor, instance, inlets }: Said<'created'>): void {
    const creation = this.#creations.get(actor);
    const hosted = this.#hosted.get(actor);
    if (hosted === undefined && creation === undefined) throw new ProtocolViolation(`an instance of actor ${actor}, which nobody asked for`);
    if (instance <= (this.#lastInstances.get(actor) ?? 0)) throw new ProtocolViolation(`instance ${instance} of actor ${actor} a second time`);
    this.#lastInstances.set(actor, instance);
    if (hosted !== undefined) hosted.instance = instance;
    else if (creation !== undefined) {
      this.#hosted.set(actor, { instance, since: Date.now(), asked: creation.asked });
      const { runtime, limits } = this.#part(actor);
      if (runtime === 'python') this.interpreters.came(limits.memory);
      creation.started(inlets);
    }
  }

  /** @returns whether it had started, and cannot be brought up again */
  failed({ actor, error }: Said<'failed'>): boolean {
    const creation = this.#creations.get(actor);
    if (creation !== undefined) {
      this.#lastInstances.set(actor, creation.instance);
      creation.failed(error);
      return false;
    }
    if (!this.#hosted.has(actor)) throw new ProtocolViolation(`the failure of actor ${actor}, which it was not asked to create`);
    this.#leave(actor);
    return true;
  }

  /** An instance broke a limit. The one that takes its place waits until there is room for both. */
  broke(actor: number): void {
    if (!this.#hosted.has(actor)) throw new ProtocolViolation(`a violation of actor ${actor}, which does not live there`);
    this.#dwelling.broke(this.#part(actor).runtime);
    void this.#restart(actor);
  }

  async #restart(actor: number): Promise<void> {
    try {
      await this.#reserve();
      if (this.#dead === undefined) this.#dwelling.outbound.send({ type: 'restart', actor });
    } catch (error) {
      this.#dwelling.kill(recordOf(error));
    }
  }

  /** @returns whether it was hibernated, or dismissed; else all are being stopped */
  stopped(actor: number): boolean {
    const hosted = this.#hosted.get(actor);
    if (hosted === undefined) throw new ProtocolViolation(`the stop of actor ${actor}, which does not live there`);
    const stopping = this.#stopping;
    if (stopping === undefined) {
      this.#demandReason(actor, hosted);
      this.#leave(actor);
      return true;
    }
    this.#leave(actor);
    if (stopping.actors.delete(actor) && stopping.actors.size === 0) stopping.done();
    return false;
  }

  /** An actor goes because it was told to, because it had nothing to do for long, or because room is needed. What waits for it would be lost else. */
  #demandReason(actor: number, { asked }: Hosted): void {
    if (this.#dismissed.delete(actor)) return;
    // Since it was asked for: whoever is held up may hear late that it lives.
    if (this.#idleLimit > 0 && performance.now() - asked >= this.#idleLimit) return;
    if (this.#rests === 0) throw new ProtocolViolation(`the stop of actor ${actor}, which nobody asked for`);
    this.#rests--;
  }

  /** The instance is gone. */
  #leave(actor: number): void {
    this.#hosted.delete(actor);
    const { runtime, limits } = this.#part(actor);
    this.#uncount(actor);
    // The interpreter that may be kept from now on takes the room that this one had.
    if (runtime === 'python') this.interpreters.went(limits.memory);
    this.#dwelling.left(actor);
    this.#release();
  }

  /** From now on there is room for its isolate, and its turns may send without waiting in `emit`: what they owe then may be owed for long. */
  #enter(actor: number): void {
    const { credit } = this.#dwelling;
    const { runtime, limits, concurrency } = this.#part(actor);
    this.#isolates[runtime]++;
    if (runtime === 'python') this.interpreters.comes(limits.memory);
    this.#overshoot += limits.outboundMessages * concurrency;
    credit.overshoot = Math.max(credit.overshoot, this.#overshoot);
  }

  #reserve(): Promise<void> {
    const { javascript, python, wasm } = this.#isolates;
    const ready = this.#warm;
    return this.#dwelling.reserve({ javascript: javascript + ready.javascript, python: python + this.interpreters.isolates, wasm: wasm + ready.wasm });
  }

  /** Its actors are about to start. @param idle milliseconds without anything to do after which one is hibernated; 0: never */
  begin(idle: number): void {
    this.#idleLimit = idle;
    this.interpreters.look();
    // To make room for more would hold up the first of them, and so would giving up what nobody needs.
    const isExchange = sum(this.#wanted) === sum(this.#warm);
    if (isExchange) void this.#keepWarm();
  }

  /** An actor wakes, and was not to be expected. */
  wakes(actor: number): void {
    const { runtime } = this.#part(actor);
    if (runtime !== 'python') this.#warmth[runtime].woke(performance.now());
    void this.#keepWarm();
  }

  /** To be called now and then. */
  look(): void {
    const now = performance.now();
    for (const warmth of Object.values(this.#warmth)) warmth.look(now);
    this.interpreters.look();
    void this.#keepWarm();
  }

  get #wanted(): WarmIsolates {
    return { javascript: this.#warmth.javascript.isolates, wasm: this.#warmth.wasm.isolates };
  }

  /** First room, then the isolates that need it. */
  async #keepWarm(): Promise<void> {
    const wanted = this.#wanted;
    const { javascript, wasm } = this.#warm;
    if (wanted.javascript === javascript && wanted.wasm === wasm) return;
    const grows = wanted.javascript > javascript || wanted.wasm > wasm;
    this.#warm = wanted;
    try {
      if (!grows) this.#dwelling.outbound.send({ type: 'warm', ...wanted });
      await this.#reserve();
      if (grows && this.#dead === undefined) this.#dwelling.outbound.send({ type: 'warm', ...this.#warm });
    } catch {
      // The next creation reserves again, and reports.
    }
  }

  #uncount(actor: number): void {
    const { runtime, limits, concurrency } = this.#part(actor);
    this.#isolates[runtime]--;
    this.#overshoot -= limits.outboundMessages * concurrency;
  }

  #release(): void {
    // Failing to lower the limit leaves the slack of an isolate that is gone; the next creation tries again and reports.
    if (this.#dead === undefined) this.#reserve().catch(() => undefined);
  }

  #part(actor: number): TopologyActor['part'] {
    return (this.#dwelling.shape.actors[actor] as TopologyActor).part;
  }
}

const sum = ({ javascript, wasm }: WarmIsolates): number => javascript + wasm;
