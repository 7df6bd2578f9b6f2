/**
 * What one instance holds open in the host: files, bodies of responses, sockets. Named by numbers that mean nothing to
 * any other instance, bounded, and closed when the instance is gone, however it went.
 */
import { VivariumError } from '../../sdk/errors.ts';

/** Something that must be closed. */
export interface Holding {
  /** Must not throw; may be called once. */
  close(): void | Promise<void>;
}

export class Holdings {
  readonly #most: number;
  readonly #open = new Map<number, Holding>();
  readonly #kept = new Map<object, Holding>();
  #next = 1;
  #ended = false;

  /** @param most how many at once: the limit `handles` of the actor */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Keeps something open under a number.
   * @throws VivariumError limit.handles, after it has closed what it was given
   */
  add(holding: Holding): number {
    if (this.#ended || this.#open.size >= this.#most) {
      void holding.close();
      throw this.#ended
        ? instanceGone()
        : new VivariumError('limit.handles', `the actor already holds ${this.#most} files and connections open`, { hint: 'limits: { handles: … }' });
    }
    const number = this.#next++;
    this.#open.set(number, holding);
    return number;
  }

  /**
   * What a capability keeps for the instance itself: made when it is first asked for, closed with the instance, not counted.
   * @param capability whose it is
   * @throws VivariumError call.cancelled when the instance is gone
   */
  keep<Kept extends Holding>(capability: object, make: () => Kept): Kept {
    if (this.#ended) throw instanceGone();
    let kept = this.#kept.get(capability);
    if (kept === undefined) {
      kept = make();
      this.#kept.set(capability, kept);
    }
    return kept as Kept;
  }

  /** What has this number and is of that kind; undefined for what was closed, never was, or is something else. */
  get<Kind extends Holding>(kind: abstract new (...args: never[]) => Kind, number: unknown): Kind | undefined {
    const holding = typeof number === 'number' ? this.#open.get(number) : undefined;
    return holding instanceof kind ? holding : undefined;
  }

  /** Forgets without closing: what it was lives on under another number, or has ended by itself. */
  release(number: number): void {
    this.#open.delete(number);
  }

  /** Forgets and closes; nothing happens if it is closed already. */
  async close(number: number): Promise<void> {
    const holding = this.#open.get(number);
    this.#open.delete(number);
    await holding?.close();
  }

  /** The instance is gone. */
  end(): void {
    this.#ended = true;
    const all = [...this.#open.values(), ...this.#kept.values()];
    this.#open.clear();
    this.#kept.clear();
    for (const holding of all) void holding.close();
  }
}

const instanceGone = (): VivariumError => new VivariumError('call.cancelled', 'the instance that called is gone');
