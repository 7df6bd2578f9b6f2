/** `--audit FILE`: every decision as a line of JSON, on the disk before it takes effect. */
import { closeSync, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs';
import { VivariumError } from '../../sdk/errors.ts';
import type { AuditEvent } from '../policy/index.ts';
import { cannotOpen } from './files.ts';
import { jsonLine } from './output.ts';

export class AuditFile {
  readonly #descriptor: number;
  /** Told once: a decision that cannot be recorded ends the run. */
  readonly #onError: (error: NodeJS.ErrnoException) => void;
  #broken = false;

  /**
   * Opens the file to append to it, and makes it readable for its owner alone.
   * @throws VivariumError host.option
   */
  constructor(file: string, onError: (error: NodeJS.ErrnoException) => void) {
    this.#onError = onError;
    try {
      this.#descriptor = openSync(file, 'a', 0o600);
      // One that was there before, a device or a pipe apart.
      if (fstatSync(this.#descriptor).isFile()) fchmodSync(this.#descriptor, 0o600);
    } catch (error) {
      throw cannotOpen('the audit', file, error);
    }
  }

  /** Returns when the system has the line: what was decided has not happened yet. Throws when it has not: then it will not happen. */
  write(event: AuditEvent): void {
    if (this.#broken) throw new VivariumError('audit.failed', 'the audit cannot be written any further');
    try {
      const line = Buffer.from(jsonLine(event));
      for (let written = 0; written < line.length; ) written += writeSync(this.#descriptor, line, written);
    } catch (error) {
      this.#broken = true;
      this.#onError(error as NodeJS.ErrnoException);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
