import { VivariumError } from '../../sdk/errors.ts';

/** A cell said what it may not say. Whoever finds out throws; the channel kills the cell. */
export class ProtocolViolation extends VivariumError {
  constructor(what: string) {
    super('cell.protocol', `A cell sent ${what}.`);
  }
}
