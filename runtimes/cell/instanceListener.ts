/** What an instance tells the actor that it is an instance of. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { GuestEvent } from '../guest/wire.ts';
import type { LogLevel } from '../protocol.ts';
import type { Batch, Payloads, Rows } from './batch.ts';
import type { Execution } from './executions.ts';
import type { OpenTurn } from './openTurns.ts';

export type CallEvent = Extract<GuestEvent, { is: 'call' | 'ask' }>;

export interface InstanceListener {
  started(inlets: readonly string[]): void;
  /** It did not start. @param left see {@link broke} */
  failed(error: ErrorRecord, left: Promise<void>): void;
  stopped(): void;
  /** A turn sent messages to one outlet; outside any turn if it is undefined. */
  emitted(turn: OpenTurn | undefined, outlet: number, payloads: Payloads, count: number): void;
  /** The first answer of a turn that goes on. */
  answered(turn: OpenTurn, payloads: Payloads): void;
  /** Turns ended well. @param payloads what they returned, one each; undefined if nothing @param microseconds of each */
  settled(turns: Rows, payloads: Payloads | undefined, microseconds: number): void;
  /** A turn ended with an error. @param microseconds undefined if it had not begun */
  erred(message: Batch, error: ErrorRecord, microseconds: number | undefined): void;
  called(event: CallEvent, turn: OpenTurn | undefined): void;
  logged(level: LogLevel, text: string, dropped: number, execution: Execution | undefined): void;
  handedBack(batches: readonly Batch[]): void;
  /** The guest waits in `emit` for room. */
  waits(): void;
  /** Perhaps it can take more. */
  free(): void;
  /**
   * It is disposed. `suspects` were delivered and not reported, `culprit` broke it if that is known.
   * @param left resolves when its thread has left the isolate: another one before that could exceed the memory of the cell
   */
  broke(error: ErrorRecord, culprit: Batch | undefined, suspects: readonly Batch[], left: Promise<void>): void;
}
