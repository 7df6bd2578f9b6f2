/**
 * The bundler: a small program of its own, so that esbuild reads untrusted code in a limited process.
 *
 * It is started with the paths of esbuild's library and binary, is told the names of the entries on its standard
 * input, and asks the host for every import and every text. It opens no file of an author by itself.
 */
import { createRequire } from 'node:module';
import type { BuildResult, Message, OnLoadResult, Plugin } from 'esbuild';
import type { Bundle, BundleError, BundlerLine, HostLine, Refusal } from './bundlerProtocol.ts';
import { onLines } from './lines.ts';

/** Modules live in a namespace of their own, where esbuild has no files, folders or configuration to look at. */
const namespace = 'actor';

type Question = { readonly type: 'resolve'; readonly importer: string; readonly specifier: string } | { readonly type: 'load'; readonly name: string };

type Answer = Exclude<HostLine, { type: 'bundle' | 'rehearse' }>;

const [library = 'esbuild', binary = ''] = process.argv.slice(2);
process.env['ESBUILD_BINARY_PATH'] = binary;
const esbuild = createRequire(import.meta.url)(library) as typeof import('esbuild');
// Whether esbuild works at all: what fails afterwards is the fault of the author's code.
await esbuild.transform('');

const given = new Map<string, OnLoadResult>();
const waiting = new Map<number, (answer: Answer) => void>();
let questions = 0;

onLines(process.stdin, (text) => {
  const line = JSON.parse(text) as HostLine;
  if (line.type === 'bundle') {
    say({ type: 'begun' });
    for (const { name, text: contents, loader } of line.given) given.set(name, { contents, loader });
    void bundle(line.entries).then(say);
  } else if (line.type === 'rehearse') void rehearse();
  else waiting.get(line.question)?.(line);
});

// The host is gone: esbuild would keep this process alive.
process.stdin.on('end', () => process.exit());

function say(line: BundlerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function ask(question: Question): Promise<Answer> {
  questions += 1;
  const number = questions;
  return new Promise((resolve) => {
    waiting.set(number, (answer) => {
      waiting.delete(number);
      resolve(answer);
    });
    say({ ...question, question: number });
  });
}

const filesOfTheHost: Plugin = {
  name: 'files-of-the-host',
  setup(build) {
    build.onResolve({ filter: /.*/ }, async ({ kind, path, importer }) => {
      if (kind === 'entry-point') return { path, namespace };
      const answer = await ask({ type: 'resolve', importer, specifier: path });
      return answer.type === 'resolved' ? { path: answer.name, namespace } : { errors: [refused(answer)] };
    });
    build.onLoad({ filter: /.*/ }, async ({ path }) => {
      const known = given.get(path);
      if (known !== undefined) return known;
      const answer = await ask({ type: 'load', name: path });
      return answer.type === 'loaded' ? { contents: answer.text, loader: answer.loader } : { errors: [refused(answer)] };
    });
  },
};

function refused(answer: Answer): { text: string; detail: Refusal } {
  const refusal: Refusal = answer.type === 'refused' ? answer.refusal : { code: 'source.missing', text: 'The host gave no answer.' };
  return { text: refusal.text, detail: refusal };
}

/** The first bundle takes several times as long as the second. */
async function rehearse(): Promise<void> {
  const name = 'rehearsal.ts';
  given.set(name, { contents: 'export const handle = (message: unknown) => message;', loader: 'ts' });
  await bundle([name]);
  given.delete(name);
}

async function bundle(entries: readonly string[]): Promise<BundlerLine> {
  try {
    const result = await esbuild.build({
      entryPoints: entries.map((entry, number) => ({ in: entry, out: `actor${number}` })),
      outdir: '/',
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      target: 'es2024',
      platform: 'neutral',
      charset: 'utf8',
      sourcemap: 'external',
      sourcesContent: false,
      legalComments: 'none',
      // A function body knows no `import.meta`; esbuild puts an empty object in its place and warns.
      supported: { 'import-meta': false },
      // An empty configuration: none of the author's is looked for.
      tsconfigRaw: '{}',
      logLevel: 'silent',
      logLimit: 0,
      plugins: [filesOfTheHost],
    });
    return { type: 'bundled', bundles: entries.map((entry, number) => bundled(entry, `/actor${number}`, result)) };
  } catch (error) {
    const { errors } = error as { errors?: readonly Message[] };
    if (errors !== undefined) return { type: 'failed', errors: errors.map(asBundleError) };
    // esbuild itself has ended: a stack too deep, or memory at its limit.
    return {
      type: 'failed',
      errors: [
        {
          code: 'source.invalid',
          text: 'esbuild gave up: the source is nested too deeply, or too large.',
          hint: 'Make the source smaller, or split the actor.',
        },
      ],
    };
  }
}

function bundled(entry: string, out: string, { outputFiles, metafile, warnings }: BuildResult<{ write: false; metafile: true }>): Bundle {
  const text = (ending: string): string => outputFiles.find(({ path }) => path === out + ending)?.text ?? '';
  const input = `${namespace}:${entry}`;
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === input);
  return {
    code: text('.js'),
    map: text('.js.map'),
    exports: output?.exports ?? [],
    commonJs: metafile.inputs[input]?.format === 'cjs',
    warnings: warnings.filter(({ location }) => location === null || Object.hasOwn(output?.inputs ?? {}, location.file)).map(asBundleError),
  };
}

function asBundleError({ text, location, notes, detail }: Message): BundleError {
  const refusal: Refusal = (detail as Refusal | undefined) ?? { code: 'source.invalid', text: [text, ...notes.map((note) => note.text)].join(' ') };
  if (location === null) return refusal;
  // esbuild counts columns in bytes from 0, editors in characters from 1.
  const column = Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1;
  return { ...refusal, file: location.file.replace(`${namespace}:`, ''), line: location.line, column };
}
