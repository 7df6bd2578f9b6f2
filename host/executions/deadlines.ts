/** Many points in time, one timer: a binary heap, since an execution in ten thousand reaches its deadline. */

export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Undefined once it was met or called off. */
  due: (() => void) | undefined;
}

/** Node fires a longer timeout at once. */
const longestTimeout = 2 ** 31 - 1;

export class Deadlines {
  #heap: Deadline[] = [];
  #calledOff = 0;
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  /** Deadlines kept, those called off but not yet forgotten included. */
  get size(): number {
    return this.#heap.length;
  }

  /** Calls `due` once, at `time` or soon after. */
  at(time: number, due: () => void): Deadline {
    const deadline: Deadline = { time, due };
    this.#push(deadline);
    this.#arm();
    return deadline;
  }

  callOff(deadline: Deadline | undefined): void {
    if (deadline?.due === undefined) return;
    deadline.due = undefined;
    this.#calledOff++;
    if (this.#calledOff > 1024 && this.#calledOff * 2 > this.#heap.length) this.#compact();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#heap = [];
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined || next.time >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = next.time;
    this.#timer = setTimeout(() => this.#fire(), Math.min(Math.max(next.time - Date.now(), 0), longestTimeout));
    this.#timer.unref();
  }

  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = Date.now();
    for (let next = this.#heap[0]; next !== undefined && (next.due === undefined || next.time <= now); next = this.#heap[0]) {
      this.#pop();
      if (next.due === undefined) {
        this.#calledOff--;
        continue;
      }
      const due = next.due;
      next.due = undefined;
      due();
    }
    this.#arm();
  }

  /** What was called off would otherwise stay until its time comes. */
  #compact(): void {
    const left = this.#heap.filter((deadline) => deadline.due !== undefined).sort((a, b) => a.time - b.time);
    this.#heap = left;
    this.#calledOff = 0;
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(deadline);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Deadline;
      if (above.time <= deadline.time) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = deadline;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Deadline).time < (heap[child] as Deadline).time) child++;
      const below = heap[child] as Deadline;
      if (below.time >= last.time) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}
