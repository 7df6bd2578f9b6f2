import { VivariumError } from '../../sdk/errors.ts';
import { type Budget, decode, defaultBudget, encode } from '../../sdk/message.ts';

export const budgetOf = (part: Partial<Budget>): Budget => ({ ...defaultBudget, ...part });

/** The JSON of a message of the text lane. */
export function textOf(value: unknown): string {
  const payload = encode(value);
  if (payload.lane !== 'text') throw new Error('not the text lane');
  return payload.text;
}

export const through = (value: unknown) => decode(encode(value));

/** The refusal that some work ends in; whatever else it throws, goes on. */
export function refusalOf(work: () => unknown): VivariumError {
  try {
    work();
  } catch (error) {
    if (error instanceof VivariumError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
