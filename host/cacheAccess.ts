/** What lies in the folder of the cache runs in cells, in whosever name: no guest may write there, or read the sources of others. */
import { VivariumError } from '../sdk/errors.ts';
import type { Grant } from './policy/index.ts';
import { wayDown } from './policy/rules/filesystem.ts';
import { realPath } from './realPath.ts';

/** @throws VivariumError host.option, if a folder that an actor is granted holds the cache, or lies in it */
export function demandCacheApart(grants: readonly Grant[], folder: string | undefined): void {
  if (folder === undefined) return;
  for (const { actor, filesystem } of grants) {
    for (const { host, origin } of filesystem) {
      const granted = realPath(host);
      if (wayDown(granted, folder) === null && wayDown(folder, granted) === null) continue;
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
