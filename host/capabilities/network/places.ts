/** How many requests one instance has under way at once, and how many of them a turn may send. Who finds no place waits, first come first served. */
import { VivariumError } from '../../../sdk/errors.ts';

const most = 6;
const minute = 60_000;

/** Turns whose requests are remembered. More than any instance has open at once that can send one. */
const remembered = 1_000;

export class Places {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #sent = new Map<number, number>();

  /**
   * Counts one request of a turn. What belongs to no turn is counted by the minute: a guest can always speak outside of its turns.
   * @throws VivariumError limit.network
   */
  count(turn: number, limit: number): void {
    const counter = turn === 0 ? -Math.floor(Date.now() / minute) : turn;
    const sent = this.#sent.get(counter) ?? 0;
    if (sent >= limit) {
      const who = turn === 0 ? 'outside of any turn, this actor has sent' : 'this turn has sent';
      throw new VivariumError('limit.network', `${who} ${sent} requests already${turn === 0 ? ' within a minute' : ''}`, { hint: 'limits: { requests: … }' });
    }
    this.#sent.set(counter, sent + 1);
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
