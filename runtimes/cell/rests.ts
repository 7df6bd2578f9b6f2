/** Which actors of the cell are hibernated, and when: who has had nothing to do for long, and, when the host needs the room, who has had nothing to do for longest. */
import type { Actor } from './actor.ts';

export class Rests {
  /** For how many milliseconds an actor may have nothing to do; 0: however long. */
  patience = 0;
  readonly #actors: Iterable<Actor>;
  /** Actors that the host wants to be gone, and that are not yet. */
  #demanded = 0;

  constructor(actors: Iterable<Actor>) {
    this.#actors = actors;
  }

  /** @param busy also those that have messages, between two turns: who has lived for longest */
  demand(actors: number, busy: boolean): void {
    if (busy) {
      for (let left = actors; left > 0; left--) smallest(this.#actors, ({ busySince }) => busySince)?.yield();
      return;
    }
    this.#demanded += actors;
    this.#meetDemand();
  }

  /** An actor begins to have nothing to do. */
  idled(actor: Actor): void {
    if (this.#demanded > 0 && this.#missing > 0) actor.stop();
  }

  /** An actor is gone. */
  left(): void {
    this.#demanded = Math.max(0, this.#demanded - 1);
  }

  /** To be called now and then. */
  check(now: number): void {
    this.#meetDemand();
    if (this.patience === 0) return;
    for (const actor of this.#actors) {
      const { idleSince } = actor;
      if (idleSince !== undefined && now - idleSince > this.patience) actor.stop();
    }
  }

  /** For how many milliseconds the actor that has been idle for longest has been so; 0 if none is. */
  get longest(): number {
    const idleSince = smallest(this.#actors, (actor) => actor.idleSince)?.idleSince;
    return idleSince === undefined ? 0 : Math.max(1, performance.now() - idleSince);
  }

  #meetDemand(): void {
    if (this.#demanded === 0) return;
    for (let missing = this.#missing; missing > 0; missing--) {
      const next = smallest(this.#actors, ({ idleSince }) => idleSince);
      if (next === undefined) return;
      next.stop();
    }
  }

  /** How many more must begin to go. */
  get #missing(): number {
    let leaving = 0;
    for (const actor of this.#actors) if (actor.leaving) leaving++;
    return this.#demanded - leaving;
  }
}

function smallest(actors: Iterable<Actor>, key: (actor: Actor) => number | undefined): Actor | undefined {
  let found: Actor | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const actor of actors) {
    const value = key(actor);
    if (value === undefined || value >= least) continue;
    least = value;
    found = actor;
  }
  return found;
}
