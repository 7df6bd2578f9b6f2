/** What lies in the folder of the cache runs in cells, in whosever name: no guest may write there, or read the sources of others. */
import { realpathSync } from 'node:fs';
import nodePath from 'node:path';
import { VivariumError } from '../sdk/errors.ts';
import type { Grant } from './policy/index.ts';

/** @throws VivariumError host.option, if a folder that an actor is granted holds the cache, or lies in it */
export function demandCacheApart(grants: readonly Grant[], folder: string | undefined): void {
  if (folder === undefined) return;
  for (const { actor, filesystem } of grants) {
    for (const { host, origin } of filesystem) {
      const granted = realPath(host);
      if (!isWithin(folder, granted) && !isWithin(granted, folder)) continue;
      const { file, line, column } = origin;
      throw new VivariumError('host.option', `'${actor}' is granted ${host}, and with it the cache of the host in ${folder}`, {
        actor,
        file,
        ...(line > 0 && { line, column }),
        hint: 'createHost({ cache: { folder } }): name one that no actor is granted',
      });
    }
  }
}

const isWithin = (path: string, folder: string): boolean => {
  const way = nodePath.relative(folder, path);
  return way !== '..' && !way.startsWith(`..${nodePath.sep}`) && !nodePath.isAbsolute(way);
};

const realPath = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return nodePath.resolve(path);
  }
};
