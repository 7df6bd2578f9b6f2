/** How many requests one instance has under way at once, and how many of them a turn may send. Who finds no place waits, first come first served. */
import { VivariumError } from '../../../sdk/errors.ts';
import { cancelled, demandWanted } from './failures.ts';

const most = 6;
const minute = 60_000;

/** Turns whose requests are remembered. More than any instance has open at once that can send one. */
const remembered = 1_000;

export class Places {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  /** By turn. */
  readonly #sent = new Map<number, number>();
  #outside = { until: 0, sent: 0 };

  /**
   * Counts one request of a turn. What belongs to no turn is counted by the minute: a guest can always speak outside of its turns.
   * @throws VivariumError limit.network
   */
  count(turn: number, limit: number): void {
    if (turn === 0) {
      this.#countOutside(limit);
      return;
    }
    const sent = this.#sent.get(turn) ?? 0;
    if (sent >= limit) throw tooMany(`this turn has sent ${sent} requests already`);
    this.#sent.set(turn, sent + 1);
    if (this.#sent.size > remembered) this.#sent.delete(this.#sent.keys().next().value as number);
  }

  /**
   * Waits for a place.
   * @returns what gives it back; more than one call does nothing
   * @throws VivariumError call.cancelled
   */
  async take(signal: AbortSignal): Promise<() => void> {
    demandWanted(signal);
    if (this.#taken < most) this.#taken++;
    else await this.#turnOf(signal);
    let held = true;
    const free = (): void => {
      if (!held) return;
      held = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    };
    // Calls of one execution are cancelled one after the other: the first gives its place to one that is cancelled a moment later.
    if (signal.aborted) free();
    demandWanted(signal);
    return free;
  }

  /** Kept apart from turns, among which it would be forgotten after enough of them. */
  #countOutside(limit: number): void {
    const now = performance.now();
    if (now >= this.#outside.until) this.#outside = { until: now + minute, sent: 0 };
    if (this.#outside.sent >= limit) throw tooMany(`outside of any turn, this actor has sent ${limit} requests already within a minute`);
    this.#outside.sent++;
  }

  #turnOf(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const given = (): void => {
        signal.removeEventListener('abort', gaveUp);
        resolve();
      };
      const gaveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(given), 1);
        reject(cancelled());
      };
      this.#waiting.push(given);
      signal.addEventListener('abort', gaveUp, { once: true });
    });
  }
}

const tooMany = (message: string): VivariumError => new VivariumError('limit.network', message, { hint: 'limits: { requests: … }' });
