/** Whether a cell answers, and what it tells when it does: who has nothing to do, how many messages each actor has, how long guests run. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Said } from '../routing/router.ts';
import type { FlowShape } from '../routing/topology.ts';
import { ProtocolViolation } from './violation.ts';

/**
 * Pings go out every 250 ms: after 2 s in which nothing was heard of it a cell is given up. One that has much to say answers behind all
 * that, which on a busy machine takes its time: it is given up after 30 s. Counted in pings, so that a host that was held up itself kills nobody.
 */
const silentPings = 8;
const unansweredPings = 120;
/** What a cell may take to notice that a guest exceeds its limit, and to end it. Milliseconds. */
const limitGrace = 2_500;

export class Pulse {
  /** For how many milliseconds the actor that has been idle for longest has been so, as the cell told last; 0 if none is. */
  idle = 0;
  readonly #longestCall: number;
  /** By actor: messages that have not ended, as the cell told last. */
  #present: ReadonlyMap<number, number> = new Map();
  #pings = 0;
  #answered = 0;
  #heard = 0;
  /** Pings that were sent before it was heard last. */
  #heardAfter = 0;
  #waiting: { readonly token: number; answered(): void }[] = [];

  /** @param place that of the cell: what its actors may take is what it may let them take */
  constructor({ actors }: FlowShape, place: number) {
    const limits = actors.filter(({ cell }) => cell === place).map(({ part }) => part.limits);
    this.#longestCall = limits.reduce((longest, { wall, start }) => Math.max(longest, wall, start), 0) + limitGrace;
  }

  /** Messages of an actor that had not ended when the cell was asked last. */
  present(actor: number): number {
    return this.#present.get(actor) ?? 0;
  }

  /** The token of the next ping, or why the cell is to be given up. @param heard how much was heard of it so far, by any measure that grows */
  next(heard: number): number | ErrorRecord {
    if (heard !== this.#heard) this.#heardAfter = this.#pings;
    this.#heard = heard;
    if (this.#pings - this.#heardAfter >= silentPings) return { code: 'cell.died', message: 'the cell did not answer for 2 s' };
    if (this.#pings - this.#answered >= unansweredPings) return { code: 'cell.died', message: 'the cell spoke, and did not answer for 30 s' };
    return ++this.#pings;
  }

  /** Tells when the cell has answered a ping that is sent from now on: whatever it was told before, and could say of that, was heard then. */
  afterNext(answered: () => void): void {
    this.#waiting.push({ token: this.#pings + 1, answered });
  }

  /**
   * @param demandOwn throws for an actor that is not of this cell
   * @returns why the cell is to be given up, if it is
   */
  answered({ token, oldest, idle, actor, messages }: Said<'pong'>, demandOwn: (actor: number) => void): ErrorRecord | undefined {
    if (token > this.#pings || token <= this.#answered) throw new ProtocolViolation('an answer to a ping that was not sent');
    this.#answered = token;
    this.idle = idle;
    const present = new Map<number, number>();
    for (let i = 0; i < actor.length; i++) {
      demandOwn(actor[i] as number);
      present.set(actor[i] as number, messages[i] as number);
    }
    this.#present = present;
    const due = this.#waiting.filter((waiting) => waiting.token <= token);
    this.#waiting = this.#waiting.filter((waiting) => waiting.token > token);
    for (const waiting of due) waiting.answered();
    if (oldest <= this.#longestCall) return undefined;
    return { code: 'limit.wall', message: `a guest has run for ${Math.round(oldest)} ms and its cell does not end it` };
  }
}
