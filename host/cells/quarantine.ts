/** The actors of one flow that are held back until they are released: they caused too many deaths of their cell, or cannot be started again. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { tolerance } from './blame.ts';

export class Quarantine {
  readonly #held = new Map<number, ErrorRecord>();

  has(actor: number): boolean {
    return this.#held.has(actor);
  }

  /** Why the actor is held back: the answer to whatever is sent to it; undefined if it is not. */
  why(actor: number): ErrorRecord | undefined {
    return this.#held.get(actor);
  }

  actors(): Iterable<number> {
    return this.#held.keys();
  }

  /** @returns the answer to whatever is sent to it */
  add(actor: number, name: string, reason: ErrorRecord): ErrorRecord {
    const why =
      reason.code === 'actor.start' || reason.code === 'limit.start'
        ? 'could not be started again'
        : `caused ${tolerance.deaths} deaths of its cell within ${tolerance.within / 1000} s`;
    const error: ErrorRecord = {
      code: 'actor.quarantined',
      message: `'${name}' ${why}, and is held back: ${reason.message}`,
      actor: name,
      hint: `flow.release('${name}')`,
    };
    this.#held.set(actor, error);
    return error;
  }

  delete(actor: number): void {
    this.#held.delete(actor);
  }
}
