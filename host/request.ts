/** How an execution is asked for: the options that callers give, checked, and how they are told that it was cancelled. */
import { type ErrorRecord, VivariumError } from '../sdk/errors.ts';
import { partitionOfKey } from '../runtimes/replicas.ts';

export interface WaitOptions {
  /** Milliseconds until the execution fails with `execution.deadline`. */
  readonly timeout?: number;
  /** Cancels the execution when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * A key, 1 to 256 characters: executions with the same key are served by the same replica of every actor, in the order in which they
   * were accepted. Without one, executions are spread over the replicas.
   */
  readonly partition?: string;
}

export interface RunOptions extends WaitOptions {
  /** Names the execution; default: a new id. No two that run at once may have the same. At most 256 characters. */
  readonly id?: string;
  /** The point in time at which the execution fails with `execution.deadline`. */
  readonly deadline?: Date;
  /** Ids of executions whose messages led to this one. */
  readonly parents?: readonly string[];
  /** A W3C `traceparent`, passed on to the actors. */
  readonly trace?: string;
  /** Outputs come as payloads, undecoded: for whoever only passes them on. */
  readonly raw?: boolean;
}

const longestText = 256;
const mostParents = 64;

export const cancelled = (reason: string | undefined): ErrorRecord => ({
  code: 'execution.cancelled',
  message: reason === undefined ? 'the execution was cancelled' : `the execution was cancelled: ${reason.slice(0, 1024)}`,
});

export const reasonText = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));

/** Milliseconds since the epoch; 0 is none. @throws VivariumError host.option */
export const deadlineOf = ({ timeout, deadline }: RunOptions): number => {
  const points = [...(timeout === undefined ? [] : [Date.now() + timeout]), ...(deadline === undefined ? [] : [deadline.getTime()])];
  if (points.length === 0) return 0;
  const point = Math.min(...points);
  if (!Number.isFinite(point)) throw new VivariumError('host.option', 'a deadline is a valid Date, a timeout a number of milliseconds');
  return Math.max(1, Math.floor(point));
};

/** @throws VivariumError host.option */
export function partitionIn({ partition: key }: { readonly partition?: string | undefined }): number | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key.length === 0 || key.length > longestText)
    throw new VivariumError('host.option', `the key of a partition is a text of 1 to ${longestText} characters`);
  return partitionOfKey(key);
}

/** @throws VivariumError host.option */
export function checkTexts(id: string, parents: readonly string[], trace: string): void {
  if (id.length === 0 || id.length > longestText) throw new VivariumError('host.option', `an id of an execution has 1 to ${longestText} characters`);
  if (parents.length > mostParents || parents.some((parent) => parent.length > longestText)) {
    throw new VivariumError('host.option', `an execution has ${mostParents} parents at most, of ${longestText} characters each`);
  }
  if (trace.length > longestText) throw new VivariumError('host.option', `a traceparent has ${longestText} characters at most`);
}
