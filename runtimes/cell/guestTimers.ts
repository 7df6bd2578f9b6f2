/** The timers of one instance, by the numbers that its guest gave them. */
export class GuestTimers {
  readonly #timers = new Map<number, NodeJS.Timeout>();

  get size(): number {
    return this.#timers.size;
  }

  /** Replaces the timer of this number, if there is one. @param delay milliseconds */
  set(id: number, delay: number, fire: () => void): void {
    clearTimeout(this.#timers.get(id));
    const due = (): void => {
      this.#timers.delete(id);
      fire();
    };
    this.#timers.set(id, setTimeout(due, delay));
  }

  clear(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  clearAll(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
