/**
 * Whether a cell keeps an isolate ready in which Python has started, for one of its actors that will wake: as long as a Python actor
 * sleeps there, one came or went not long ago, and memory is not short. It has as much memory as an actor, so what nobody takes is given up.
 */

import type { Said } from '../routing/router.ts';
import { expectedOfActor } from './hostMemory.ts';
import { Thrift } from './thrift.ts';
import { ProtocolViolation } from './violation.ts';

/** One begins when there is room for two actors, and goes when there is room for less than one: what it takes itself lies between. Bytes. */
const roomToBegin = 2 * expectedOfActor('python');
const roomToStay = expectedOfActor('python');
/** Whether one may be, or become, ready. @param has whether it is @param fits whether the host has room for so many bytes more */
export const fitsInterpreter = (has: boolean, fits: (bytes: number) => boolean): boolean => fits(has ? roomToStay : roomToBegin);

/** Milliseconds. Also after the last Python actor of the host has gone, for spares. */
export const forgottenAfter = 60_000;

export interface InterpretersListener {
  /** The actors of the cell need nearly all the memory that it may have. */
  isShort(): boolean;
  /** Whether the host has room for so many bytes more. */
  fits(bytes: number): boolean;
  /** Room is made for what {@link Interpreters.isolates} says. */
  reserve(): Promise<void>;
  /** The cell is to keep one for actors with so much memory, in bytes; 0: none. */
  keep(memory: number): void;
  /** Python actors with so much memory, in bytes, live in the cell; 0: none. */
  lives(memory: number): void;
}

export class Interpreters {
  #told: { readonly ready: number; readonly taken: number } = { ready: 0, taken: 0 };
  /** Python actors that can live there; 0 if none may be kept for them. */
  readonly #most: number;
  readonly #listener: InterpretersListener;
  /** What is kept, or 0. */
  #kept: number;
  /** The cell was told to keep one, now or before. */
  #everKept: boolean;
  /** Python actors that were created. */
  #created = 0;
  /** Python actors that are there or about to be: another would only take the processor from one that starts. */
  #present = 0;
  /** Of the actor that came or went last. */
  #memory: number;
  #usedAt = performance.now();
  readonly #thrift = new Thrift();

  /**
   * @param most Python actors that can live there; 0 if none may be kept for them
   * @param kept for how much memory the cell keeps one already, or 0 @param everKept whether it was told to keep one, now or before
   */
  constructor({ most, kept, everKept }: { readonly most: number; readonly kept: number; readonly everKept: boolean }, listener: InterpretersListener) {
    this.#most = most;
    this.#kept = kept;
    this.#everKept = everKept;
    this.#memory = kept;
    this.#listener = listener;
  }

  /** Those that the cell keeps, and those that its actors took, as it told last. */
  get told(): { readonly ready: number; readonly taken: number } {
    return this.#told;
  }

  /** The cell tells. @throws ProtocolViolation of more than there can be */
  heard({ ready, taken }: Said<'interpreters'>): void {
    if (ready > (this.#everKept ? 1 : 0) || taken > this.#created) throw new ProtocolViolation(`${ready} interpreters, and ${taken} that were taken`);
    this.#told = { ready, taken };
  }

  /** Isolates that are there beside those of actors. */
  get isolates(): number {
    return this.#kept > 0 ? 1 : 0;
  }

  /** An actor is about to be created: if one is kept for it, it takes that, and its room with it. @param memory that it may have, in bytes */
  comes(memory: number): void {
    this.#present++;
    this.#created++;
    if (memory !== this.#kept) return;
    this.#kept = 0;
    this.#thrift.taken();
  }

  /** The actor did not start. */
  failed(): void {
    this.#present--;
  }

  /** The actor has started. @param memory that it may have, in bytes */
  came(memory: number): void {
    this.#use(memory);
  }

  /** The isolate of an actor that had started is gone. */
  went(memory: number): void {
    this.#present--;
    this.#use(memory);
  }

  /** To be called now and then, from when the cell is spoken to. */
  look(): void {
    const isOfUse = this.#present < this.#most && performance.now() - this.#usedAt < forgottenAfter;
    const hasRoom = !this.#listener.isShort() && fitsInterpreter(this.#kept > 0, (bytes) => this.#listener.fits(bytes));
    const memory = isOfUse && hasRoom ? this.#memory : 0;
    if (memory === this.#kept || (memory > 0 && !this.#thrift.mayBegin)) return;
    if (this.#kept > 0) this.#thrift.wasted();
    void this.#keep(memory);
  }

  /** First room, then the interpreter that needs it. */
  async #keep(memory: number): Promise<void> {
    this.#kept = memory;
    try {
      if (memory === 0) this.#listener.keep(0);
      else this.#everKept = true;
      await this.#listener.reserve();
      if (memory > 0 && this.#kept === memory) this.#listener.keep(memory);
    } catch {
      // The cell cannot have the memory, or hears nothing any more: its actors start without.
    }
  }

  #use(memory: number): void {
    this.#memory = memory;
    this.#usedAt = performance.now();
    if (this.#most > 0) this.#listener.lives(this.#present > 0 ? memory : 0);
    this.look();
  }
}
