/** Python: the entry and every other Python file of its folder, so that the actor's folder is importable. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { sourceCaps } from './authorFiles.ts';
import { type Base, decodeSource, findEntry, findSource, readSource, type SourceFile } from './base.ts';
import type { ActorSource, PythonSource } from './source.ts';

/** Entries of folders that are looked at: a folder that holds much more than its actor is refused before it is read to its end. */
const maximumEntries = 20_000;

/** @throws VivariumError `source.outside`, `source.missing`, `source.invalid` */
export async function loadPython(actor: ActorSource, base: Base): Promise<PythonSource> {
  const inline = `${actor.name}.inline.py`;
  if (actor.source === undefined) return asSource(inline, [{ path: inline, text: actor.code ?? '' }]);
  const entry = findEntry(base, actor.source);
  const others = (await pythonFiles(base, path.dirname(entry.path))).filter(({ file }) => file.path !== entry.path);

  let bytes = 0;
  const read = async (file: SourceFile, at: string): Promise<{ path: string; text: string }> => {
    const content = await readSource(file, sourceCaps.bytes - bytes, () => tooMuch(`more than ${sourceCaps.bytes} bytes of Python`));
    bytes += content.length;
    return { path: at, text: decodeSource(content, file.name) };
  };
  const files = [await read(entry, path.basename(entry.path))];
  for (const { file, at } of others) files.push(await read(file, at));
  return asSource(entry.name, files);
}

/**
 * The Python files of a folder and of the folders in it, sorted: where they lie, and their path in the folder. A linked
 * file must lead to one inside the base; linked folders are not followed.
 */
async function pythonFiles(base: Base, folder: string): Promise<{ file: SourceFile; at: string }[]> {
  const found: { file: SourceFile; at: string }[] = [];
  let entries = 0;

  const walk = async (at: string): Promise<void> => {
    const here = path.join(folder, at);
    const content = await readdir(here, { withFileTypes: true });
    entries += content.length;
    if (entries > maximumEntries) throw tooMuch(`more than ${maximumEntries} files`);
    for (const entry of content.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const { name } = entry;
      if (name.startsWith('.') || name === '__pycache__' || name === 'node_modules') continue;
      const inner = path.posix.join(at, name);
      if (entry.isDirectory()) await walk(inner);
      else if (name.endsWith('.py')) found.push({ file: findSource(base, path.join(here, name), `./${name}`), at: inner });
      if (found.length > sourceCaps.files) throw tooMuch(`more than ${sourceCaps.files} Python files`);
    }
  };
  await walk('');
  return found;
}

function asSource(file: string, files: PythonSource['files']): PythonSource {
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex');
  return { runtime: 'python', file, files, hash };
}

const tooMuch = (what: string): VivariumError =>
  new VivariumError('source.invalid', `The folder of the actor has ${what}.`, {
    hint: `Give the actor a folder of its own; it may have ${sourceCaps.files} files and ${sourceCaps.bytes} bytes of source.`,
  });
