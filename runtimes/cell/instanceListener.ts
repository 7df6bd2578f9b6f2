/** What an instance tells the actor that it is an instance of. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { GuestEvent } from '../guest/wire.ts';
import type { Lane } from '../lanes.ts';
import type { LogLevel } from '../protocol.ts';
import type { Delivery } from './mailbox.ts';

export type Outcome =
  | { readonly is: 'nothing' }
  | { readonly is: 'value'; readonly lane: Lane; readonly text: string }
  | { readonly is: 'error'; readonly error: ErrorRecord };

export type CallEvent = Extract<GuestEvent, { is: 'call' | 'ask' }>;

export interface InstanceListener {
  started(inlets: readonly string[]): void;
  failed(error: ErrorRecord): void;
  stopped(): void;
  emitted(delivery: Delivery | undefined, outlet: number, lane: Lane, text: string): void;
  answered(delivery: Delivery, lane: Lane, text: string): void;
  /** @param microseconds undefined if no turn of it began */
  ended(delivery: Delivery, outcome: Outcome, microseconds: number | undefined): void;
  called(event: CallEvent, delivery: Delivery | undefined): void;
  logged(level: LogLevel, text: string, dropped: number, delivery: Delivery | undefined): void;
  handedBack(deliveries: readonly Delivery[]): void;
  /** The guest waits in `emit` for room. */
  waits(): void;
  /** Perhaps it can take more. */
  free(): void;
  /**
   * It is disposed. `suspects` were delivered and not reported, `culprit` broke it if that is known.
   * @param left resolves when its thread has left the isolate: another one before that could exceed the memory of the cell
   */
  broke(error: ErrorRecord, culprit: Delivery | undefined, suspects: readonly Delivery[], left: Promise<void>): void;
}
