/** JavaScript and TypeScript: the entry and what it imports become one text for the isolate, with a source map. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { VivariumError } from '../../sdk/errors.ts';
import { AuthorFiles, sourceCaps } from './authorFiles.ts';
import { type Base, findEntry } from './base.ts';
import { type BundleOptions, type BundleOutcome, runBundler } from './bundlerProcess.ts';
import type { BundleError } from './bundlerProtocol.ts';
import { functionBody } from './functionBody.ts';
import type { ActorSource, JavaScriptSource } from './source.ts';

/**
 * @throws VivariumError `source.outside`, `source.missing`, `source.invalid` with all mistakes in its message and the
 * place of the first; `host.unsupported` when the bundler cannot run.
 */
export async function loadJavaScript(actor: ActorSource, base: Base, options: BundleOptions = {}): Promise<JavaScriptSource> {
  const entry = actor.source === undefined ? { name: `${actor.name}.inline.ts`, text: actor.code ?? '' } : findEntry(base, actor.source);
  const outcome = await taking(() => runBundler(new AuthorFiles(base, entry), options));
  if (outcome.type === 'failed') throw mistakes(entry.name, outcome.errors);
  if (outcome.commonJs) {
    throw new VivariumError('source.invalid', `${entry.name} is a CommonJS module; actors are ES modules.`, {
      file: entry.name,
      hint: 'Write `export const handle = …` instead of `module.exports`.',
    });
  }
  const code = functionBody(outcome.code, outcome.exports);
  if (code.length > sourceCaps.bytes) {
    const message = `${entry.name} becomes ${code.length} characters of JavaScript; ${sourceCaps.bytes} are allowed.`;
    throw new VivariumError('source.invalid', message, { file: entry.name, hint: 'Make the source smaller, or split the actor.' });
  }
  return {
    runtime: 'javascript',
    file: entry.name,
    code,
    map: withPlainSources(outcome.map),
    exports: outcome.exports,
    warnings: outcome.warnings.map(oneLine),
    hash: createHash('sha256').update(code).digest('hex'),
  };
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

/** Bundlers that run at once: each is a process with threads of its own. */
const places = availableParallelism();
const queue: (() => void)[] = [];
let running = 0;

async function taking(run: () => Promise<BundleOutcome>): Promise<BundleOutcome> {
  if (running >= places) await new Promise<void>((resolve) => queue.push(resolve));
  else running += 1;
  try {
    return await run();
  } finally {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
