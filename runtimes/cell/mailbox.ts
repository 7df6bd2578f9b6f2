/** The messages that wait for one actor, bounded by number and bytes. Order of arrival, save what is put back in front. */
import type { Lane } from '../protocol.ts';
import type { Execution } from './executions.ts';

/** To whom the answer of a turn goes. */
export type Reply =
  | { readonly to: 'host'; readonly id: number }
  | { readonly to: 'actor'; readonly actor: number; readonly instance: number; readonly call: number };

export interface Delivery {
  readonly inlet: number;
  readonly lane: Lane;
  /** The payload; a binary one as one character a byte. */
  readonly text: string;
  readonly execution: Execution;
  readonly sequence: number;
  readonly reply: Reply | undefined;
  /** It came over the channel: the host gets credit back when it leaves the mailbox. */
  readonly fromHost: boolean;
  /** It was running, unreported, when its instance died: it runs alone, and a second death is its own. */
  suspect: boolean;
}

/** Bytes that wait in one mailbox beyond which it counts as full. */
const fullBytes = 16 * 1024 * 1024;

export class Mailbox {
  readonly capacity: number;
  #items: Delivery[] = [];
  #head = 0;
  #bytes = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** How many more messages fit; 0 or less when full. */
  get room(): number {
    return this.#bytes >= fullBytes ? 0 : this.capacity - this.size;
  }

  push(delivery: Delivery): void {
    this.#items.push(delivery);
    this.#bytes += delivery.text.length;
  }

  peek(): Delivery | undefined {
    return this.#items[this.#head];
  }

  shift(): Delivery | undefined {
    const delivery = this.#items[this.#head];
    if (delivery === undefined) return undefined;
    this.#head++;
    this.#bytes -= delivery.text.length;
    if (this.#head > 4096 && this.#head * 2 > this.#items.length) this.#compact();
    return delivery;
  }

  /** Puts back what was taken but not run, in its order. */
  unshift(deliveries: readonly Delivery[]): void {
    this.#items = [...deliveries, ...this.#items.slice(this.#head)];
    this.#head = 0;
    for (const delivery of deliveries) this.#bytes += delivery.text.length;
  }

  /** Takes out what fits the condition. */
  remove(matches: (delivery: Delivery) => boolean): Delivery[] {
    const removed: Delivery[] = [];
    this.#compact();
    this.#items = this.#items.filter((delivery) => {
      if (!matches(delivery)) return true;
      removed.push(delivery);
      this.#bytes -= delivery.text.length;
      return false;
    });
    return removed;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
