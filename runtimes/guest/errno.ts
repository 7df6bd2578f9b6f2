/** What went wrong with a file, as numbers: those of WASI preview 1, which Emscripten has taken over. */
import { HostError } from './failure.ts';
import { hasOwn } from './primordials.ts';

export const errno = {
  E2BIG: 1,
  EACCES: 2,
  EAGAIN: 6,
  EBADF: 8,
  EBUSY: 10,
  EDQUOT: 19,
  EEXIST: 20,
  EFAULT: 21,
  EFBIG: 22,
  EILSEQ: 25,
  EINVAL: 28,
  EIO: 29,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  EMLINK: 34,
  ENAMETOOLONG: 37,
  ENFILE: 41,
  ENODEV: 43,
  ENOENT: 44,
  ENOMEM: 48,
  ENOSPC: 51,
  ENOSYS: 52,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  ENOTSOCK: 57,
  ENOTSUP: 58,
  ENXIO: 60,
  EOVERFLOW: 61,
  EPERM: 63,
  EROFS: 69,
  ESPIPE: 70,
  ESTALE: 72,
  ETXTBSY: 74,
  EXDEV: 75,
  ENOTCAPABLE: 76,
} as const;

/** The number for what a call of the capability `filesystem` was answered with. */
export function errnoOf(error: unknown): number {
  const record = HostError.recordOf(error);
  switch (record?.code) {
    case 'policy.denied':
      return errno.ENOTCAPABLE;
    case 'limit.quota':
      return errno.EDQUOT;
    case 'limit.handles':
      return errno.EMFILE;
    case 'filesystem.failed':
      return record.name !== undefined && hasOwn(errno, record.name) ? errno[record.name as keyof typeof errno] : errno.EIO;
    default:
      return errno.EIO;
  }
}
