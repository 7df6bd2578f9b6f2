/** Turns that are ended before they end by themselves: by word, else by force. Their code may run for a while; they are reported when it does not. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { ActorPlan } from '../protocol.ts';
import { wallBroken } from './brokenLimits.ts';
import type { Execution } from './executions.ts';
import type { InstanceListener } from './instanceListener.ts';
import { messageOf, type OpenTurn, type OpenTurns, type TurnState } from './openTurns.ts';

interface GivenUp {
  readonly turn: OpenTurn;
  /** Whether its code may have begun. */
  readonly began: boolean;
}

/** A turn that was given up, while its code may still run. */
interface Stopping {
  readonly execution: Execution;
  readonly state: TurnState;
}

/** The instance, as far as ending its turns goes. */
export interface Stopper {
  isOver(): boolean;
  /** Has the guest end these turns. Resolves when the code of none of them runs any more. */
  tell(turns: readonly number[], error: ErrorRecord): Promise<void>;
  /** It does not listen: its isolate is taken away. */
  force(error: ErrorRecord): void;
}

/** What a guest that was told to stop may still run before its isolate is given up. Milliseconds. */
const cancelGrace = 50;

export class StoppedTurns {
  readonly #plan: ActorPlan;
  readonly #open: OpenTurns;
  readonly #listener: InstanceListener;
  readonly #stopper: Stopper;
  readonly #stopping = new Map<number, Stopping>();

  constructor(plan: ActorPlan, open: OpenTurns, listener: InstanceListener, stopper: Stopper) {
    this.#plan = plan;
    this.#open = open;
    this.#listener = listener;
    this.#stopper = stopper;
  }

  get size(): number {
    return this.#stopping.size;
  }

  get(turn: number): Stopping | undefined {
    return this.#stopping.get(turn);
  }

  /** Ends the turns of the executions of which this holds, with `error`, within the grace time. */
  cancel(matches: (execution: Execution) => boolean, error: ErrorRecord): void {
    const turns: GivenUp[] = [];
    let active = this.#plan.concurrency;
    for (const turn of this.#open) {
      const began = active-- > 0;
      if (matches(turn.execution)) turns.push({ turn, began });
    }
    this.#stop(turns, error);
  }

  /** Ends those that run for longer than they may. */
  check(now: number): void {
    let active = this.#plan.concurrency;
    for (const turn of this.#open) {
      if (active-- <= 0) break;
      const state = this.#open.state(turn.number);
      if (state.since === 0) state.since = now;
      else if (now - state.since > this.#plan.limits.wall) this.stop(turn, wallBroken(this.#plan.limits));
    }
  }

  /** Ends a turn that has begun. */
  stop(turn: OpenTurn, error: ErrorRecord): void {
    this.#stop([{ turn, began: true }], error);
  }

  #stop(turns: readonly GivenUp[], error: ErrorRecord): void {
    if (turns.length === 0) return;
    const given = turns.map(({ turn, began }) => ({ number: turn.number, message: messageOf(turn), began }));
    for (const { turn } of turns) {
      this.#stopping.set(turn.number, { execution: turn.execution, state: this.#open.state(turn.number) });
      this.#open.end(turn.number, 1);
    }
    const stopped = (): void => {
      clearTimeout(force);
      for (const { number, message, began } of given) {
        this.#stopping.delete(number);
        this.#listener.erred(message, { ...error, actor: this.#plan.name }, began ? 0 : undefined);
      }
      if (!this.#stopper.isOver()) this.#listener.free();
    };
    const force = setTimeout(() => this.#stopper.force(error), cancelGrace);
    const numbers = given.map(({ number }) => number);
    void this.#stopper.tell(numbers, error).then(stopped);
  }
}
