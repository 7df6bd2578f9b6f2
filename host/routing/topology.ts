/**
 * Which actors a flow has, in which cells they live, and where each outlet leads.
 *
 * Inside a cell messages go from actor to actor without the host. The host sees what leaves the cell:
 * outputs of the flow, and messages for actors elsewhere. An actor in quarantine is elsewhere for everybody.
 */
import { type Budget, defaultBudget } from '../../sdk/message.ts';
import type { Limits } from '../../runtimes/limits.ts';
import type { ActorPlan, OutletRoute } from '../../runtimes/protocol.ts';

export interface Port {
  readonly actor: number;
  readonly inlet: number;
}

/** What a cell needs to know of an actor, save where its outlets lead. */
export type ActorPart = Omit<ActorPlan, 'outlets' | 'peers'>;

export interface TopologyActor {
  readonly part: ActorPart;
  readonly outlets: readonly string[];
  /** Place of its cell in the flow. */
  readonly cell: number;
  /** For messages that the host encodes for it, or decodes from it. */
  readonly budget: Budget;
}

/** An error on its way to an `error` outlet may be larger than the messages of its actor. */
const errorBytes = 64 * 1024;

export const budgetOf = ({ message }: Limits): Budget => ({ ...defaultBudget, bytes: Math.max(message, errorBytes) });

export interface Connection {
  readonly from: { readonly actor: number; readonly outlet: number };
  readonly to: Port;
}

export interface FlowShape {
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
  readonly remote: readonly Port[];
  /** All connections, for a message that starts an execution. */
  readonly all: readonly Port[];
  /** Whether the cell sends the messages of this outlet to the host. */
  readonly host: boolean;
}

/** By actor and outlet; undefined for an actor whose cell is another. */
export type CellRoutes = readonly (readonly OutletTargets[] | undefined)[];

export const cellRoutes = (shape: FlowShape, cell: number, elsewhere: ReadonlySet<number>): CellRoutes =>
  shape.actors.map((actor, index) => (actor.cell === cell ? outletTargets(shape, elsewhere, index) : undefined));

export function actorPlan(shape: FlowShape, elsewhere: ReadonlySet<number>, index: number): ActorPlan {
  const actor = shape.actors[index] as TopologyActor;
  const isLocal = localTo(shape, actor.cell, elsewhere);
  const outlets: OutletRoute[] = outletTargets(shape, elsewhere, index).map(({ all, host }, outlet) => ({
    name: actor.outlets[outlet] as string,
    local: all.filter((port) => isLocal(port.actor)),
    host,
  }));
  const peers: Record<string, Port | null> = {};
  for (const { from, to } of shape.connections) {
    if (from.actor === index) peers[nameOf(shape, to.actor)] ??= isLocal(to.actor) ? to : null;
  }
  return { ...actor.part, outlets, peers };
}

function outletTargets(shape: FlowShape, elsewhere: ReadonlySet<number>, index: number): readonly OutletTargets[] {
  const actor = shape.actors[index] as TopologyActor;
  const isLocal = localTo(shape, actor.cell, elsewhere);
  return actor.outlets.map((_, outlet) => {
    const all = shape.connections.filter(({ from }) => from.actor === index && from.outlet === outlet).map(({ to }) => to);
    const outputs = shape.outputs.flatMap((output, place) => (output.actor === index && output.outlet === outlet ? [place] : []));
    const remote = all.filter((port) => !isLocal(port.actor));
    return { outputs, remote, all, host: outputs.length > 0 || remote.length > 0 };
  });
}

/** The inlet that `context.ask(name)` of an actor reaches: that of its first connection to the actor of that name. */
export function peerOf(shape: FlowShape, asker: number, name: string): Port | undefined {
  return shape.connections.find(({ from, to }) => from.actor === asker && nameOf(shape, to.actor) === name)?.to;
}

/** How an output of the flow is decoded. */
export const outputBudget = (shape: FlowShape, output: number): Budget =>
  (shape.actors[(shape.outputs[output] as FlowShape['outputs'][number]).actor] as TopologyActor).budget;

export const nameOf = (shape: FlowShape, actor: number): string => (shape.actors[actor] as TopologyActor).part.name;

const localTo =
  (shape: FlowShape, cell: number, elsewhere: ReadonlySet<number>) =>
  (actor: number): boolean =>
    (shape.actors[actor] as TopologyActor).cell === cell && !elsewhere.has(actor);
