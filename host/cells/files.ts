/** The files that a cell consists of: built into `dist/cell/`, and never run unless they are the ones that were built. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { VivariumError } from '../../sdk/errors.ts';

/** A path inside the folder: no absolute path, no way up. */
const fileName = z.string().regex(/^(?!\.{1,2}(\/|$))[^/\\\0]+(\/(?!\.{1,2}(\/|$))[^/\\\0]+)*$/);
const manifestSchema = z.object({
  files: z.record(fileName, z.string().regex(/^[0-9a-f]{64}$/)),
  /** The version of isolated-vm whose addon was copied. */
  isolatedVm: z.string().optional(),
});

export interface CellFiles {
  /** Absolute path of the folder. A cell reads this folder and nothing else. */
  readonly folder: string;
  /** The names that were verified, relative to the folder. */
  readonly names: readonly string[];
  readonly isolatedVm?: string | undefined;
}

const verified = new Map<string, Promise<CellFiles>>();

/**
 * Locates the built cell of this package, whether the host runs from source or from `dist/`, and verifies the SHA-256 of
 * every file; once per process, for what is changed later could as well change this process.
 *
 * @param folder another folder with a `manifest.json`
 * @throws VivariumError `host.unsupported` naming the file that is missing or differs
 */
export async function cellFiles(folder?: string): Promise<CellFiles> {
  const place = folder ?? join(await packageFolder(), 'dist', 'cell');
  const known = verified.get(place) ?? verify(place);
  verified.set(place, known);
  known.catch(() => verified.delete(place));
  return known;
}

/** The folder of the nearest package.json above this file that is Vivarium's. */
async function packageFolder(): Promise<string> {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (await isVivarium(folder)) return folder;
    if (folder === dirname(folder)) throw mustBuild('The package.json of Vivarium is missing above its own files.');
  }
}

async function isVivarium(folder: string): Promise<boolean> {
  try {
    return (JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name === 'vivarium';
  } catch {
    return false;
  }
}

async function verify(folder: string): Promise<CellFiles> {
  const { files, isolatedVm } = await readManifest(folder);
  const names = Object.keys(files);
  await Promise.all(names.map((name) => verifyFile(folder, name, files[name] as string)));
  return { folder, names, isolatedVm };
}

async function readManifest(folder: string): Promise<z.infer<typeof manifestSchema>> {
  const path = join(folder, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw mustBuild(`The list of the cell’s files, ${path}, is missing or no such list.`, cause);
  }
}

async function verifyFile(folder: string, name: string, expected: string): Promise<void> {
  const path = join(folder, name);
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw mustBuild(`The cell’s file ${path} cannot be read.`, cause);
  }
  if (hash.digest('hex') !== expected) throw mustBuild(`The cell’s file ${path} is not the one that was built.`);
}

const mustBuild = (message: string, cause?: unknown): VivariumError =>
  new VivariumError('host.unsupported', message, { hint: 'Run `npm run build` in the folder of Vivarium, or install it anew.', cause });
