/** Waits that can all be ended at once. They keep the process of the host alive: somebody waits for what comes after. */
export class Pauses {
  readonly #open = new Set<() => void>();

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(), milliseconds);
      const end = (): void => {
        clearTimeout(timer);
        this.#open.delete(end);
        resolve();
      };
      this.#open.add(end);
    });
  }

  endAll(): void {
    for (const end of [...this.#open]) end();
  }
}
