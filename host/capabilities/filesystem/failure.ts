/** Failures of files as guests hear of them: the name that the system has for it, the path of the guest, and nothing of the host. */
import { VivariumError } from '../../../sdk/errors.ts';
import { type SystemErrorName, systemErrors } from '../../../runtimes/systemErrors.ts';

/**
 * A failure that the broker itself finds.
 * @param reason in the place of the system's words, where it would not be understood
 */
export class FileFailure extends Error {
  readonly code: SystemErrorName;
  readonly reason: string | undefined;

  constructor(code: SystemErrorName, reason?: string) {
    super(reason ?? code);
    this.code = code;
    this.reason = reason;
  }
}

export const codeOf = (error: unknown): string | undefined => (error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined);

/**
 * @param paths those of the guest
 * @returns what the guest is told; `error` itself if it is none of the system
 */
export function fileError(error: unknown, operation: string, paths: readonly string[]): unknown {
  if (error instanceof VivariumError) return error;
  const code = codeOf(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const name = isSystemError(code) ? code : 'EIO';
  const words = (error instanceof FileFailure ? error.reason : undefined) ?? systemErrors[name][1];
  const where = paths.map((path) => `'${path}'`).join(' -> ');
  return new VivariumError('filesystem.failed', `${name}: ${words}, ${operation}${where === '' ? '' : ` ${where}`}`, { name });
}

const isSystemError = (code: string): code is SystemErrorName => Object.hasOwn(systemErrors, code);
