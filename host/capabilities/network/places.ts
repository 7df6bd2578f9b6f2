/** How many requests one instance has under way at once, and how many of them a turn may send. Who finds no place waits, first come first served. */
import { VivariumError } from '../../../sdk/errors.ts';

const most = 6;

/** Turns whose requests are remembered. More than any instance has open at once that can send one. */
const remembered = 1_000;

export class Places {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #sent = new Map<number, number>();

  /**
   * Counts one request of a turn. What belongs to no turn is not counted, and takes its place among the others.
   * @throws VivariumError limit.network
   */
  count(turn: number, limit: number): void {
    if (turn === 0) return;
    const sent = this.#sent.get(turn) ?? 0;
    if (sent >= limit) {
      throw new VivariumError('limit.network', `this turn has sent ${sent} requests already`, { hint: 'limits: { requests: … }' });
    }
    this.#sent.set(turn, sent + 1);
    if (this.#sent.size > remembered) this.#sent.delete(this.#sent.keys().next().value as number);
  }

  /**
   * Waits for a place.
   * @returns what gives it back; more than one call does nothing
   * @throws the reason of the signal
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < most) this.#taken++;
    else await this.#turnOf(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    };
  }

  #turnOf(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const given = (): void => {
        signal.removeEventListener('abort', gaveUp);
        resolve();
      };
      const gaveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(given), 1);
        reject(signal.reason);
      };
      this.#waiting.push(given);
      signal.addEventListener('abort', gaveUp, { once: true });
    });
  }
}
