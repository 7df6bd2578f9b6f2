/**
 * The executions that are live, by handle. Handles count up, and those that are asked for together stand near each other: they are kept
 * in pages, and the page that was asked for last is asked first. A map of a million entries that come and go costs three times as much.
 */
import type { TrackedExecution } from './tracked.ts';

/** Handles of one page: few, because one execution that lives on keeps its page. */
const pageSize = 256;

interface Page {
  readonly number: number;
  readonly executions: (TrackedExecution | undefined)[];
  live: number;
}

export class LiveExecutions {
  readonly #pages = new Map<number, Page>();
  /** The one that was asked for last. */
  #recent: Page | undefined;
  /** The one that takes what is added; it stays when nothing of it is live. */
  #newest: Page | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What it holds of memory, in pages. */
  get pages(): number {
    return this.#pages.size;
  }

  get(handle: number): TrackedExecution | undefined {
    return this.#pageOf(handle)?.executions[handle % pageSize];
  }

  /** @param execution under a handle that is higher than all before */
  add(execution: TrackedExecution): void {
    const { handle } = execution;
    const page = this.#pageOf(handle) ?? this.#open(Math.floor(handle / pageSize));
    page.executions[handle % pageSize] = execution;
    page.live++;
    this.#size++;
  }

  delete(handle: number): void {
    const page = this.#pageOf(handle);
    if (page?.executions[handle % pageSize] === undefined) return;
    page.executions[handle % pageSize] = undefined;
    this.#size--;
    page.live--;
    if (page !== this.#newest) this.#close(page);
  }

  /** In the order of their handles. Those that are added or go meanwhile may be among them or not. */
  *[Symbol.iterator](): Generator<TrackedExecution, undefined> {
    for (const { executions } of this.#pages.values()) for (const execution of executions) if (execution !== undefined) yield execution;
  }

  #pageOf(handle: number): Page | undefined {
    const number = Math.floor(handle / pageSize);
    if (this.#recent?.number !== number) this.#recent = this.#pages.get(number) ?? this.#recent;
    return this.#recent?.number === number ? this.#recent : undefined;
  }

  #open(number: number): Page {
    const page = { number, executions: new Array<TrackedExecution | undefined>(pageSize).fill(undefined), live: 0 };
    this.#pages.set(number, page);
    const before = this.#newest;
    this.#newest = page;
    this.#recent = page;
    if (before !== undefined) this.#close(before);
    return page;
  }

  #close(page: Page): void {
    if (page.live > 0) return;
    this.#pages.delete(page.number);
    if (this.#recent === page) this.#recent = undefined;
  }
}
