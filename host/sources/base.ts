/**
 * The base folder and who lies in it: every source and every import of a flow, after links are resolved.
 *
 * A path is walked one component at a time, and a link is read before it is followed, so nothing outside
 * the base folder is ever touched: an author learns not even whether a file exists out there.
 */
import { constants, lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';

/** A base folder, opened: `real` without links, `given` as it was named. Both absolute. */
export interface Base {
  readonly real: string;
  readonly given: string;
}

/** Something that lies inside a base folder. */
export interface Inside {
  /** The absolute path, without links. */
  readonly path: string;
  /** The path from the base folder, with `/`: how messages and source maps call it. */
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
}

/** As many links as Linux follows before it answers ELOOP. */
const maximumLinks = 40;

/**
 * Opens a base folder.
 *
 * @throws VivariumError `source.missing` when it is no folder.
 */
export async function openBase(folder: string): Promise<Base> {
  const given = path.resolve(folder);
  const real = await realpath(given).catch(() => undefined);
  if (real === undefined || !(await stat(real)).isDirectory()) {
    throw new VivariumError('source.missing', `The base folder ${folder} does not exist or is no folder.`, { hint: 'name the folder that holds the manifest' });
  }
  return { real, given };
}

/**
 * Follows a path from a folder inside the base.
 *
 * @param from the absolute path, without links, of a folder inside the base.
 * @param relative what the author wrote: `./helper.ts`, `../shared/tables.py`.
 * @throws VivariumError `source.outside` when the path or a link on its way leaves the base folder, `source.missing` when there is nothing.
 * @example const { path, name } = await resolveInside(base, base.real, './actors/score.py');
 */
export async function resolveInside(base: Base, from: string, relative: string): Promise<Inside> {
  const reached = path.relative(base.real, from).split(path.sep).filter(meansSomething);
  const pending = partsFromBase(base, relative, relative);
  if (path.isAbsolute(relative)) reached.length = 0;
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '..') {
      if (reached.pop() === undefined) throw outside(relative);
      continue;
    }
    const here = path.join(base.real, ...reached, part);
    const entry = await lstat(here).catch(() => undefined);
    if (entry === undefined) throw missing(relative);
    if (!entry.isSymbolicLink()) {
      reached.push(part);
      continue;
    }
    links += 1;
    if (links > maximumLinks) throw missing(relative);
    const target = await readlink(here);
    if (path.isAbsolute(target)) reached.length = 0;
    pending.unshift(...partsFromBase(base, target, relative));
  }
  const found = path.join(base.real, ...reached);
  const entry = await lstat(found).catch(() => undefined);
  if (entry === undefined) throw missing(relative);
  return { path: found, name: reached.join('/'), kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other' };
}

/**
 * Reads a file that {@link resolveInside} found. The file that was opened is compared with the one that lies
 * there afterwards, so a folder that is swapped for a link in between is noticed.
 *
 * @param maximum bytes; `tooLarge` makes the error for a larger file.
 * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`.
 */
export async function readInside(file: Inside, maximum: number, tooLarge: (bytes: number) => VivariumError): Promise<Buffer> {
  if (file.kind !== 'file') throw new VivariumError('source.invalid', `${file.name} is not a regular file.`, { file: file.name });
  const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) throw new VivariumError('source.missing', `${file.name} cannot be read.`, { file: file.name });
  try {
    const opened = await handle.stat();
    const lying = await stat(file.path).catch(() => undefined);
    const real = await realpath(file.path).catch(() => undefined);
    if (!opened.isFile() || real !== file.path || lying?.ino !== opened.ino || lying.dev !== opened.dev) throw outside(file.name);
    if (opened.size > maximum) throw tooLarge(opened.size);
    const bytes = Buffer.alloc(opened.size);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * The text of a source file.
 *
 * @throws VivariumError `source.invalid` when the bytes are not UTF-8.
 */
export function decodeSource(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new VivariumError('source.invalid', `${name} is not UTF-8 text.`, { file: name, hint: 'save the file as UTF-8' });
  }
}

const meansSomething = (part: string): boolean => part !== '' && part !== '.';

/** The components of a path or of a link's target: as they are when it is relative, from the base folder when it is absolute. */
function partsFromBase(base: Base, target: string, relative: string): string[] {
  if (!path.isAbsolute(target)) return target.split('/').filter(meansSomething);
  for (const folder of [base.real, base.given]) {
    const parts = path.relative(folder, target).split(path.sep);
    if (parts[0] !== '..') return parts.filter(meansSomething);
  }
  throw outside(relative);
}

const outside = (relative: string): VivariumError =>
  new VivariumError('source.outside', `${JSON.stringify(relative)} leads outside the base folder.`, { hint: 'put the file into the folder of the manifest, or deploy with a `base` that contains it' });

const missing = (relative: string): VivariumError => new VivariumError('source.missing', `${JSON.stringify(relative)} does not exist.`, { hint: 'check the path; it is relative to the file that states it' });
