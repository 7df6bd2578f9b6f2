/** Something that there are few of, shared by instances that do not know each other: each has a lane, and where several wait they take turns. */
export class Lanes {
  readonly #most: number;
  readonly #each: number;
  #taken = 0;
  /** Where somebody waits who could go on, each once. */
  readonly #waiting: Lane[] = [];

  /**
   * @param most how many there are
   * @param each how many one lane may have
   */
  constructor(most: number, each: number) {
    this.#most = most;
    this.#each = each;
  }

  lane(): Lane {
    return new Lane(this, this.#each);
  }

  /** This and what follows is for {@link Lane} alone. */
  take(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken++;
    return true;
  }

  wait(lane: Lane): void {
    if (!this.#waiting.includes(lane)) this.#waiting.push(lane);
  }

  /** Gives one back: to the lane that has waited longest. */
  free(): void {
    this.#taken--;
    while (this.#taken < this.#most && this.#waiting.shift()?.advance() === false);
  }
}

export class Lane {
  readonly #lanes: Lanes;
  readonly #most: number;
  #taken = 0;
  readonly #queue: (() => void)[] = [];

  constructor(lanes: Lanes, most: number) {
    this.#lanes = lanes;
    this.#most = most;
  }

  /**
   * Works as soon as it is this lane's turn.
   * @param signal what has not begun when this aborts never does, and waits no longer
   * @throws what the signal was aborted with
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (!this.#take()) await this.#turn(signal);
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      this.#taken--;
      if (this.#queue.length > 0) this.#lanes.wait(this);
      this.#lanes.free();
    }
  }

  /** Lets the first that waits go on, and goes to the end of the line if there are more. @returns whether anybody goes on */
  advance(): boolean {
    if (this.#queue.length === 0 || !this.#take()) return false;
    this.#queue.shift()?.();
    if (this.#queue.length > 0 && this.#taken < this.#most) this.#lanes.wait(this);
    return true;
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push(resolve);
    if (this.#taken < this.#most) this.#lanes.wait(this);
    const leave = (): void => {
      const place = this.#queue.indexOf(resolve);
      if (place === -1) return;
      this.#queue.splice(place, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave);
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #take(): boolean {
    if (this.#taken >= this.#most || !this.#lanes.take()) return false;
    this.#taken++;
    return true;
  }
}
