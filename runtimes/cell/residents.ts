/** The actors of one cell: those that are present, with who sends to whom, and the messages for those that sleep. */
import type { LocalTarget } from '../protocol.ts';
import type { Actor } from './actor.ts';
import type { Batch } from './batch.ts';
import { Sleepers } from './sleepers.ts';

export class Residents {
  readonly present: ReadonlySet<Actor>;
  readonly sleepers: Sleepers;
  readonly #present = new Set<Actor>();
  /** By index: a flow has thousands of actors of which some hundred live here. */
  readonly #actors: (Actor | undefined)[] = [];

  /** @param wanted told once for each actor that sleeps and begins to have messages */
  constructor(wanted: (actor: number) => void) {
    this.present = this.#present;
    this.sleepers = new Sleepers(wanted);
  }

  get(index: number): Actor | undefined {
    return this.#actors[index];
  }

  /** The actor is to have an instance. What waited for it is in its mailbox. */
  enter(actor: Actor): void {
    const { index } = actor.plan;
    actor.mailbox.unshift(this.sleepers.take(index));
    this.#actors[index] = actor;
    this.#present.add(actor);
    for (const target of actor.targets) this.#actors[target]?.senders.add(actor);
    for (const sender of this.#present) if (sender.targets.has(index)) actor.senders.add(sender);
  }

  /** The actor has no instance any more. What came for it meanwhile waits. */
  leave(actor: Actor): void {
    const { index } = actor.plan;
    if (this.#actors[index] !== actor) return;
    this.#actors[index] = undefined;
    this.#present.delete(actor);
    for (const target of actor.targets) this.#actors[target]?.senders.delete(actor);
    this.sleepers.keep(index, actor.mailbox);
  }

  /** Gives an actor what was sent to it, awake or asleep. */
  push(index: number, batch: Batch): void {
    const actor = this.#actors[index];
    if (actor === undefined) this.sleepers.push(index, batch);
    else actor.push(batch);
  }

  /** How many more messages fit into the mailbox of an actor. */
  room({ actor, mailbox }: LocalTarget): number {
    return this.#actors[actor]?.mailbox.room ?? this.sleepers.room(actor, mailbox);
  }

  /** There may be room, or credit, for those of which this holds. */
  resume(which: (actor: Actor) => boolean): void {
    for (const actor of this.#present) if (which(actor)) actor.resume();
  }
}
