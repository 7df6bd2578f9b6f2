/** What kept a cell, or an actor in it, from starting, as a record. */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';

export const recordOf = (error: unknown): ErrorRecord =>
  error instanceof VivariumError ? error.record : { code: 'cell.start', message: error instanceof Error ? error.message : String(error) };
