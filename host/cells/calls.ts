/** The calls of the guests of one cell that the host works on: bounded per actor, each with a signal that ends it. */
import { VivariumError } from '../../sdk/errors.ts';

export class GuestCalls {
  readonly #open = new Map<number, Set<AbortController>>();

  /** @returns undefined if the actor has `most` calls in flight already */
  begin(actor: number, most: number): AbortController | undefined {
    let calls = this.#open.get(actor);
    if (calls === undefined) {
      calls = new Set();
      this.#open.set(actor, calls);
    }
    if (calls.size >= most) return undefined;
    const call = new AbortController();
    calls.add(call);
    return call;
  }

  end(actor: number, call: AbortController): void {
    this.#open.get(actor)?.delete(call);
  }

  /** The instance that made these calls is gone. */
  abort(actor: number): void {
    const calls = this.#open.get(actor);
    this.#open.delete(actor);
    for (const call of calls ?? []) call.abort(new VivariumError('call.cancelled', 'the instance that called is gone'));
  }

  abortAll(): void {
    for (const actor of [...this.#open.keys()]) this.abort(actor);
  }
}
