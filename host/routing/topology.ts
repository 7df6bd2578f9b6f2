/**
 * Which actors a flow has, in which cells they live, and where each outlet leads.
 *
 * Inside a cell messages go from actor to actor without the host. The host sees what leaves the cell:
 * outputs of the flow, and messages for actors elsewhere. An actor in quarantine is elsewhere for everybody.
 */
import { type Budget, defaultBudget } from '../../sdk/message.ts';
import type { Limits } from '../../runtimes/limits.ts';
import type { ActorPlan, LocalTarget, OutletRoute, RuntimeName, Target } from '../../runtimes/protocol.ts';
import { onlyReplica, replicaFor, type Share } from '../../runtimes/replicas.ts';

export interface Port {
  readonly actor: number;
  readonly inlet: number;
}

/** What a cell needs to know of an actor, save where its outlets lead. */
export type ActorPart = Omit<ActorPlan, 'outlets' | 'peers'>;

export interface TopologyActor {
  readonly part: ActorPart;
  /** Its actor: where the first of its replicas stands, which may be itself. */
  readonly actor: number;
  /** Where the replicas of its actor stand, this one among them. */
  readonly replicas: readonly number[];
  readonly outlets: readonly string[];
  /** Place of its cell in the flow. */
  readonly cell: number;
  /** For messages that the host encodes for it, or decodes from it. */
  readonly budget: Budget;
  /** For messages that enter the flow by it. */
  readonly inputBudget: Budget;
}

/** An error on its way to an `error` outlet may be larger than the messages of its actor. */
const errorBytes = 64 * 1024;

export const budgetOf = ({ message }: Limits): Budget => ({ ...defaultBudget, bytes: Math.max(message, errorBytes) });

export interface Connection {
  readonly from: { readonly actor: number; readonly outlet: number };
  readonly to: Port;
}

export interface FlowShape {
  /** The first replica of each actor, in the order of the manifest; then the other replicas. What else names an actor names the first. */
  readonly actors: readonly TopologyActor[];
  readonly connections: readonly Connection[];
  readonly inputs: Readonly<Record<string, readonly Port[]>>;
  readonly outputs: readonly { readonly name: string; readonly actor: number; readonly outlet: number }[];
  /** How many places for cells there are. */
  readonly cells: number;
}

/** Where the host takes what an outlet sends to it. */
export interface OutletTargets {
  /** Places of outputs of the flow. */
  readonly outputs: readonly number[];
  /** In the same cell. */
  readonly local: readonly Target[];
  readonly remote: readonly Target[];
  /** All connections, for a message that starts an execution. */
  readonly all: readonly Port[];
  /** Whether the cell sends messages of this outlet to the host, and if not all: which. */
  readonly host: boolean;
  readonly away: readonly Share[];
}

/** Where the outlets of the actors of one cell lead. Made for an actor when it first sends: most of ten thousand never do. */
export class CellRoutes {
  readonly #shape: FlowShape;
  readonly #cell: number;
  readonly #elsewhere: ReadonlySet<number>;
  readonly #made = new Map<number, readonly OutletTargets[]>();

  constructor(shape: FlowShape, cell: number, elsewhere: ReadonlySet<number>) {
    this.#shape = shape;
    this.#cell = cell;
    this.#elsewhere = elsewhere;
  }

  /** Whether the cell is that of the actor. */
  includes(actor: number): boolean {
    return this.#shape.actors[actor]?.cell === this.#cell;
  }

  /** By outlet; undefined for an actor whose cell is another. */
  of(actor: number): readonly OutletTargets[] | undefined {
    const known = this.#made.get(actor);
    if (known !== undefined || !this.includes(actor)) return known;
    const made = outletTargets(this.#shape, this.#elsewhere, actor);
    this.#made.set(actor, made);
    return made;
  }

  /** The actor will not send for some time. */
  forget(actor: number): void {
    this.#made.delete(actor);
  }
}

export function actorPlan(shape: FlowShape, elsewhere: ReadonlySet<number>, index: number): ActorPlan {
  const actor = shape.actors[index] as TopologyActor;
  const isLocal = localTo(shape, actor.cell, elsewhere);
  const outlets: OutletRoute[] = outletTargets(shape, elsewhere, index).map(({ local, host, away }, outlet) => ({
    name: actor.outlets[outlet] as string,
    local: local.map((target) => localTarget(shape, target)),
    host,
    away,
  }));
  const peers: Record<string, LocalTarget | null> = {};
  for (const { to } of leavingOf(shape, actor.actor).connections) {
    const isNear = isLocal(to.actor) && replicasOf(shape, to.actor).length === 1;
    peers[nameOf(shape, to.actor)] ??= isNear ? localTarget(shape, { ...to, ...onlyReplica }) : null;
  }
  return { ...actor.part, outlets, peers };
}

const localTarget = (shape: FlowShape, target: Target): LocalTarget => {
  const { limits, overflow } = (shape.actors[target.actor] as TopologyActor).part;
  return { ...target, mailbox: limits.mailbox, overflow };
};

function outletTargets(shape: FlowShape, elsewhere: ReadonlySet<number>, index: number): readonly OutletTargets[] {
  const actor = shape.actors[index] as TopologyActor;
  const isLocal = localTo(shape, actor.cell, elsewhere);
  const leaving = leavingOf(shape, actor.actor);
  return actor.outlets.map((_, outlet) => {
    const all = leaving.connections.filter(({ from }) => from.outlet === outlet).map(({ to }) => to);
    const outputs = leaving.outputs.filter((place) => shape.outputs[place]?.outlet === outlet);
    const [local, remote] = partition(
      all.flatMap((port) => targetsOf(shape, index, port)),
      (target) => isLocal(target.actor),
    );
    const always = outputs.length > 0 || all.some((port) => !targetsOf(shape, index, port).some((target) => isLocal(target.actor)));
    return { outputs, local, remote, all, host: always || remote.length > 0, away: always ? [] : remote.map(({ replica, of }) => ({ replica, of })) };
  });
}

/** The replicas of a receiver. An actor that sends to itself sends to the same replica: it is that of the execution. */
function targetsOf(shape: FlowShape, sender: number, { actor, inlet }: Port): readonly Target[] {
  if (shape.actors[sender]?.actor === actor) return [{ actor: sender, inlet, ...onlyReplica }];
  const replicas = replicasOf(shape, actor);
  return replicas.map((index, replica) => ({ actor: index, inlet, replica, of: replicas.length }));
}

const partition = <Item>(items: readonly Item[], belongs: (item: Item) => boolean): readonly [Item[], Item[]] => [
  items.filter(belongs),
  items.filter((item) => !belongs(item)),
];

/** What leaves one actor: its connections, and places of outputs of the flow. */
interface Leaving {
  readonly connections: Connection[];
  readonly outputs: number[];
}

const nothingLeaves: Leaving = { connections: [], outputs: [] };
/** Sorted once for each flow: looking through all connections for each actor would take hours where there are ten thousand. */
const sorted = new WeakMap<FlowShape, ReadonlyMap<number, Leaving>>();

function leavingOf(shape: FlowShape, actor: number): Leaving {
  let byActor = sorted.get(shape);
  if (byActor === undefined) {
    byActor = sortLeaving(shape);
    sorted.set(shape, byActor);
  }
  return byActor.get(actor) ?? nothingLeaves;
}

function sortLeaving({ connections, outputs }: FlowShape): ReadonlyMap<number, Leaving> {
  const byActor = new Map<number, Leaving>();
  const of = (actor: number): Leaving => {
    const known = byActor.get(actor) ?? { connections: [], outputs: [] };
    byActor.set(actor, known);
    return known;
  };
  for (const connection of connections) of(connection.from.actor).connections.push(connection);
  for (const [place, { actor }] of outputs.entries()) of(actor).outputs.push(place);
  return byActor;
}

/** The inlet that `context.ask(name)` of an actor reaches: that of its first connection to the actor of that name. */
export function peerOf(shape: FlowShape, asker: number, name: string): Port | undefined {
  const { actor } = shape.actors[asker] as TopologyActor;
  return leavingOf(shape, actor).connections.find(({ to }) => nameOf(shape, to.actor) === name)?.to;
}

/** How an output of the flow is decoded. */
export const outputBudget = (shape: FlowShape, output: number): Budget =>
  (shape.actors[(shape.outputs[output] as FlowShape['outputs'][number]).actor] as TopologyActor).budget;

/** The actors, each by the first of its replicas. */
export const actorsOf = ({ actors }: FlowShape): readonly TopologyActor[] => actors.filter(({ actor }, index) => actor === index);

const replicasOf = (shape: FlowShape, actor: number): readonly number[] => (shape.actors[actor] as TopologyActor).replicas;

/** The replica of an actor that serves a partition. */
export function replicaOf(shape: FlowShape, actor: number, partition: number): number {
  const replicas = replicasOf(shape, actor);
  return replicas.length === 1 ? actor : (replicas[replicaFor(partition, replicas.length)] as number);
}

export const nameOf = (shape: FlowShape, actor: number): string => (shape.actors[actor] as TopologyActor).part.name;

export const runtimeOf = (shape: FlowShape, actor: number): RuntimeName => (shape.actors[actor] as TopologyActor).part.runtime;

const localTo =
  (shape: FlowShape, cell: number, elsewhere: ReadonlySet<number>) =>
  (actor: number): boolean =>
    (shape.actors[actor] as TopologyActor).cell === cell && !elsewhere.has(actor);
