/**
 * Keeps something open while it is used, and closes it once when it was ended and nobody uses it any more: a descriptor that is
 * closed under somebody's hand would soon name something else.
 */
import { FileFailure } from './failure.ts';

export class Uses {
  readonly #close: () => void;
  #users = 0;
  #ended = false;
  #closed = false;

  constructor(close: () => void) {
    this.#close = close;
  }

  /** @throws FileFailure EBADF after the end, or what the work throws */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw new FileFailure('EBADF');
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      this.#closeUnused();
    }
  }

  end(): void {
    this.#ended = true;
    this.#closeUnused();
  }

  #closeUnused(): void {
    if (!this.#ended || this.#users > 0 || this.#closed) return;
    this.#closed = true;
    this.#close();
  }
}
