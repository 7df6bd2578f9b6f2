/** Where a deployed flow stands at this moment. Put together when it is asked for; nothing is kept for it per message. */
import type { RuntimeName } from '../runtimes/protocol.ts';

/**
 * What an actor is doing. `live`: it takes messages. `asleep`: it has no instance, its next message wakes it. `waking`: it is being
 * started, or waits for a place, and so do its messages. `absent`: its cell is being replaced, what is meant for it waits.
 * `quarantined`: what is meant for it is answered with an error, until it is released.
 */
export type ActorState = 'live' | 'asleep' | 'waking' | 'absent' | 'quarantined';

export interface ActorStatus<Actors extends string = string> {
  readonly name: Actors;
  readonly runtime: RuntimeName;
  /** Turns that it may have at once, in all of its replicas. */
  readonly concurrency: number;
  /** Of several replicas, the worst. */
  readonly state: ActorState;
  /** The numbers of the cells that it lives in, as in events of cells: one for each replica that is there. */
  readonly cells: readonly number[];
  /** Messages that have not ended there. */
  readonly waiting: {
    /** In the host: its mailbox is full, or its cell is being replaced. */
    readonly host: number;
    /** In its cell, those included that it is working on. Cells tell every 250 ms; what the host sent since counts too. */
    readonly cell: number;
  };
  /** Turns since the flow was deployed, as far as their executions have left the cell. */
  readonly turns: number;
  /** Milliseconds that these turns took together, waiting included. */
  readonly time: number;
}

export interface FlowStatus<Actors extends string = string> {
  readonly namespace: string;
  /** Executions that have not ended. */
  readonly executions: number;
  /**
   * Isolates in which Python had started before it was known for whom: how many are ready for actors that wake, and how many were taken, in
   * the cells that are there.
   */
  readonly interpreters: { readonly ready: number; readonly taken: number };
  /** In the order of the manifest. */
  readonly actors: readonly ActorStatus<Actors>[];
}

/** What is known of one replica. Times in microseconds. */
interface ReplicaStanding {
  readonly state: ActorState;
  readonly cell: number | undefined;
  readonly queued: number;
  /** Messages in its cell: as the host has sent them, and as the cell tells. */
  readonly sent: number;
  readonly present: number;
  readonly turns: number;
  readonly microseconds: number;
}

const fromWorst: readonly ActorState[] = ['quarantined', 'absent', 'waking', 'live', 'asleep'];

/** The replicas of an actor as one. */
export function joined(replicas: readonly ReplicaStanding[]): Omit<ActorStatus, 'name' | 'runtime' | 'concurrency'> {
  const sum = (of: (replica: ReplicaStanding) => number): number => replicas.reduce((total, replica) => total + of(replica), 0);
  return {
    state: fromWorst.find((state) => replicas.some((replica) => replica.state === state)) ?? 'absent',
    cells: replicas.flatMap(({ cell }) => cell ?? []),
    waiting: { host: sum(({ queued }) => queued), cell: sum(({ sent, present }) => Math.max(sent, present)) },
    turns: sum(({ turns }) => turns),
    time: sum(({ microseconds }) => microseconds) / 1000,
  };
}
