/** The execution of a turn, cut out of what came with the batch only when somebody asks for it. */
import type { Turn } from './kernel.ts';
import { slice } from './primordials.ts';

/** @returns `{ id, parents, attempt, deadline, trace }` as JSON; deadline in milliseconds since the epoch, 0 is none */
export const executionOf = (turn: Turn): string => slice(turn.executions, turn.executionStart, turn.executionEnd);
