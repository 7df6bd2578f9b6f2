/**
 * How many messages a cell may still send to the host.
 *
 * Credit is counted in messages, memory in bytes: the window shrinks as the messages of a cell turn out to
 * be large, so that what one cell has in flight and held stays near {@link budget}. A cell that sends small
 * messages first and then large ones meets {@link mostHeld}.
 */

/** Bytes that one cell is to have on their way to the host or held by it. */
const budget = 32 * 1024 * 1024;
/** Bytes that the host holds for one cell at most. */
const mostHeld = 128 * 1024 * 1024;
const smallest = 16;
const largest = 4096;
/** Before the first message tells how large they are. */
export const firstCredit = 128;

export class ExportCredit {
  #allowance = firstCredit;
  #averageBytes = budget / firstCredit;
  /** Messages that wait for room in an actor of another cell. */
  #queued = 0;
  /** Messages that wait for whoever iterates over the outputs of their execution. */
  #unread = 0;
  #heldBytes = 0;
  #overdraft = 0;
  /** What turns that do not wait in `emit` may send beyond their credit: as much as their limits let them. Messages. */
  overshoot = 0;
  readonly #changed: () => void;

  /** @param changed called when there may be something to grant */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** @returns false if the cell sent more than it was allowed to */
  spend(messages: number, bytes: number): boolean {
    if (messages > this.#allowance + this.overshoot) return false;
    this.#allowance -= messages;
    if (messages > 0) this.#averageBytes += (bytes / messages - this.#averageBytes) * Math.min(1, messages / 64);
    this.#changed();
    return true;
  }

  /** Whether the host can hold a message of so many bytes beside those that it holds for the cell. */
  fits(bytes: number): boolean {
    return this.#heldBytes + bytes <= mostHeld;
  }

  queue(bytes: number): void {
    this.#queued++;
    this.#heldBytes += bytes;
  }

  unqueue(bytes: number): void {
    this.#queued--;
    this.#heldBytes -= bytes;
    this.#changed();
  }

  keep(bytes: number): void {
    this.#unread++;
    this.#heldBytes += bytes;
  }

  read(bytes: number): void {
    this.#unread--;
    this.#heldBytes -= bytes;
    if (this.#unread === 0) this.#overdraft = 0;
    this.#changed();
  }

  /** What to grant now; 0 while it would not be worth a frame. */
  grant(): number {
    const window = this.#window;
    const due = window + this.#overdraft - this.#allowance - this.#queued - this.#unread;
    if (due <= 0 || (due < window >> 2 && this.#allowance > 0)) return 0;
    this.#allowance += due;
    return due;
  }

  /** Nothing may be sent any more, and it is a reader of outputs who holds that up. */
  get stalledByReader(): boolean {
    return this.#allowance <= 0 && this.#unread * 2 > this.#window;
  }

  /** Nothing may be sent any more, and it is messages for full mailboxes that hold that up. */
  get heldByReceivers(): boolean {
    return this.#allowance <= 0 && this.#unread === 0 && this.#queued > 0;
  }

  /** Lets others of the cell proceed past a slow reader; what the reader then leaves unread is bounded by `limit.outputs`. */
  overdraw(): void {
    this.#overdraft += this.#window;
    this.#changed();
  }

  get #window(): number {
    return Math.max(smallest, Math.min(largest, Math.floor(budget / Math.max(this.#averageBytes, 1))));
  }
}
