/** What people are told about files that cannot be used. */
import { VivariumError } from '../../sdk/errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  ENOSPC: 'there is no space left',
  EROFS: 'it lies in a file system that is read only',
  EMFILE: 'too many files are open',
};

/** Why a system call failed, in words where the reason is a usual one. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>;
  return reasons[code ?? ''] ?? code ?? message ?? String(error);
}

/** @param role `the input`, `the output` */
export const cannotOpen = (role: string, file: string, error: unknown): VivariumError =>
  new VivariumError('host.option', `${role} ${file} cannot be opened: ${reasonOf(error)}`);
