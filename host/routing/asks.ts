/** Answers that are awaited from actors, each under a number that only the cell of the actor was told. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Lane } from '../../runtimes/protocol.ts';
import { ProtocolViolation } from '../cells/violation.ts';
import type { TrackedExecution } from '../executions/tracked.ts';

export type Settle = (error: ErrorRecord | null, lane: Lane, bytes: Uint8Array) => void;

interface Ask {
  readonly execution: TrackedExecution;
  /** Place of the cell that must answer. */
  readonly cell: number;
  /** The name of the actor that was asked. */
  readonly actor: string;
  readonly settle: Settle;
}

/** Places in the flow of two actors. */
interface Between {
  readonly asker: number;
  readonly asked: number;
}

export class Asks {
  readonly #open = new Map<number, Ask>();
  /** Of these, those of actors. */
  readonly #between = new Map<number, Between>();
  #next = 1;

  /** How many were asked by actors. */
  get betweenActors(): number {
    return this.#between.size;
  }

  /** The actors whose answers an actor waits for. */
  askedBy(asker: number): readonly number[] {
    return [...this.#between.values()].filter((between) => between.asker === asker).map(({ asked }) => asked);
  }

  /** @returns the number under which the answer is awaited */
  open(execution: TrackedExecution, cell: number, actor: string, settle: Settle, between?: Between): number {
    const reply = this.#next++;
    this.#open.set(reply, { execution, cell, actor, settle });
    if (between !== undefined) this.#between.set(reply, between);
    execution.asks ??= [];
    execution.asks.push(reply);
    return reply;
  }

  /** An answer from a cell. One that nobody awaits any more is dropped. */
  answer(cell: number, reply: number, error: ErrorRecord | null, lane: Lane, bytes: Uint8Array): void {
    const ask = this.#open.get(reply);
    if (ask === undefined) {
      if (reply === 0 || reply >= this.#next) throw new ProtocolViolation(`an answer to ${reply}, which was never asked`);
      return;
    }
    if (ask.cell !== cell) throw new ProtocolViolation(`an answer to ${reply}, which was asked of another cell`);
    this.settle(reply, error && { ...error, actor: ask.actor }, lane, bytes);
  }

  /** The host itself answers. */
  settle(reply: number, error: ErrorRecord | null, lane: Lane, bytes: Uint8Array): void {
    const ask = this.#open.get(reply);
    this.#delete(reply);
    ask?.settle(error, lane, bytes);
  }

  forget(execution: TrackedExecution): void {
    const { asks } = execution;
    if (asks === undefined) return;
    execution.asks = undefined;
    for (const reply of asks) this.#delete(reply);
  }

  #delete(reply: number): void {
    this.#open.delete(reply);
    this.#between.delete(reply);
  }
}
