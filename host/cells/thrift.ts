/**
 * How often something is begun that perhaps nobody takes: an interpreter costs a third of a second of processor time. As often as one was
 * taken, and a few times more; after that ever more seldom.
 */

/** Given up in vain, before it is waited. */
const few = 3;
/** The first wait, which doubles, and the last. Milliseconds. */
const firstWait = 1_000;
const longestWait = 60_000;

export class Thrift {
  /** Given up in vain, less those that were taken. */
  #wasted = 0;
  /** On the clock of `performance.now`. Milliseconds. */
  #waitsUntil = 0;

  get mayBegin(): boolean {
    return performance.now() >= this.#waitsUntil;
  }

  /** One was taken by somebody. */
  taken(): void {
    this.#wasted = Math.max(0, this.#wasted - 1);
    this.#waitsUntil = 0;
  }

  /** One was given up in vain. */
  wasted(): void {
    this.#wasted++;
    if (this.#wasted <= few) return;
    const wait = firstWait * 2 ** (this.#wasted - few - 1);
    if (wait > longestWait) this.#wasted--;
    this.#waitsUntil = performance.now() + Math.min(wait, longestWait);
  }
}
