/**
 * The cells of one flow: starts them, watches them, replaces those that die, and holds back whoever is to blame.
 *
 * A cell that dies takes messages with it that were in the middle of something. Each of their executions runs
 * again, alone; the one that is running when the cell dies a second time is a dead letter, and the actor that
 * ran is to blame. Nobody waits for an answer that will not come.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { CellEvent } from '../events.ts';
import type { Deadlines } from '../executions/deadlines.ts';
import { Recovery } from '../executions/recovery.ts';
import type { TrackedExecution } from '../executions/tracked.ts';
import type { Tracker } from '../executions/tracker.ts';
import type { Router } from '../routing/router.ts';
import { type FlowShape, nameOf, runtimeOf, type TopologyActor } from '../routing/topology.ts';
import type { ActorState } from '../status.ts';
import { Blame } from './blame.ts';
import { Cell, type CellListener } from './cell.ts';
import { recordOf } from './failure.ts';
import { Losses } from './losses.ts';
import { Pauses } from './pauses.ts';
import type { Population } from './population.ts';
import { Quarantine } from './quarantine.ts';
import type { SpareCells } from './spare.ts';
import { StartingCell } from './startingCell.ts';
import { Wakes } from './wakes.ts';

export interface SupervisorSettings {
  readonly namespace: string;
  /** Actors of the namespace that may live at once. */
  readonly quota: number;
  readonly shape: FlowShape;
  /** By actor: the payloads of `create`. */
  readonly files: readonly (readonly Uint8Array[])[];
  readonly spares: SpareCells;
  readonly deadlines: Deadlines;
  /** Gives each cell of the host its number. */
  readonly nextCell: () => number;
  readonly population: Population;
  /** Milliseconds without anything to do after which an actor is hibernated; 0: never. */
  readonly idle: number;
  /** Whether actors start with the flow, as many as there are places for, or each when its first message comes. */
  readonly startsWith: 'flow' | 'message';
  readonly tell: (event: Omit<CellEvent, 'time' | 'namespace'>) => void;
  /** Checks an actor that has started for the first time. */
  readonly admit: (actor: number, inlets: readonly string[]) => void;
}

/** The part of {@link CellListener} that is none of supervision's business. */
export type GuestListener = Pick<CellListener, 'logged' | 'called'>;

/** Milliseconds: between attempts to replace a cell, twice as long after each failure. */
const firstDelay = 100;
const longestDelay = 5_000;
/** Failures in a row after which what waits for the cell is answered instead of kept. */
const hopeless = 5;
/** A cell that lived so long has proven itself: the next death is replaced without delay. Milliseconds. */
const longLife = 10_000;
interface Place {
  readonly index: number;
  readonly memoryBudget: number;
  /** Actors that the next cell is to begin with: at first all, then those that lived in the one before. */
  awake: readonly number[];
  /** Those of them that were starting when the cell before died. */
  unborn: ReadonlySet<number>;
  cell: Cell | undefined;
  /** One whose actors are just being created. */
  starting: Cell | undefined;
  generation: number;
  startedAt: number;
  /** Starts that failed, and deaths soon after a start, in a row. */
  failures: number;
}

export class Supervisor implements CellListener {
  readonly #settings: SupervisorSettings;
  readonly #tracker: Tracker;
  readonly #router: Router;
  readonly #guests: GuestListener;
  readonly #places: readonly Place[];
  readonly #quarantine = new Quarantine();
  readonly #blame = new Blame();
  readonly #recovery: Recovery;
  readonly #losses: Losses;
  readonly #wakes: Wakes;
  readonly #pauses = new Pauses();
  #stopped = false;

  constructor(settings: SupervisorSettings, tracker: Tracker, router: Router, guests: GuestListener) {
    const { shape, deadlines, startsWith } = settings;
    this.#settings = settings;
    this.#tracker = tracker;
    this.#router = router;
    this.#guests = guests;
    this.#places = Array.from({ length: shape.cells }, (_, index) => {
      const actors = shape.actors.flatMap(({ cell }, actor) => (cell === index ? [actor] : []));
      const memoryBudget = actors.reduce((most, actor) => Math.max(most, (shape.actors[actor] as TopologyActor).part.limits.memory), 0);
      const awake = startsWith === 'flow' ? actors : [];
      return { index, memoryBudget, awake, unborn: new Set<number>(), cell: undefined, starting: undefined, generation: 0, startedAt: 0, failures: 0 };
    });
    this.#wakes = new Wakes(settings, {
      takes: (actor) => router.pump(actor),
      refuse: (cell, actor, error) => {
        router.reject(actor, error);
        cell.refuse(actor, error);
      },
    });
    this.#recovery = new Recovery(
      {
        careful: (place, on) => this.#places[place]?.cell?.careful(on),
        gate: (place, gate) => router.gate(place, gate),
        enter: (execution) => router.enter(execution),
      },
      deadlines,
    );
    this.#losses = new Losses(shape, tracker, this.#recovery);
  }

  /**
   * Starts every cell, and the actors that start with the flow.
   * @throws VivariumError actor.start or another code that says why an actor did not start; actor.inlet; cell.start
   */
  async start(): Promise<void> {
    const started = await Promise.allSettled(this.#places.map((place) => this.#bringUp(place)));
    const failure = started.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  /** Something waits in the host for an actor that has no instance. */
  wake(actor: number): void {
    const { cell } = this.#placeOf(actor);
    if (cell !== undefined && !this.#stopped) this.#wakes.wake(cell, actor);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pauses.endAll();
    for (const { starting } of this.#places) starting?.kill(stopped);
    await Promise.all(this.#places.map(({ cell }) => cell?.stop()));
  }

  /** An execution has ended: if it was the one under suspicion, it is the next one's turn. */
  ended(execution: TrackedExecution): void {
    this.#recovery.ended(execution);
  }

  cancel(place: number, handles: readonly number[], error: ErrorRecord): void {
    this.#places[place]?.cell?.cancel(handles, error);
  }

  /** What the cell said in time may wait behind other things that it said. */
  overdue(place: number, execution: TrackedExecution): void {
    const { cell } = this.#places[place] as Place;
    cell?.afterNextPing(() => {
      if (execution.phase !== 'stopping' || !execution.isIn(place)) return;
      cell.kill({ code: 'cell.died', message: 'the cell did not end a cancelled execution within 1 s', execution: execution.id });
    });
  }

  /** To be called every 250 ms. */
  tick(): void {
    for (const { cell, index } of this.#places) {
      cell?.ping();
      if (cell?.credit.stalledByReader === true && this.#othersIn(index)) cell.credit.overdraw();
    }
  }

  /** Interpreters of Python that are ready for actors that wake, and those that were taken, in the cells that are there. */
  get interpreters(): { readonly ready: number; readonly taken: number } {
    const told = this.#places.flatMap(({ cell }) => cell?.interpreters ?? []);
    const sum = (of: 'ready' | 'taken'): number => told.reduce((total, interpreters) => total + interpreters[of], 0);
    return { ready: sum('ready'), taken: sum('taken') };
  }

  /** Where an actor is, and how many messages it had there when its cell was asked last. */
  standing(actor: number): { readonly state: ActorState; readonly cell: number | undefined; readonly present: number } {
    const { cell } = this.#placeOf(actor);
    const hosted = cell?.hosts(actor) === true;
    const away = cell === undefined ? 'absent' : this.#wakes.isWaking(actor) ? 'waking' : 'asleep';
    const state = this.#quarantine.has(actor) ? 'quarantined' : hosted ? 'live' : away;
    return { state, cell: hosted ? cell.number : undefined, present: cell?.present(actor) ?? 0 };
  }

  /**
   * Admits an actor again that was put in quarantine.
   * @throws VivariumError why it cannot be started
   */
  async release(actor: number): Promise<void> {
    if (!this.#quarantine.has(actor)) return;
    const place = this.#placeOf(actor);
    const { cell } = place;
    if (cell?.alive === true && !cell.hosts(actor)) await this.#wakes.create(cell, actor);
    this.#quarantine.delete(actor);
    this.#blame.forgive(actor);
    this.#router.refuse(actor, undefined);
    this.#tell(place, 'released', { actor });
  }

  died(cell: Cell, reason: ErrorRecord): void {
    const place = this.#places[cell.place] as Place;
    this.#settings.population.vanish(cell);
    this.#settings.spares.expectPython(cell, 0);
    if (place.cell !== cell) return;
    place.cell = undefined;
    place.awake = [...cell.hosted(), ...cell.unborn];
    place.unborn = new Set(cell.unborn);
    this.#router.detach(place.index, cell.ahead);
    if (this.#stopped) {
      this.#losses.endAll(place.index, reason);
      return;
    }
    const culprit = this.#losses.culprit(cell);
    const { actor } = culprit;
    this.#tell(place, 'died', { actor, reason, cell });
    this.#losses.reconsider(place.index, reason, culprit);
    if (actor !== undefined && this.#blame.died(actor)) this.#holdBack(place, actor, reason);
    place.failures = Date.now() - place.startedAt > longLife || this.#recovery.recovers(place.index) ? 0 : place.failures + 1;
    void this.#replace(place);
  }

  failed(cell: Cell, actor: number, error: ErrorRecord): void {
    // Its mailbox lies in the cell and will never be emptied: the cell goes, and its executions run again without the actor.
    this.#holdBack(this.#places[cell.place] as Place, actor, error);
    cell.kill({ ...error, code: 'actor.start' });
  }

  rested(cell: Cell, actor: number): void {
    this.#settings.population.leave(cell, true);
    this.#router.pump(actor);
  }

  wanted(cell: Cell, actor: number): void {
    const quarantine = this.#quarantine.why(actor);
    if (quarantine !== undefined) cell.refuse(actor, quarantine);
    else if (!this.#stopped) this.#wakes.wake(cell, actor);
  }

  violated(cell: Cell, { actor, error }: Parameters<CellListener['violated']>[1]): void {
    this.#tell(this.#places[cell.place] as Place, 'violation', { actor, reason: error, cell });
  }

  runsPython(cell: Cell, memory: number): void {
    this.#settings.spares.expectPython(cell, memory);
  }

  logged: CellListener['logged'] = (cell, said) => this.#guests.logged(cell, said);
  called: CellListener['called'] = (cell, said, payload, call) => this.#guests.called(cell, said, payload, call);

  /** Puts a new cell in the place of the one that died, however often it takes. */
  async #replace(place: Place): Promise<void> {
    while (!this.#stopped) {
      if (place.failures > 1) await this.#pauses.pause(Math.min(longestDelay, firstDelay * 2 ** (place.failures - 2)));
      if (this.#stopped) return;
      try {
        await this.#bringUp(place);
        return;
      } catch (error) {
        place.failures++;
        const record = recordOf(error);
        if (place.failures < hopeless) continue;
        this.#router.fail(place.index, { ...record, code: 'cell.start' });
        this.#recovery.givenUp(place.index);
      }
    }
  }

  /** @throws why the cell, or an actor in it, did not start; after a deploy such an actor is in quarantine then */
  async #bringUp(place: Place): Promise<void> {
    const began = performance.now();
    const { namespace, quota, shape, spares, nextCell, idle, population } = this.#settings;
    const isFirst = place.generation === 0;
    const wasm = shape.actors.some(({ cell, part }) => cell === place.index && part.runtime === 'wasm');
    const unbound = await spares.take(place.memoryBudget, this.#memoryOfPython(place), wasm);
    const identity = { namespace, quota, number: nextCell(), generation: place.generation, place: place.index };
    const listener = new StartingCell(this);
    const cell = new Cell(unbound, identity, shape, new Set(this.#quarantine.actors()), this.#router, listener);
    place.starting = cell;
    try {
      if (this.#stopped) throw VivariumError.from(stopped);
      cell.hello(idle);
      await this.#createActors(place, cell, isFirst);
    } catch (error) {
      listener.giveUp();
      population.vanish(cell);
      spares.expectPython(cell, 0);
      cell.kill(recordOf(error));
      throw error;
    } finally {
      place.starting = undefined;
    }
    listener.over();
    place.cell = cell;
    place.startedAt = Date.now();
    this.#tell(place, isFirst ? 'started' : 'replaced', { millis: performance.now() - began });
    place.generation++;
    this.#router.attach(cell, this.#recovery.replaced(place.index));
    this.#recovery.proceed();
    spares.refillSoon();
  }

  /** What the first Python actor may have that is to start there, in bytes; 0 if none is. */
  #memoryOfPython({ awake }: Place): number {
    const parts = awake.map((actor) => (this.#settings.shape.actors[actor] as TopologyActor).part);
    return parts.find(({ runtime }) => runtime === 'python')?.limits.memory ?? 0;
  }

  /** One after another, so that it is known who kills the cell; as long as there are places. The others wake when something waits for them. */
  async #createActors(place: Place, cell: Cell, isFirst: boolean): Promise<void> {
    const { population, shape } = this.#settings;
    for (const actor of place.awake) {
      if (this.#quarantine.has(actor)) continue;
      if (!population.tryEnter(cell, runtimeOf(shape, actor))) break;
      try {
        await this.#wakes.occupy(cell, actor);
      } catch (error) {
        const record = this.#startError(actor, error, !cell.alive);
        if (!isFirst && !this.#stopped) this.#setBack(place, cell, actor, record);
        throw VivariumError.from(record);
      }
    }
    if (!cell.alive) throw new VivariumError('cell.start', 'the cell ended as soon as it had started');
  }

  /** An actor did not come up again after a death. One that had not started before has a message that may be to blame: that is answered. */
  #setBack(place: Place, cell: Cell, actor: number, error: ErrorRecord): void {
    const isUnborn = place.unborn.has(actor);
    if (isUnborn) {
      place.awake = place.awake.filter((other) => other !== actor);
      this.#wakes.setBack(actor, error);
      this.#router.reject(actor, error);
    }
    const blamed = !cell.alive && this.#blame.died(actor);
    if (blamed || (cell.alive && !isUnborn)) this.#holdBack(place, actor, error);
  }

  #startError(actor: number, error: unknown, died: boolean): ErrorRecord {
    const record = recordOf(error);
    const name = nameOf(this.#settings.shape, actor);
    return died ? { code: 'actor.start', message: `the cell died while '${name}' started: ${record.message}`, actor: name } : { ...record, actor: name };
  }

  #holdBack(place: Place, actor: number, reason: ErrorRecord): void {
    if (this.#quarantine.has(actor)) return;
    const error = this.#quarantine.add(actor, nameOf(this.#settings.shape, actor), reason);
    this.#router.refuse(actor, error);
    this.#tell(place, 'quarantined', { actor, reason });
  }

  #tell(place: Place, event: CellEvent['event'], rest: { actor?: number | undefined; reason?: ErrorRecord; millis?: number; cell?: Cell }): void {
    const { actor, cell = place.cell, ...plain } = rest;
    const named = actor === undefined ? {} : { actor: nameOf(this.#settings.shape, actor) };
    this.#settings.tell({ event, cell: cell?.number ?? 0, generation: cell?.generation ?? place.generation, pid: cell?.pid, ...named, ...plain });
  }

  /** Whether an execution of the cell does not hold back credit itself, and so waits for those that do. */
  #othersIn(place: number): boolean {
    for (const execution of this.#tracker.live()) if (execution.isIn(place) && execution.settings.sink.unread === 0) return true;
    return false;
  }

  #placeOf(actor: number): Place {
    return this.#places[(this.#settings.shape.actors[actor] as TopologyActor).cell] as Place;
  }
}

const stopped: ErrorRecord = { code: 'host.closed', message: 'the flow was stopped' };
