/** Wakes the actors of one flow when something waits for them, and keeps off for a while from those that do not start. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { type FlowShape, nameOf, runtimeOf } from '../routing/topology.ts';
import type { Cell } from './cell.ts';
import { recordOf } from './failure.ts';
import type { Population } from './population.ts';

export interface WakeSettings {
  readonly shape: FlowShape;
  /** By actor: the payloads of `create`. */
  readonly files: readonly (readonly Uint8Array[])[];
  readonly population: Population;
  /** Checks an actor that has started. */
  readonly admit: (actor: number, inlets: readonly string[]) => void;
}

/** What becomes of the messages. */
export interface WakeListener {
  /** The actor takes messages now, or is being created and they may follow. */
  takes(actor: number): void;
  /** What waits for the actor, in the host and in the cell, is answered with this error. */
  refuse(cell: Cell, actor: number, error: ErrorRecord): void;
}

/** An actor that did not start: until a point in time its messages are answered with why. */
interface Setback {
  readonly error: ErrorRecord;
  /** Milliseconds. */
  readonly until: number;
  readonly delay: number;
}

/** Between attempts to start an actor, twice as long after each that failed. Milliseconds. */
const firstDelay = 100;
const longestDelay = 30_000;

export class Wakes {
  readonly #settings: WakeSettings;
  readonly #listener: WakeListener;
  readonly #waking = new Map<number, { readonly cell: Cell; readonly done: Promise<void> }>();
  readonly #setbacks = new Map<number, Setback>();
  /** Those that have started once. */
  readonly #admitted = new Set<number>();

  constructor(settings: WakeSettings, listener: WakeListener) {
    this.#settings = settings;
    this.#listener = listener;
  }

  isWaking(actor: number): boolean {
    return this.#waking.has(actor);
  }

  /** Something waits for the actor. */
  wake(cell: Cell, actor: number): void {
    if (cell.hosts(actor) || this.#waking.get(actor)?.cell === cell) return;
    const setback = this.#setbacks.get(actor);
    if (setback !== undefined && Date.now() < setback.until) {
      this.#listener.refuse(cell, actor, setback.error);
      return;
    }
    this.create(cell, actor).then(
      () => this.#listener.takes(actor),
      (error: unknown) => this.#failed(cell, actor, recordOf(error)),
    );
  }

  /**
   * Creates the instance of an actor, when there is a place for it.
   * @throws VivariumError why it did not start; limit.isolates, limit.host-memory
   */
  create(cell: Cell, actor: number): Promise<void> {
    const known = this.#waking.get(actor);
    if (known?.cell === cell) return known.done;
    const done = this.#create(cell, actor).finally(() => {
      if (this.#waking.get(actor)?.done === done) this.#waking.delete(actor);
    });
    this.#waking.set(actor, { cell, done });
    return done;
  }

  async #create(cell: Cell, actor: number): Promise<void> {
    const { population, shape } = this.#settings;
    await population.enter(cell, runtimeOf(shape, actor), nameOf(shape, actor));
    cell.wakes(actor);
    await this.occupy(cell, actor);
    this.#setbacks.delete(actor);
  }

  /**
   * Creates the instance of an actor that has got a place.
   * @throws VivariumError why it did not start
   */
  async occupy(cell: Cell, actor: number): Promise<void> {
    const { population, files, admit, shape } = this.#settings;
    let inlets: readonly string[];
    try {
      inlets = await cell.create(actor, files[actor] ?? [], this.#servesAll(actor) ? () => this.#listener.takes(actor) : undefined);
    } catch (error) {
      population.leave(cell, false);
      throw error;
    } finally {
      population.started(cell, runtimeOf(shape, actor));
    }
    try {
      admit(actor, inlets);
      this.#admitted.add(actor);
    } catch (error) {
      cell.dismiss(actor);
      throw error;
    }
  }

  /** Whether it is known that the actor serves all inlets that it must. Of Python this is not known before it has started. */
  #servesAll(actor: number): boolean {
    return this.#admitted.has(actor) || runtimeOf(this.#settings.shape, actor) !== 'python';
  }

  /** The actor did not start: it is let alone for a while. */
  setBack(actor: number, error: ErrorRecord): void {
    const delay = Math.min(longestDelay, 2 * (this.#setbacks.get(actor)?.delay ?? firstDelay / 2));
    this.#setbacks.set(actor, { error, until: Date.now() + delay, delay });
  }

  #failed(cell: Cell, actor: number, error: ErrorRecord): void {
    // What happened to a cell that has died, and to the actors that were waking in it, is the supervisor's business.
    if (!cell.alive) return;
    if (error.code !== 'limit.isolates' && error.code !== 'limit.host-memory') this.setBack(actor, error);
    this.#listener.refuse(cell, actor, error);
  }
}
