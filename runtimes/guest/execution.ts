/** The execution of a turn, cut out of what came with the batch only when somebody asks for it. */
import { executionSeparator } from '../lanes.ts';
import type { Turn } from './kernel.ts';
import { indexOf, slice } from './primordials.ts';

/**
 * Turns mostly ask in their order, so the search goes on from where it last ended.
 * @returns `{ id, parents, attempt, deadline, trace }` as JSON; deadline in milliseconds since the epoch, 0 is none
 */
export function executionOf({ executions, execution }: Turn): string {
  const { text } = executions;
  if (execution < executions.number) executions.number = executions.start = 0;
  while (executions.number < execution) {
    executions.start = indexOf(text, executionSeparator, executions.start) + 1;
    executions.number++;
  }
  const end = indexOf(text, executionSeparator, executions.start);
  return slice(text, executions.start, end === -1 ? text.length : end);
}
