/** The execution of a turn, put together only when somebody asks for it. */
import type { Turn } from './kernel.ts';
import { numberToString, slice } from './primordials.ts';

/** The last key of a description is the id, so that is where the number belongs. */
const closing = '"}';

/**
 * Most executions differ in nothing but a number at the end of their id: the rest is described once for all of them.
 *
 * @returns `{ parents, attempt, deadline, trace, id }` as JSON; deadline in milliseconds since the epoch, 0 is none
 */
export function executionOf({ description, execution }: Turn): string {
  if (execution === 0) return description;
  return slice(description, 0, description.length - closing.length) + numberToString(execution - 1, 36) + closing;
}
