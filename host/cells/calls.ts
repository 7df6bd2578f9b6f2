/** The calls of the guests of one cell that the host works on, bounded per actor, each with a signal that ends it; and what their instances hold open. */
import { VivariumError } from '../../sdk/errors.ts';
import type { Limits } from '../../runtimes/limits.ts';
import { Holdings } from '../capabilities/holdings.ts';

/** What the present instance of one actor has in the host. */
interface InstanceCalls {
  readonly calls: Set<AbortController>;
  readonly holdings: Holdings;
}

export interface GuestCall {
  /** Aborted when nobody waits any more. */
  readonly controller: AbortController;
  readonly holdings: Holdings;
}

export class GuestCalls {
  readonly #open = new Map<number, InstanceCalls>();

  /** @returns undefined if the actor has as many calls in flight as its limit allows */
  begin(actor: number, limits: Limits): GuestCall | undefined {
    let instance = this.#open.get(actor);
    if (instance === undefined) {
      instance = { calls: new Set(), holdings: new Holdings(limits.handles) };
      this.#open.set(actor, instance);
    }
    const { calls, holdings } = instance;
    if (calls.size >= limits.calls) return undefined;
    const controller = new AbortController();
    calls.add(controller);
    return { controller, holdings };
  }

  end(actor: number, call: AbortController): void {
    this.#open.get(actor)?.calls.delete(call);
  }

  /** The instance that made these calls is gone. */
  abort(actor: number): void {
    const instance = this.#open.get(actor);
    this.#open.delete(actor);
    for (const call of instance?.calls ?? []) call.abort(new VivariumError('call.cancelled', 'the instance that called is gone'));
    instance?.holdings.end();
  }

  abortAll(): void {
    for (const actor of [...this.#open.keys()]) this.abort(actor);
  }
}
