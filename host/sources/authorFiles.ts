/** The JavaScript files of one actor: which file an import means, and its text; counted against the caps. */
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { type Base, decodeSource, type Inside, readInside, resolveInside } from './base.ts';
import type { SourceLoader } from './bundlerProtocol.ts';

/** What one actor may consist of. Bytes are those of all its files together. */
export const sourceCaps = { files: 500, bytes: 8 * 1024 * 1024, imports: 20_000 } as const;

const loaders: Readonly<Record<string, SourceLoader>> = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.js': 'js', '.mjs': 'js', '.cjs': 'js', '.json': 'json' };

/** TypeScript's way to import a `.ts` file: by the name of the `.js` file that it would become. */
const written: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts' };

export interface AuthorFiles {
  /** The name of the entry: its path from the base folder. */
  readonly entry: string;
  /**
   * The name of the file that an import means.
   * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`
   */
  resolve(importer: string, specifier: string): Promise<string>;
  /**
   * The text of a file that was resolved.
   * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`
   */
  load(name: string): Promise<{ readonly text: string; readonly loader: SourceLoader }>;
}

/** @param entry a file inside the base, or the text of an actor that has none. */
export function authorFiles(base: Base, entry: Inside | { readonly name: string; readonly text: string }): AuthorFiles {
  const found = new Map<string, Inside>();
  let imports = 0;
  let bytes = 0;

  const admit = (file: Inside): string => {
    loaderOf(file.name);
    found.set(file.name, file);
    if (found.size > sourceCaps.files) throw tooMuch(`more than ${sourceCaps.files} files`);
    return file.name;
  };
  if ('path' in entry) admit(entry);

  const folderOf = (importer: string): string => {
    const file = found.get(importer);
    return file === undefined ? base.real : path.dirname(file.path);
  };

  return {
    entry: entry.name,

    async resolve(importer, specifier) {
      imports += 1;
      if (imports > sourceCaps.imports) throw tooMuch(`more than ${sourceCaps.imports} imports`);
      refuseForeign(specifier);
      return admit(await meant(base, folderOf(importer), specifier));
    },

    async load(name) {
      if ('text' in entry && name === entry.name) return { text: entry.text, loader: 'ts' };
      const file = found.get(name);
      if (file === undefined) throw new VivariumError('source.missing', `${JSON.stringify(name)} was not resolved.`);
      const content = await readInside(file, sourceCaps.bytes - bytes, () => tooMuch(`more than ${sourceCaps.bytes} bytes`));
      bytes += content.length;
      return { text: decodeSource(content, file.name), loader: loaderOf(name) };
    },
  };
}

/** Finds the file that `specifier` means: itself, with an ending, or the index of a folder. */
async function meant(base: Base, from: string, specifier: string): Promise<Inside> {
  const ending = path.extname(specifier);
  const typescript = written[ending];
  const candidates = [
    specifier,
    ...(typescript === undefined ? [] : [specifier.slice(0, -ending.length) + typescript]),
    ...Object.keys(loaders).map((other) => specifier + other),
    ...['index.ts', 'index.js'].map((index) => `${specifier}/${index}`),
  ];
  let first: unknown;
  for (const candidate of candidates) {
    try {
      const file = await resolveInside(base, from, candidate);
      if (file.kind === 'file') return file;
    } catch (error) {
      if (!(error instanceof VivariumError) || error.code !== 'source.missing') throw error;
      first ??= error;
    }
  }
  throw first ?? new VivariumError('source.missing', `${JSON.stringify(specifier)} is a folder without index.ts or index.js.`);
}

function refuseForeign(specifier: string): void {
  if (/^\.{1,2}(\/|$)/.test(specifier)) return;
  const quoted = JSON.stringify(specifier);
  if (specifier === 'vivarium/actor') {
    throw new VivariumError('source.invalid', `${quoted} has only types, nothing that runs.`, { hint: "write `import type { … } from 'vivarium/actor'`" });
  }
  if (specifier.startsWith('node:')) {
    throw new VivariumError('source.invalid', `${quoted} cannot be imported: there is no Node in a guest.`, { hint: 'what an actor may use comes with its `context`; services of the embedder do the rest' });
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(specifier) || path.isAbsolute(specifier)) {
    throw new VivariumError('source.invalid', `${quoted} is not a relative import.`, { hint: 'put the file into the folder of the manifest and import it as ./file.ts' });
  }
  throw new VivariumError('source.invalid', `${quoted} cannot be imported: only relative imports are bundled in this version.`, {
    hint: `put the code into the folder of the manifest and import it as ./file.ts`,
  });
}

function loaderOf(name: string): SourceLoader {
  const loader = loaders[path.extname(name)];
  if (loader !== undefined) return loader;
  throw new VivariumError('source.invalid', `${JSON.stringify(name)} is no source file.`, { hint: `JavaScript actors are made of ${Object.keys(loaders).join(', ')}` });
}

const tooMuch = (what: string): VivariumError =>
  new VivariumError('source.invalid', `The actor has ${what}.`, { hint: `an actor may have ${sourceCaps.files} files and ${sourceCaps.bytes} bytes of source` });
