/** Starts the bundler, answers its questions, and kills it: when it is done, or when it takes too long. */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import path from 'node:path';
import { Transform } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { VivariumError } from '../../sdk/errors.ts';
import type { SandboxLevel } from '../cells/levels.ts';
import { detectSandbox } from '../cells/sandbox.ts';
import { type BundlerLine, type HostLine, type Refusal, readBundlerLine, type SourceLoader } from './bundlerProtocol.ts';
import { type ConfinedProgram, confinedCommand } from './confinement.ts';
import { onLines } from './lines.ts';

export type BundleOutcome = Extract<BundlerLine, { type: 'bundled' | 'failed' }>;

/** Milliseconds for one run; bytes that the bundler may say in all: code and map, and what it asks. */
export const bundlerCaps = { time: 20_000, output: 64 * 1024 * 1024, complaints: 4096 } as const;

export interface BundleOptions {
  /** The sandbox level of the bundler; the best of this machine if absent. */
  readonly level?: SandboxLevel | undefined;
  /** Milliseconds. */
  readonly time?: number | undefined;
}

/** What the bundler is to make, and who answers what it asks. */
export interface BundleOrder {
  /** Names of files, each of which becomes one bundle. */
  readonly entries: readonly string[];
  /** The name of the file that an import means. @throws VivariumError */
  resolve(importer: string, specifier: string): string;
  /** The text of a file. @throws VivariumError */
  load(name: string): Promise<{ readonly text: string; readonly loader: SourceLoader }>;
}

/**
 * Bundles actors in a confined process.
 *
 * @throws VivariumError `source.invalid` when it takes too much time or memory, `host.unsupported` when the bundler cannot run.
 */
export async function runBundler(order: BundleOrder, options: BundleOptions = {}): Promise<BundleOutcome> {
  const sandbox = await detectSandbox();
  const { file, arguments: args } = confinedCommand(bundlerProgram(), sandbox, options.level ?? sandbox.level);
  // A process group of its own: the bundler has esbuild for a child, and both must go together.
  const child = spawn(file, args, { env: {}, cwd: '/', stdio: 'pipe', detached: true });
  const killAll = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killAll();
  }, options.time ?? bundlerCaps.time);

  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(0, bundlerCaps.complaints);
  });
  // A bundler that has died is noticed by its exit; what was still being written to it does not matter.
  child.stdin.on('error', () => undefined);
  const say = (line: HostLine): void => {
    child.stdin.write(`${JSON.stringify(line)}\n`);
  };

  try {
    return await new Promise<BundleOutcome>((resolve, reject) => {
      child.on('error', (cause) => reject(notRunning(cause.message)));
      child.on('close', (code, signal) => reject(timedOut || signal !== null || (code ?? 0) > 128 ? tooExpensive() : notRunning(complaints)));
      const limited = child.stdout.pipe(limitedTo(bundlerCaps.output)).on('error', reject);
      onLines(limited, (text) => {
        const line = readBundlerLine(text);
        if (line === undefined) reject(notRunning(`It said ${JSON.stringify(text.slice(0, 200))}.`));
        else if (line.type === 'bundled' || line.type === 'failed') resolve(line);
        else void answer(order, line).then(say, reject);
      });
      say({ type: 'bundle', entries: order.entries });
    });
  } finally {
    clearTimeout(timer);
    killAll();
  }
}

async function answer(order: BundleOrder, line: Extract<BundlerLine, { question: number }>): Promise<HostLine> {
  const { question } = line;
  try {
    if (line.type === 'resolve') return { type: 'resolved', question, name: order.resolve(line.importer, line.specifier) };
    return { type: 'loaded', question, ...(await order.load(line.name)) };
  } catch (error) {
    if (!(error instanceof VivariumError)) throw error;
    const refusal: Refusal = { code: error.code, text: error.message, hint: error.record.hint };
    return { type: 'refused', question, refusal };
  }
}

/** The bundler with what it needs to read: its two files, the package file, esbuild's library and esbuild's binary. */
function bundlerProgram(): ConfinedProgram {
  const [script, lines] = ['bundler', 'lines'].map((name) =>
    realpathSync(fileURLToPath(new URL(`./${name}${path.extname(import.meta.url)}`, import.meta.url))),
  );
  const library = realpathSync(createRequire(import.meta.url).resolve('esbuild'));
  const binary = realpathSync(createRequire(library).resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`));
  // Node reads it to learn that the script is an ES module.
  // By the default export: an older Node then gets as far as being told that it is too old.
  const packageFile = realpathSync(nodeModule.findPackageJSON(import.meta.url) as string);
  return { script: script as string, arguments: [library, binary], readable: [lines as string, packageFile, library, binary] };
}

function limitedTo(maximum: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maximum) done(tooExpensive());
      else done(null, chunk);
    },
  });
}

const tooExpensive = (): VivariumError =>
  new VivariumError('source.invalid', 'Bundling the actor took more time, memory or output than one actor may take.', {
    hint: 'Make the source smaller, or split the actor.',
  });

const notRunning = (reason: string): VivariumError =>
  new VivariumError('host.unsupported', `The bundler could not run. ${reason}`.trim(), { hint: 'Install the dependencies of Vivarium again (npm ci).' });
