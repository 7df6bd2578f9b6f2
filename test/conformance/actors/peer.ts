/** Answers, except to `nothing` and to `fail`. */
import type { Handler } from 'vivarium/actor';

export const handle: Handler = (message) => {
  if (message === 'fail') throw new RangeError('not that');
  return message === 'nothing' ? undefined : ['answered', message];
};
