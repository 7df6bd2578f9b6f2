import { expect } from 'vitest';
import { VivariumError } from '../../sdk/errors.ts';

/** The VivariumError that something rejects with or throws. Anything else fails the test. */
export async function failureOf(run: () => unknown): Promise<VivariumError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(VivariumError);
    return error as VivariumError;
  }
  throw new Error('nothing was thrown');
}
