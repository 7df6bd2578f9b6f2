/** What a capability is to the broker: one folder beside this file implements each. */
import type { VivariumError } from '../../sdk/errors.ts';
import type { Payload } from '../../sdk/message.ts';
import type { Access, Decision, Grant } from '../policy/index.ts';
import type { Holdings } from './holdings.ts';
import type { HeldSecrets } from './secrets/held.ts';

/** Who calls. Told by the channel, never by the guest. */
export interface Caller {
  readonly namespace: string;
  readonly actor: string;
  /** The id of the execution; undefined in `start` and `stop`. */
  readonly execution: string | undefined;
  /** Aborted when nobody waits for the result any more: the execution was cancelled, or its cell is gone. */
  readonly signal: AbortSignal;
}

/** One call of a guest, and all that a capability may use to perform it. */
export interface CapabilityCall {
  /** Which operation; said by the guest. */
  readonly operation: string;
  /** Encoded by the guest: to be decoded under the budget of its actor, and believed in nothing. */
  readonly payload: Payload;
  readonly caller: Caller;
  /** The number of the turn in its instance; 0 in `start`, in `stop`, and in what they began. As the cell says: to count by, not to trust. */
  readonly turn: number;
  readonly grant: Grant;
  /** What the instance that calls holds open; gone with it. */
  readonly holdings: Holdings;
  /** What its actor holds of secrets: put into requests, and taken out of what comes back. */
  readonly secrets: HeldSecrets;
  /**
   * Decides an access and tells the audit, before anything of it takes effect. To be asked for each resolved object:
   * once for each redirect, for each file.
   *
   * @throws VivariumError policy.denied
   */
  demand(access: Access): Decision;
  /** Tells the audit that an access is denied for what only became known while it was performed; returns the error to throw. */
  refuse(access: Access, reason: string, hint: string): VivariumError;
}

/** What a call comes to. */
export type Answer = Payload & {
  /** Told when nobody reads the bytes any more, unless the cell is gone before: then they are nobody's. */
  readonly taken?: () => void;
};

export interface Capability {
  /** @throws VivariumError whose record the guest gets; anything else is told as `service.failed` and no more */
  call(call: CapabilityCall): Promise<Answer>;
}
