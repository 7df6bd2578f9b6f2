/** The base folder of a deployment, and the files in it that sources consist of. */
import { realpathSync, statSync } from 'node:fs';
import { constants, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { resolveInside } from '../manifest/base.ts';

/** A base folder, opened: `real` without links, `given` as it was named. Both absolute. */
export interface Base {
  readonly real: string;
  readonly given: string;
}

/** A file that lies inside a base folder. */
export interface SourceFile {
  /** The absolute path, without links. */
  readonly path: string;
  /** The path from the base folder, with `/`: how messages and source maps call it. */
  readonly name: string;
}

/**
 * Opens a base folder. At once: the system knows the answer, and to ask it by another thread takes each start up to half a millisecond.
 *
 * @throws VivariumError `host.option` when it is no folder.
 */
export function openBase(folder: string): Base {
  const given = path.resolve(folder);
  const real = realFolder(given);
  if (real === undefined) {
    throw new VivariumError('host.option', `The base folder ${JSON.stringify(folder)} does not exist or is no folder.`, {
      hint: 'Name the folder that holds the manifest as `base`.',
    });
  }
  return { real, given };
}

function realFolder(given: string): string | undefined {
  try {
    const real = realpathSync(given);
    return statSync(real).isDirectory() ? real : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds a file inside the base folder.
 *
 * @param fromFile absolute path of the file that states the path.
 * @param stated what the author wrote: `./helper.ts`, `../shared/tables.py`.
 * @throws VivariumError `source.outside`, `source.missing`
 */
export function findSource(base: Base, fromFile: string, stated: string): SourceFile {
  const found = resolveInside(base.given, fromFile, stated);
  return { path: found, name: path.relative(base.real, found).split(path.sep).join('/') };
}

/** The file that an actor's `source` names, as the manifest in the base folder states it. */
export const findEntry = (base: Base, stated: string): SourceFile => findSource(base, path.join(base.real, 'vivarium.yaml'), stated);

/**
 * Reads a file that {@link findSource} found. The file that was opened is compared with the one that lies there
 * afterwards, so a folder that is swapped for a link in between is noticed.
 *
 * @param maximum bytes; `tooLarge` makes the error for a larger file.
 * @throws VivariumError `source.outside`, `source.missing`, or what `tooLarge` makes
 */
export async function readSource(file: SourceFile, maximum: number, tooLarge: (bytes: number) => VivariumError): Promise<Buffer> {
  const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined)
    throw new VivariumError('source.missing', `${JSON.stringify(file.name)} cannot be read.`, { file: file.name, hint: 'Let the host read the file.' });
  try {
    const opened = await handle.stat();
    const lying = await stat(file.path).catch(() => undefined);
    const real = await realpath(file.path).catch(() => undefined);
    if (!opened.isFile() || real !== file.path || lying?.ino !== opened.ino || lying.dev !== opened.dev) {
      throw new VivariumError('source.outside', `${JSON.stringify(file.name)} was replaced while it was read.`, {
        file: file.name,
        hint: 'Deploy again when the folder is at rest.',
      });
    }
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
    throw new VivariumError('source.invalid', `${JSON.stringify(name)} is not UTF-8 text.`, { file: name, hint: 'Save the file as UTF-8.' });
  }
}
