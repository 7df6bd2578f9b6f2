/** Python: the entry and every other Python file of its folder, so that the actor's folder is importable. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { sourceCaps } from './authorFiles.ts';
import { type Base, decodeSource, type Inside, readInside, resolveInside } from './base.ts';
import type { ActorSource, PythonSource } from './source.ts';

/** Entries of folders that are looked at: a folder that holds more than its actor is refused before it is read to its end. */
const maximumEntries = 20_000;

/** @throws VivariumError `source.outside`, `source.missing`, `source.invalid` */
export async function loadPython(actor: ActorSource, base: Base): Promise<PythonSource> {
  if (actor.source === undefined) return asSource(`${actor.name}.inline.py`, [{ path: `${actor.name}.inline.py`, text: actor.code ?? '' }]);
  const entry = await resolveInside(base, base.real, actor.source);
  if (entry.kind !== 'file') throw new VivariumError('source.invalid', `${entry.name} is not a regular file.`, { file: entry.name });
  const folder = path.dirname(entry.path);
  const others = (await pythonFiles(base, folder)).filter(({ file }) => file.path !== entry.path);

  let bytes = 0;
  const read = async (file: Inside, at: string): Promise<{ path: string; text: string }> => {
    const content = await readInside(file, sourceCaps.bytes - bytes, () => tooMuch(path.dirname(entry.name), `more than ${sourceCaps.bytes} bytes of Python`));
    bytes += content.length;
    return { path: at, text: decodeSource(content, file.name) };
  };
  const files = [await read(entry, path.basename(entry.path))];
  for (const { file, at } of others) files.push(await read(file, at));
  return asSource(entry.name, files);
}

/**
 * The Python files of a folder, sorted: where they lie, and their path in the folder. A file whose link leads outside
 * the base is refused; folders and other files out there are none of the actor's, and are left alone.
 */
async function pythonFiles(base: Base, folder: string): Promise<{ file: Inside; at: string }[]> {
  const found: { file: Inside; at: string }[] = [];
  const seen = new Set([folder]);
  let entries = 0;

  const walk = async (here: string, at: string): Promise<void> => {
    const names = (await readdir(here)).sort();
    entries += names.length;
    if (entries > maximumEntries) throw tooMuch(path.relative(base.real, folder), `more than ${maximumEntries} files`);
    for (const name of names) {
      if (name.startsWith('.') || name === '__pycache__' || name === 'node_modules') continue;
      const isPython = name.endsWith('.py');
      const file = await resolveInside(base, here, name).catch((error: unknown) => {
        if (isPython) throw error;
      });
      if (file === undefined) continue;
      const inner = path.posix.join(at, name);
      if (file.kind === 'file' && isPython) found.push({ file, at: inner });
      if (found.length > sourceCaps.files) throw tooMuch(path.relative(base.real, folder), `more than ${sourceCaps.files} Python files`);
      if (file.kind !== 'folder' || seen.has(file.path)) continue;
      seen.add(file.path);
      await walk(file.path, inner);
    }
  };
  await walk(folder, '');
  return found;
}

function asSource(file: string, files: PythonSource['files']): PythonSource {
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex');
  return { runtime: 'python', file, files, hash };
}

const tooMuch = (folder: string, what: string): VivariumError =>
  new VivariumError('source.invalid', `The folder of the actor, ${JSON.stringify(folder === '' ? '.' : folder)}, has ${what}.`, {
    hint: `give the actor a folder of its own; it may have ${sourceCaps.files} files and ${sourceCaps.bytes} bytes of source`,
  });
