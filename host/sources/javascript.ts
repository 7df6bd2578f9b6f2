/** JavaScript and TypeScript: the entry and what it imports become one text for the isolate, with a source map. */
import { createHash } from 'node:crypto';
import { VivariumError } from '../../sdk/errors.ts';
import { AuthorFiles, sourceCaps } from './authorFiles.ts';
import { type Base, findEntry } from './base.ts';
import { cachedBundles } from './bundleCache.ts';
import type { BundleOrder, BundleOutcome } from './bundlerProcess.ts';
import { type BundleOptions, type Bundlers, bundlersWithoutSpare } from './bundlers.ts';
import type { Bundle, BundleError } from './bundlerProtocol.ts';
import type { SourceCache } from './cache.ts';
import { functionBody } from './functionBody.ts';
import type { ActorSource, JavaScriptSource } from './source.ts';

export interface LoadOptions extends BundleOptions {
  /** Where bundlers come from. */
  readonly bundlers?: Bundlers | undefined;
  /** What was bundled before. */
  readonly cache?: SourceCache | undefined;
}

/**
 * @throws VivariumError `source.outside`, `source.missing`, `source.invalid` with all mistakes in its message and the
 * place of the first; `host.unsupported` when the bundler cannot run.
 */
export async function loadJavaScript(actor: ActorSource, base: Base, options: LoadOptions = {}): Promise<JavaScriptSource> {
  const [entry] = authorFiles(actor, base).entries;
  const outcome = await bundled(() => authorFiles(actor, base), options);
  if (outcome.type === 'failed') throw mistakes(entry, outcome.errors);
  return sourceOf(entry, outcome.bundles[0] as Bundle);
}

const bundled = (order: () => BundleOrder, { bundlers = bundlersWithoutSpare, cache, level, time }: LoadOptions): Promise<BundleOutcome> => {
  const make = (of: BundleOrder): Promise<BundleOutcome> => bundlers.run(of, { level, time });
  return cache === undefined ? make(order()) : cachedBundles(cache, order, make);
};

const authorFiles = (actor: ActorSource, base: Base): AuthorFiles =>
  new AuthorFiles(base, actor.source === undefined ? { name: inlineName(actor), text: actor.code ?? '' } : findEntry(base, actor.source));

const inlineName = ({ name }: ActorSource): string => `${name}.inline.ts`;

/** @throws VivariumError `source.invalid` */
function sourceOf(entry: string, bundle: Bundle): JavaScriptSource {
  if (bundle.commonJs) {
    throw new VivariumError('source.invalid', `${entry} is a CommonJS module; actors are ES modules.`, {
      file: entry,
      hint: 'Write `export const handle = …` instead of `module.exports`.',
    });
  }
  const code = functionBody(bundle.code, bundle.exports);
  if (code.length > sourceCaps.bytes) {
    const message = `${entry} becomes ${code.length} characters of JavaScript; ${sourceCaps.bytes} are allowed.`;
    throw new VivariumError('source.invalid', message, { file: entry, hint: 'Make the source smaller, or split the actor.' });
  }
  return {
    runtime: 'javascript',
    file: entry,
    code,
    map: withPlainSources(bundle.map),
    exports: bundle.exports,
    warnings: bundle.warnings.map(oneLine),
    hash: createHash('sha256').update(code).digest('hex'),
  };
}

/** Actors of one process, and their characters: what is lost when one of them is wrong, and what each may take of the time. */
const together = { actors: 250, characters: 1024 * 1024 } as const;

/** Words without which a module imports nothing. Whoever has one of them, be it in a text, is bundled alone. */
const mayImport = /\b(?:import|require|from)\b/;

/**
 * Bundles actors that are one text each, many in a process: ten thousand processes would take half an hour.
 *
 * @returns what could be made of them; who is missing is wrong, or imports something, or was in company of one at whom the bundler broke: {@link loadJavaScript} tells
 */
export async function loadJavaScriptTogether<Actor extends ActorSource>(
  actors: readonly Actor[],
  base: Base,
  options: LoadOptions = {},
): Promise<ReadonlyMap<Actor, JavaScriptSource>> {
  const loaded = new Map<Actor, JavaScriptSource>();
  const candidates = actors.flatMap((actor) => {
    const { code } = actor;
    return actor.runtime === 'javascript' && code !== undefined && code.length < together.characters && !mayImport.test(code) ? [{ actor, code }] : [];
  });
  const load = async (batch: typeof candidates): Promise<void> => {
    if (batch.length < 2) return;
    const outcome = await bundled(() => jointOrder(batch, base), options).catch(() => undefined);
    if (outcome?.type === 'failed') {
      const wrong = new Set(outcome.errors.map(({ file }) => file));
      const sound = batch.filter(({ actor }) => !wrong.has(inlineName(actor)));
      if (sound.length < batch.length) await load(sound);
    } else if (outcome?.bundles.length === batch.length) {
      for (const [place, { actor }] of batch.entries()) {
        try {
          loaded.set(actor, sourceOf(inlineName(actor), outcome.bundles[place] as Bundle));
        } catch {
          // It is loaded alone, and says then what is wrong with it.
        }
      }
    }
  };
  await Promise.all(inBatches(candidates).map(load));
  return loaded;
}

function jointOrder(batch: readonly { readonly actor: ActorSource }[], base: Base): BundleOrder {
  const files = new Map(batch.map(({ actor }) => [inlineName(actor), authorFiles(actor, base)]));
  return {
    entries: [...files.keys()],
    resolve: (importer, specifier) => (files.get(importer) as AuthorFiles).resolve(importer, specifier),
    load: (name) => (files.get(name) as AuthorFiles).load(name),
  };
}

function inBatches<Candidate extends { readonly code: string }>(candidates: readonly Candidate[]): readonly Candidate[][] {
  const batches: Candidate[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    characters += candidate.code.length;
    if (characters > together.characters || (batches.at(-1)?.length ?? 0) >= together.actors) {
      batches.push([]);
      characters = candidate.code.length;
    }
    batches.at(-1)?.push(candidate);
  }
  return batches;
}

/** In esbuild's map, files have the namespace of the bundler before their names. */
function withPlainSources(map: string): string {
  const parsed = JSON.parse(map) as { sources: string[] };
  return JSON.stringify({ ...parsed, sources: parsed.sources.map((source) => source.replace(/^actor:/, '')) });
}

/** The gravest code leads: an import that leads outside is never hidden behind a missing semicolon. */
const gravity = ['source.outside', 'source.missing', 'source.invalid'] as const;

/** As many mistakes as a message lists. */
const listed = 50;

function mistakes(file: string, errors: readonly BundleError[]): VivariumError {
  const code = gravity.find((grave) => errors.some((error) => error.code === grave)) ?? 'source.invalid';
  const first = errors.find((error) => error.code === code);
  const more = errors.length > listed ? [`… and ${errors.length - listed} more`] : [];
  const message = [...errors.slice(0, listed).map(oneLine), ...more].join('\n');
  return new VivariumError(code, message, { file: first?.file ?? file, line: first?.line, column: first?.column, hint: first?.hint });
}

function oneLine({ file, line, column, text }: BundleError): string {
  return file === undefined ? text : `${file}:${line}:${column}: ${text}`;
}
