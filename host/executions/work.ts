/** What actors did for executions. Those that travelled together had the same work: it is kept once for all of them, and never changes. */
import { type FlowShape, nameOf } from '../routing/topology.ts';

/** By actor: its turns, and the microseconds that they took together. */
export interface ActorTurns {
  readonly actor: number;
  readonly turns: number;
  readonly microseconds: number;
}

export interface ActorWork {
  /** Turns of the actor in this execution. */
  readonly messages: number;
  /** Milliseconds that they took together. */
  readonly time: number;
}

export class Work {
  /** In the order of the actors; each once. */
  readonly actors: readonly ActorTurns[];
  #told: Readonly<Record<string, ActorWork>> | undefined;

  constructor(actors: readonly ActorTurns[]) {
    this.actors = joined(actors);
  }

  with(more: Work): Work {
    return new Work([...this.actors, ...more.actors]);
  }

  /** By the name of the actor, for whoever asked for the execution. Made once. */
  told(shape: FlowShape): Readonly<Record<string, ActorWork>> {
    if (this.#told === undefined) {
      const told: Record<string, ActorWork> = {};
      for (const { actor, turns, microseconds } of this.actors) told[nameOf(shape, actor)] = Object.freeze({ messages: turns, time: microseconds / 1000 });
      this.#told = Object.freeze(told);
    }
    return this.#told;
  }
}

function joined(actors: readonly ActorTurns[]): readonly ActorTurns[] {
  const byActor = new Map<number, ActorTurns>();
  for (const { actor, turns, microseconds } of actors) {
    const before = byActor.get(actor);
    byActor.set(actor, { actor, turns: turns + (before?.turns ?? 0), microseconds: microseconds + (before?.microseconds ?? 0) });
  }
  return [...byActor.values()].sort((one, other) => one.actor - other.actor);
}
