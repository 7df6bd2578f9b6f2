import { realpathSync } from 'node:fs';
import nodePath from 'node:path';

/** A path of the host without links, or as it is stated if it leads nowhere yet. */
export const realPath = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return nodePath.resolve(path);
  }
};
