/**
 * How many isolates a cell keeps ready for actors of a language that wake: as many as woke at about the same time, so that the next such burst finds
 * them, and fewer when there was none for a while. One is kept always, if any may be.
 */
import type { WarmIsolates } from '../../runtimes/protocol.ts';

/**
 * What a cell keeps before it is known whose actors will live there: one that serves either language, and one that is ready for WASM.
 * @param most that may be kept @param wasm whether one in WASM is to be expected
 */
export const isolatesOfSpare = (most: number, wasm: boolean): WarmIsolates => ({ javascript: Math.min(1, most), wasm: wasm ? Math.min(1, most) : 0 });

const moment = 250;
const forgottenAfter = 10_000;

export class Warmth {
  readonly #most: number;
  #isolates: number;
  /** When actors woke, within the last moment. Milliseconds. */
  #wakes: number[] = [];
  /** When as many were needed as are kept. */
  #needed = Number.NEGATIVE_INFINITY;

  /** @param most how many may be kept */
  constructor(most: number) {
    this.#most = most;
    this.#isolates = Math.min(1, most);
  }

  /** How many are to be kept now. */
  get isolates(): number {
    return this.#isolates;
  }

  /** An actor wakes. @param now in milliseconds, of any clock */
  woke(now: number): void {
    this.#wakes = [...this.#wakes.filter((time) => now - time < moment), now].slice(-Math.max(1, this.#most));
    if (this.#wakes.length < this.#isolates) return;
    this.#needed = now;
    this.#isolates = Math.min(this.#wakes.length, this.#most);
  }

  /** To be called now and then. */
  look(now: number): void {
    if (this.#isolates <= 1 || now - this.#needed < forgottenAfter) return;
    this.#needed = now;
    this.#isolates = Math.ceil(this.#isolates / 2);
  }
}
