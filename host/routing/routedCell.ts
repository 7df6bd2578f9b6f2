/** What routing knows of a cell. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Lane } from '../../runtimes/protocol.ts';
import type { TrackedExecution } from '../executions/tracked.ts';
import type { ExportCredit } from './credit.ts';
import type { Outbound } from './outbound.ts';
import type { Delivery } from './queue.ts';
import type { CellRoutes } from './topology.ts';

export interface RoutedCell {
  readonly place: number;
  readonly routes: CellRoutes;
  readonly outbound: Outbound;
  readonly credit: ExportCredit;
  /** Whether the actor has an instance there. */
  hosts(actor: number): boolean;
  /** Whether the actor is being created there, and what is delivered to it waits for that. */
  expects(actor: number): boolean;
  /** This was delivered to an actor that is {@link expects|expected}. */
  sentAhead(delivery: Delivery): void;
  /** Answers a call of a guest. */
  reply(actor: number, instance: number, call: number, error: ErrorRecord | null, lane: Lane, bytes: Uint8Array | undefined): void;
}

/** Whose deliveries a cell is sent: everybody's, nobody's, or those of one execution that is under suspicion. */
export type Gate = 'open' | 'closed' | TrackedExecution;
