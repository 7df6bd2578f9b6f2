/**
 * Which cell each replica of each actor lives in. Decided once, when a flow is deployed: the same flow is always placed the same
 * way, and what a cell took with it when it died comes back in the cell that replaces it.
 *
 * Replicas of one actor are spread first; then the load is, as far as it can be known; and as long as no cell gets more than its
 * share, actors that are connected stay together, because a message from cell to cell goes through the host.
 */
import { VivariumError } from '../sdk/errors.ts';
import type { RuntimeName } from '../runtimes/protocol.ts';
import type { FlowActor, FlowConnection, FlowManifest } from './manifest/index.ts';

export interface Placement {
  /** By actor: the places of its replicas. */
  readonly of: readonly (readonly number[])[];
  /** How many places for cells there are. */
  readonly cells: number;
}

export interface PlacementLimits {
  /** Cells at once, at most. */
  readonly cells: number;
}

/** What an actor is expected to ask of a processor, compared with the others. */
const weights: Readonly<Record<RuntimeName, number>> = { javascript: 1, wasm: 1, python: 3 };

/** @throws VivariumError cell.start when there is no room */
export function placeActors({ actors, connections, cells, file }: FlowManifest, limits: PlacementLimits): Placement {
  const own = actors.filter(({ ownCell }) => ownCell);
  const sharing = actors.filter(({ ownCell }) => !ownCell);
  const shared = Math.min(cells.count, replicasOf(sharing));
  const count = shared + replicasOf(own);
  if (count > limits.cells) {
    throw new VivariumError('cell.start', `the flow needs ${count} cells, and the host has ${limits.cells} at most`, {
      ...(cells.line > 0 && { file, line: cells.line, column: cells.column }),
      hint: 'createHost({ limits: { cells: … } })',
    });
  }
  const of: (readonly number[])[] = new Array(actors.length);
  const places = new SharedPlaces(shared, Math.ceil(sharing.reduce((sum, actor) => sum + actor.replicas * weights[actor.runtime], 0) / shared));
  const neighbours = neighboursOf(actors.length, connections);
  for (const actor of connectedInTurn(sharing, neighbours))
    of[actor.index] = places.place(
      actor,
      (neighbours[actor.index] as number[]).flatMap((next) => of[next] ?? []),
    );
  let next = shared;
  for (const { index, replicas } of own) of[index] = Array.from({ length: replicas }, () => next++);
  return { of, cells: count };
}

const replicasOf = (actors: readonly FlowActor[]): number => actors.reduce((sum, { replicas }) => sum + replicas, 0);

/** The cells that actors share, as they fill. */
class SharedPlaces {
  readonly #loads: number[];
  /** What each would bear if the load were spread evenly. */
  readonly #share: number;

  constructor(count: number, share: number) {
    this.#loads = new Array(count).fill(0);
    this.#share = share;
  }

  /** @param neighbours where the actors live that this one is connected with */
  place({ replicas, runtime }: FlowActor, neighbours: readonly number[]): readonly number[] {
    const weight = weights[runtime];
    const siblings: number[] = [];
    for (let replica = 0; replica < replicas; replica++) {
      const best = this.#best(weight, siblings, neighbours);
      this.#loads[best] = (this.#loads[best] as number) + weight;
      siblings.push(best);
    }
    return siblings;
  }

  #best(weight: number, siblings: readonly number[], neighbours: readonly number[]): number {
    let best = -1;
    let least: readonly number[] = [];
    for (const [place, load] of this.#loads.entries()) {
      // What decides, and what decides where that is equal.
      const cost = [occurrences(siblings, place), Math.max(0, load + weight - this.#share), -occurrences(neighbours, place), load];
      if (best >= 0 && !isLess(cost, least)) continue;
      best = place;
      least = cost;
    }
    return best;
  }
}

const occurrences = (places: readonly number[], place: number): number => places.reduce((sum, other) => sum + Number(other === place), 0);

const isLess = (left: readonly number[], right: readonly number[]): boolean => {
  const at = left.findIndex((cost, index) => cost !== right[index]);
  return at >= 0 && (left[at] as number) < (right[at] as number);
};

function neighboursOf(count: number, connections: readonly FlowConnection[]): readonly number[][] {
  const neighbours = Array.from({ length: count }, () => new Set<number>());
  for (const { from, to } of connections) {
    neighbours[from.actor]?.add(to.actor);
    neighbours[to.actor]?.add(from.actor);
  }
  return neighbours.map((of) => [...of]);
}

/** From actor to actor along the connections, so that what is connected is placed one after the other. */
function connectedInTurn(actors: readonly FlowActor[], neighbours: readonly (readonly number[])[]): readonly FlowActor[] {
  const remaining = new Map(actors.map((actor) => [actor.index, actor]));
  const order: FlowActor[] = [];
  for (const { index: first } of actors) {
    const waiting = [first];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const actor = remaining.get(index);
      if (actor === undefined) continue;
      remaining.delete(index);
      order.push(actor);
      waiting.push(...(neighbours[index] as readonly number[]).filter((next) => remaining.has(next)).reverse());
    }
  }
  return order;
}
