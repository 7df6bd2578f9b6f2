/** Where a deployed flow stands at this moment. Put together when it is asked for; nothing is kept for it per message. */
import type { RuntimeName } from '../runtimes/protocol.ts';

/**
 * What an actor is doing. `live`: it takes messages. `absent`: its cell is being replaced, what is meant for it waits.
 * `quarantined`: what is meant for it is answered with an error, until it is released.
 */
export type ActorState = 'live' | 'absent' | 'quarantined';

export interface ActorStatus<Actors extends string = string> {
  readonly name: Actors;
  readonly runtime: RuntimeName;
  /** Turns that it may have at once. */
  readonly concurrency: number;
  readonly state: ActorState;
  /** The number of the cell that it lives in, as in events of cells; undefined if there is none. */
  readonly cell: number | undefined;
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
  /** In the order of the manifest. */
  readonly actors: readonly ActorStatus<Actors>[];
}
