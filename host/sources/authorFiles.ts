/** The JavaScript files of one actor: which file an import means, and its text; counted against the caps. */
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { type Base, decodeSource, findSource, readSource, type SourceFile } from './base.ts';
import type { SourceLoader } from './bundlerProtocol.ts';
import { nodeModule, nodeModuleText } from './nodeModules.ts';

/** What one actor may consist of. Bytes are those of all its files together; imports count each time that they are written. */
export const sourceCaps = { files: 500, bytes: 8 * 1024 * 1024, imports: 5_000 } as const;

const loaders: Readonly<Record<string, SourceLoader>> = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.js': 'js', '.mjs': 'js', '.cjs': 'js', '.json': 'json' };

/** TypeScript's way to import a `.ts` file: by the name of the `.js` file that it would become. */
const written: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts' };

/** The text of an actor that has no file. */
export interface InlineSource {
  readonly name: string;
  readonly text: string;
}

export class AuthorFiles {
  /** The name of the entry alone: its path from the base folder. */
  readonly entries: readonly [string];
  readonly #base: Base;
  readonly #inline: InlineSource | undefined;
  readonly #found = new Map<string, SourceFile>();
  #imports = 0;
  #bytes = 0;

  constructor(base: Base, entry: SourceFile | InlineSource) {
    this.#base = base;
    this.entries = [entry.name];
    if ('text' in entry) this.#inline = entry;
    else this.#admit(entry);
  }

  /**
   * The name of the file that an import means.
   *
   * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`
   */
  resolve(importer: string, specifier: string): string {
    this.#imports += 1;
    if (this.#imports > sourceCaps.imports) throw tooMuch(`more than ${sourceCaps.imports} imports`);
    const ours = nodeModule(specifier);
    if (ours !== undefined) return ours;
    refuseForeign(specifier);
    // An inline actor lies in the base folder itself.
    const importing = this.#found.get(importer)?.path ?? path.join(this.#base.real, importer);
    return this.#admit(this.#meant(importing, specifier));
  }

  /**
   * The text of a file that was resolved.
   *
   * @throws VivariumError `source.outside`, `source.missing`, `source.invalid`
   */
  async load(name: string): Promise<{ readonly text: string; readonly loader: SourceLoader }> {
    const ours = nodeModuleText(name);
    if (ours !== undefined) return { text: ours, loader: 'js' };
    if (name === this.#inline?.name) return { text: this.#inline.text, loader: 'ts' };
    const file = this.#found.get(name);
    if (file === undefined) throw new VivariumError('source.missing', `${JSON.stringify(name)} was not resolved.`);
    const tooLarge = (): VivariumError => tooMuch(`more than ${sourceCaps.bytes} bytes`);
    const content = await readSource(file, sourceCaps.bytes, tooLarge);
    // Files are read at the same time, so each is counted when it is there.
    this.#bytes += content.length;
    if (this.#bytes > sourceCaps.bytes) throw tooLarge();
    return { text: decodeSource(content, name), loader: loaderOf(name) };
  }

  #admit(file: SourceFile): string {
    loaderOf(file.name);
    this.#found.set(file.name, file);
    if (this.#found.size > sourceCaps.files) throw tooMuch(`more than ${sourceCaps.files} files`);
    return file.name;
  }

  /** Finds the file that a specifier means: itself, with an ending, or the index of a folder. */
  #meant(importing: string, specifier: string): SourceFile {
    const ending = path.extname(specifier);
    const typescript = written[ending];
    const candidates = [
      specifier,
      ...(typescript === undefined ? [] : [specifier.slice(0, -ending.length) + typescript]),
      ...Object.keys(loaders).map((other) => specifier + other),
      ...['index.ts', 'index.js'].map((index) => `${specifier}/${index}`),
    ];
    for (const candidate of candidates) {
      try {
        return findSource(this.#base, importing, candidate);
      } catch (error) {
        if (!(error instanceof VivariumError) || error.code !== 'source.missing') throw error;
      }
    }
    throw new VivariumError('source.missing', `${JSON.stringify(specifier)} does not exist.`, { hint: 'Imports are relative to the file that states them.' });
  }
}

function refuseForeign(specifier: string): void {
  if (/^\.{1,2}(\/|$)/.test(specifier)) return;
  const quoted = JSON.stringify(specifier);
  if (specifier === 'vivarium/actor') {
    throw new VivariumError('source.invalid', `${quoted} has only types, nothing that runs.`, { hint: "Write `import type { … } from 'vivarium/actor'`." });
  }
  if (isBuiltin(specifier)) {
    throw new VivariumError('source.invalid', `${quoted} cannot be imported: there is no Node in a guest.`, {
      hint: 'Of Node’s modules there is node:fs/promises. What else an actor may use comes with its `context`; services of the embedder do the rest.',
    });
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(specifier) || path.isAbsolute(specifier)) {
    throw new VivariumError('source.invalid', `${quoted} is not a relative import.`, {
      hint: 'Put the file into the folder of the manifest and import it as ./file.ts.',
    });
  }
  throw new VivariumError('source.invalid', `${quoted} cannot be imported: only relative imports are bundled in this version.`, {
    hint: 'Put the code into the folder of the manifest and import it as ./file.ts.',
  });
}

function loaderOf(name: string): SourceLoader {
  const loader = loaders[path.extname(name)];
  if (loader !== undefined) return loader;
  throw new VivariumError('source.invalid', `${JSON.stringify(name)} is no source file.`, {
    hint: `JavaScript actors are made of ${Object.keys(loaders).join(', ')}.`,
  });
}

const tooMuch = (what: string): VivariumError =>
  new VivariumError('source.invalid', `The actor has ${what}.`, {
    hint: `An actor may have ${sourceCaps.files} files and ${sourceCaps.bytes} bytes of source.`,
  });
