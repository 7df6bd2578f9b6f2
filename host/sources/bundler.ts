/**
 * The bundler: a small program of its own, so that esbuild reads untrusted code in a limited process.
 *
 * It is started with the paths of esbuild's library and binary, is told the names of the entries on its standard
 * input, and asks the host for every import and every text. It opens no file of an author by itself.
 */
import { createRequire } from 'node:module';
import type { BuildOptions, BuildResult, Message, OnLoadResult, Plugin } from 'esbuild';
import type { Bundle, BundleError, BundlerLine, HostLine, Refusal } from './bundlerProtocol.ts';
import { onLines } from './lines.ts';

/** Modules live in a namespace of their own, where esbuild has no files, folders or configuration to look at. */
const namespace = 'actor';
/** How esbuild calls a module there. */
const nameOf = (file: string): string => `${namespace}:${file}`;

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
  await bundleTogether([name]);
  await bundle([name]);
  given.delete(name);
}

type Result = BuildResult<{ write: false; metafile: true }>;

const options = {
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
} as const satisfies BuildOptions;

/** A guess: what is imported, esbuild tells. */
const mayImport = /\b(?:import(?! type\b)|require)\b/;

/**
 * One file that imports nothing. It is told to esbuild with the order itself, which takes half as long as being asked for it.
 * @returns undefined if it is none: then nothing was looked for, since everything that is imported counts as present elsewhere
 */
async function bundleAlone(entry: string): Promise<Bundle | undefined> {
  const { contents, loader } = given.get(entry) ?? {};
  if (typeof contents !== 'string' || loader === undefined || mayImport.test(contents)) return undefined;
  const sourcefile = nameOf(entry);
  const result = await esbuild.build({ ...options, stdin: { contents, loader, sourcefile }, external: ['*'] });
  const { inputs, outputs } = result.metafile;
  if ([...Object.values(inputs), ...Object.values(outputs)].some(({ imports }) => imports.length > 0)) return undefined;
  return bundled(sourcefile, '/stdin', result);
}

async function bundleTogether(entries: readonly string[]): Promise<Bundle[]> {
  const entryPoints = entries.map((entry, number) => ({ in: entry, out: `actor${number}` }));
  const result = await esbuild.build({ ...options, entryPoints, plugins: [filesOfTheHost] });
  return entries.map((entry, number) => bundled(nameOf(entry), `/actor${number}`, result));
}

async function bundle(entries: readonly string[]): Promise<BundlerLine> {
  try {
    const [entry] = entries;
    const alone = entries.length === 1 ? await bundleAlone(entry as string) : undefined;
    return { type: 'bundled', bundles: alone === undefined ? await bundleTogether(entries) : [alone] };
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

/** @param input the entry, as esbuild calls it */
function bundled(input: string, out: string, { outputFiles, metafile, warnings }: Result): Bundle {
  const text = (ending: string): string => outputFiles.find(({ path }) => path === out + ending)?.text ?? '';
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
