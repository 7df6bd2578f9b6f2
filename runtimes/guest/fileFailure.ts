/** Failures of the capability `filesystem`, for languages that know them by numbers. */
import { errno } from './errno.ts';
import { HostError } from './failure.ts';
import { hasOwn } from './primordials.ts';

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
