/**
 * Values under handles: whole numbers that count up, of which those that are asked for together stand near each other. They are kept in
 * pages, and the page that was asked for last is asked first.
 *
 * A map of thousands of entries that come and go costs three times as much, and is rebuilt ever again: in V8's old generation, which it
 * fills with what it was.
 */

/** Handles of one page: few, because one value that stays keeps its page. */
const pageSize = 256;

interface Page<Value> {
  readonly number: number;
  readonly values: (Value | undefined)[];
  held: number;
}

/** @example table.set(7, execution); table.get(7) // execution; table.get(8) // undefined, as for what is no handle */
export class HandleTable<Value extends object> {
  readonly #pages = new Map<number, Page<Value>>();
  /** The one that was asked for last. */
  #recent: Page<Value> | undefined;
  /** The one that was opened last; it stays when nothing is in it. */
  #newest: Page<Value> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What it takes of memory, in pages. */
  get pages(): number {
    return this.#pages.size;
  }

  get(handle: number): Value | undefined {
    return this.#pageOf(handle)?.values[handle % pageSize];
  }

  /** @param handle a whole number, under which nothing is held */
  set(handle: number, value: Value): void {
    const page = this.#pageOf(handle) ?? this.#open(Math.floor(handle / pageSize));
    page.values[handle % pageSize] = value;
    page.held++;
    this.#size++;
  }

  delete(handle: number): void {
    const page = this.#pageOf(handle);
    if (page?.values[handle % pageSize] === undefined) return;
    page.values[handle % pageSize] = undefined;
    this.#size--;
    page.held--;
    if (page !== this.#newest) this.#close(page);
  }

  /** Those of one page in the order of their handles, pages in the order in which they were opened. What comes or goes meanwhile may be among them or not. */
  *[Symbol.iterator](): Generator<Value, undefined> {
    for (const { values } of this.#pages.values()) for (const value of values) if (value !== undefined) yield value;
  }

  #pageOf(handle: number): Page<Value> | undefined {
    const number = Math.floor(handle / pageSize);
    if (this.#recent?.number === number) return this.#recent;
    const page = this.#pages.get(number);
    if (page !== undefined) this.#recent = page;
    return page;
  }

  #open(number: number): Page<Value> {
    const page = { number, values: new Array<Value | undefined>(pageSize).fill(undefined), held: 0 };
    this.#pages.set(number, page);
    const before = this.#newest;
    this.#newest = page;
    this.#recent = page;
    if (before !== undefined) this.#close(before);
    return page;
  }

  #close(page: Page<Value>): void {
    if (page.held > 0) return;
    this.#pages.delete(page.number);
    if (this.#recent === page) this.#recent = undefined;
  }
}
