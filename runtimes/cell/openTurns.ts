/**
 * The turns of one instance that were delivered and not reported, by number, in the order of delivery. Most of them end in that order,
 * so they lie in a list with the first number beside it: a map costs several times as much for each message.
 */
import type { Delivery } from './mailbox.ts';

export interface OpenTurn {
  readonly delivery: Delivery;
  /** When it was first seen as the one that runs; 0 before. Milliseconds. */
  since: number;
  /** What it has sent so far. */
  messages: number;
  bytes: number;
  /** Characters of its log lines. */
  logged: number;
}

/** Numbers cross the wall in 32 bits. */
const largestNumber = 2 ** 31;
/** Ended turns at the beginning of the list, from which on it is cut. */
const cutFrom = 2048;

export class OpenTurns {
  #turns: (OpenTurn | undefined)[] = [];
  /** The number of the turn at place 0. */
  #base = 1;
  /** Place of the first that is open. */
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number that the next turn gets. */
  get next(): number {
    return this.#base + this.#turns.length;
  }

  /** The number of the turn that was delivered first; 0 if none is open. */
  get head(): number {
    return this.#size === 0 ? 0 : this.#base + this.#first;
  }

  add(delivery: Delivery): void {
    this.#turns.push({ delivery, since: 0, messages: 0, bytes: 0, logged: 0 });
    this.#size++;
  }

  get(number: number): OpenTurn | undefined {
    return this.#turns[number - this.#base];
  }

  delete(number: number): void {
    const place = number - this.#base;
    if (this.#turns[place] === undefined) return;
    this.#turns[place] = undefined;
    this.#size--;
    if (place === this.#first) this.#advance();
  }

  clear(): void {
    const { next } = this;
    this.#turns = [];
    // While none is open a number can mean nothing else.
    this.#base = next > largestNumber ? 1 : next;
    this.#first = 0;
    this.#size = 0;
  }

  *[Symbol.iterator](): Generator<readonly [number, OpenTurn]> {
    // The list may be cut while somebody goes through it.
    const turns = this.#turns;
    const base = this.#base;
    for (let place = this.#first; place < turns.length; place++) {
      const turn = turns[place];
      if (turn !== undefined && this.get(base + place) === turn) yield [base + place, turn];
    }
  }

  deliveries(): Delivery[] {
    return Array.from(this, ([, { delivery }]) => delivery);
  }

  #advance(): void {
    if (this.#size === 0) {
      this.clear();
      return;
    }
    while (this.#turns[this.#first] === undefined) this.#first++;
    if (this.#first < cutFrom) return;
    this.#turns = this.#turns.slice(this.#first);
    this.#base += this.#first;
    this.#first = 0;
  }
}
