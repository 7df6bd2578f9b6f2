/** The messages for actors that have no instance: they wait, in their order, until the host has woken the actor. */
import type { Batch } from './batch.ts';
import type { Execution } from './executions.ts';
import { Mailbox } from './mailbox.ts';

export class Sleepers {
  readonly #mailboxes = new Map<number, Mailbox>();
  readonly #wanted: (actor: number) => void;

  /** @param wanted told once for each actor that begins to have messages */
  constructor(wanted: (actor: number) => void) {
    this.#wanted = wanted;
  }

  push(actor: number, batch: Batch): void {
    const mailbox = this.#mailboxes.get(actor);
    if (mailbox !== undefined) mailbox.push(batch);
    else {
      const first = new Mailbox(Number.POSITIVE_INFINITY);
      first.push(batch);
      this.keep(actor, first);
    }
  }

  /** The actor fell asleep with this mailbox. */
  keep(actor: number, mailbox: Mailbox): void {
    if (mailbox.size === 0) return;
    this.#mailboxes.set(actor, mailbox);
    this.#wanted(actor);
  }

  /** How many more messages fit into the mailbox of an actor. */
  room(actor: number, capacity: number): number {
    const mailbox = this.#mailboxes.get(actor);
    return mailbox === undefined ? capacity : Math.min(mailbox.room, capacity - mailbox.size);
  }

  /** Takes out what waits for an actor. */
  take(actor: number): readonly Batch[] {
    const mailbox = this.#mailboxes.get(actor);
    this.#mailboxes.delete(actor);
    return mailbox?.remove(() => true) ?? [];
  }

  /** Takes out the messages of executions of which this holds, of whichever actor. */
  *remove(matches: (execution: Execution) => boolean): Generator<readonly [actor: number, batch: Batch]> {
    for (const [actor, mailbox] of this.#mailboxes) {
      for (const batch of mailbox.remove(matches)) yield [actor, batch];
      if (mailbox.size === 0) this.#mailboxes.delete(actor);
    }
  }

  *[Symbol.iterator](): Generator<readonly [actor: number, messages: number]> {
    for (const [actor, { size }] of this.#mailboxes) yield [actor, size];
  }
}
