/** Finds files that may lie inside a base folder only, whatever links say. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import nodePath from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { shown } from './diagnostic.ts';

const mostLinks = 40;
const longestPath = 4096;

/**
 * The real path of a file inside `base`, after every link was resolved.
 *
 * Walks component by component and refuses a link that leads out before it touches what lies there,
 * so that the answer tells nothing about files outside.
 *
 * @param base the folder that confines
 * @param fromFile the file that states the path; need not exist
 * @param path as it is stated, relative to the folder of `fromFile`, or absolute
 * @throws {VivariumError} `source.outside`, or `source.missing` when there is no regular file
 * @example
 * resolveInside('/app', '/app/vivarium.yaml', './actors/score.ts') // '/app/actors/score.ts'
 */
export const resolveInside = (base: string, fromFile: string, path: string): string => {
  if (path === '' || path.length > longestPath || path.includes('\0')) throw missing(path, 'is no path of a file');
  const root = realFolder(base);
  const stated = nodePath.resolve(base, nodePath.dirname(fromFile), path);
  const pending = stepsInside(base, root, stated, path);
  let current = root;
  let links = 0;
  for (let step = pending.shift(); step !== undefined; step = pending.shift()) {
    const next = nodePath.join(current, step);
    const status = lstatSync(next, { throwIfNoEntry: false });
    if (status === undefined) throw missing(path, 'does not exist');
    if (!status.isSymbolicLink()) {
      if (pending.length > 0 && !status.isDirectory()) throw missing(path, 'does not exist');
      current = next;
      continue;
    }
    links += 1;
    if (links > mostLinks) throw missing(path, 'is a circle of links');
    const target = nodePath.resolve(current, readlinkSync(next));
    pending.unshift(...stepsInside(base, root, target, path));
    current = root;
  }
  if (!lstatSync(current).isFile()) throw missing(path, 'is no regular file');
  return current;
};

const realFolder = (base: string): string => {
  try {
    return realpathSync(base);
  } catch (error) {
    throw new VivariumError('host.option', `the base folder ${shown(base)} cannot be read`, { hint: 'Name an existing folder as `base`.', cause: error });
  }
};

/** The components that lead from the base folder to a path, however the base itself is spelled. */
const stepsInside = (base: string, root: string, target: string, path: string): string[] => {
  for (const folder of [root, nodePath.resolve(base)]) {
    const way = nodePath.relative(folder, target);
    const leadsOut = way === '..' || way.startsWith(`..${nodePath.sep}`) || nodePath.isAbsolute(way);
    if (!leadsOut) return way.split(nodePath.sep).filter((step) => step !== '');
  }
  throw new VivariumError('source.outside', `${shown(path)} lies outside the base folder`, {
    hint: 'Move the file into the folder of the manifest, or name a higher folder as `base`.',
  });
};

const missing = (path: string, what: string): VivariumError =>
  new VivariumError('source.missing', `${shown(path)} ${what}`, { hint: 'Paths are relative to the file that states them.' });
