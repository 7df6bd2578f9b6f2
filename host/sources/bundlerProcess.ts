/** The bundler as a process: answers its questions, and kills it when it is done, or when it takes too long. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import path from 'node:path';
import { Transform } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { VivariumError } from '../../sdk/errors.ts';
import type { SandboxLevel } from '../cells/levels.ts';
import { detectSandbox } from '../cells/sandbox.ts';
import { type BundlerLine, type Given, type HostLine, type Refusal, readBundlerLine, type SourceLoader } from './bundlerProtocol.ts';
import { type Command, type ConfinedProgram, confinedCommand } from './confinement.ts';
import { onLines } from './lines.ts';

export type BundleOutcome = Extract<BundlerLine, { type: 'bundled' | 'failed' }>;

/** Milliseconds for one run; bytes that the bundler may say in all: code and map, and what it asks. */
export const bundlerCaps = { time: 20_000, output: 64 * 1024 * 1024, complaints: 4096 } as const;

/** What the bundler is to make, and who answers what it asks. */
export interface BundleOrder {
  /** Names of files, each of which becomes one bundle. */
  readonly entries: readonly string[];
  /** The name of the file that an import means. @throws VivariumError */
  resolve(importer: string, specifier: string): string;
  /** The text of a file. @throws VivariumError */
  load(name: string): Promise<{ readonly text: string; readonly loader: SourceLoader }>;
}

/** Between the answer of a bundler and its end: to end its processes takes the processors from what was bundled, which is about to start. Milliseconds. */
const endDelay = 100;
/** Between the end of a bundler and that of its pipes. Milliseconds. */
const closePatience = 1_000;

interface Ending {
  /** It was ended by a limit, or from outside. */
  readonly killed: boolean;
  /** What it said last, or why it could not be started. */
  readonly words: string;
}

/** One run of the bundler: it is started, makes what one order names, and is gone. Never two orders: what it made of one may have changed it. */
export class BundlerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ending: Promise<Ending>;
  #gone = false;
  #begun = false;

  /** @param level the sandbox level; the best of this machine if absent */
  static async start(level?: SandboxLevel): Promise<BundlerProcess> {
    const sandbox = await detectSandbox();
    return new BundlerProcess(confinedCommand(bundlerProgram(), sandbox, level ?? sandbox.level));
  }

  private constructor({ file, arguments: args }: Command) {
    // A process group of its own: the bundler has esbuild for a child, and both must go together.
    const child = spawn(file, args, { env: {}, cwd: '/', stdio: 'pipe', detached: true });
    this.#child = child;
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(0, bundlerCaps.complaints);
    });
    // A bundler that has died is noticed by its exit; what was still being written to it does not matter.
    child.stdin.on('error', () => undefined);
    this.#ending = new Promise((resolve) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => resolve({ killed: signal !== null || (code ?? 0) > 128, words: complaints });
      child.on('error', ({ message }) => resolve({ killed: false, words: message }));
      child.on('close', ended);
      // A process that it started may live on, and hold its pipes.
      child.on('exit', (code, signal) => setTimeout(ended, closePatience, code, signal).unref());
    });
    void this.#ending.then(() => {
      this.#gone = true;
    });
  }

  get alive(): boolean {
    const { exitCode, signalCode } = this.#child;
    return !this.#gone && exitCode === null && signalCode === null;
  }

  /** It has had its order. One that ended before has seen no source. */
  get begun(): boolean {
    return this.#begun;
  }

  /**
   * @param time milliseconds
   * @throws VivariumError `source.invalid` when it takes too much time or memory, `host.unsupported` when the bundler cannot run.
   */
  async bundle(order: BundleOrder, time: number = bundlerCaps.time): Promise<BundleOutcome> {
    const { stdout } = this.#child;
    this.#keepHostAlive(true);
    let timer: NodeJS.Timeout | undefined;
    let delay = 0;
    try {
      const outcome = await new Promise<BundleOutcome>((resolve, reject) => {
        timer = setTimeout(() => reject(tooExpensive()), time);
        void this.#ending.then(({ killed, words }) => reject(killed ? tooExpensive() : notRunning(words)));
        const limited = stdout.pipe(limitedTo(bundlerCaps.output)).on('error', reject);
        onLines(limited, (text) => {
          const line = readBundlerLine(text);
          if (line === undefined) reject(notRunning(`It said ${JSON.stringify(text.slice(0, 200))}.`));
          else if (line.type === 'begun') this.#begun = true;
          else if (line.type === 'bundled' || line.type === 'failed') resolve(line);
          else void answer(order, line).then((told) => this.#say(told), reject);
        });
        void givenOf(order).then((given) => this.#say({ type: 'bundle', entries: order.entries, given }));
      });
      delay = endDelay;
      return outcome;
    } finally {
      clearTimeout(timer);
      this.#end(delay);
    }
  }

  /** Nobody hears it any more. @param delay milliseconds until it is killed */
  #end(delay: number): void {
    if (delay === 0) {
      this.kill();
      return;
    }
    this.#child.stdout.unpipe().pause();
    this.#keepHostAlive(false);
    setTimeout(() => this.kill(), delay).unref();
  }

  /** It makes a bundle of nothing, so that the first one is as quick as the second. Nobody waits for it: the process of the host may end meanwhile. */
  rehearse(): void {
    this.#say({ type: 'rehearse' });
    this.#keepHostAlive(false);
  }

  #say(line: HostLine): void {
    this.#child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  /** With all that it started: by their group, and because they have nobody to speak to any more. */
  kill(): void {
    const { pid, stdin, stdout, stderr } = this.#child;
    try {
      if (pid !== undefined && !this.#gone) process.kill(-pid, 'SIGKILL');
    } catch {
      // They are gone already.
    }
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  }

  #keepHostAlive(on: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, stdin, stdout, stderr] as unknown as readonly { ref(): void; unref(): void }[]) {
      if (on) handle.ref();
      else handle.unref();
    }
  }
}

/** The texts of the entries. One that is refused is left out: the bundler asks for it, and tells where. */
async function givenOf(order: BundleOrder): Promise<readonly Given[]> {
  const given = await Promise.all(
    order.entries.map(async (name) => {
      const loaded = await order.load(name).catch(() => undefined);
      return loaded === undefined ? [] : [{ name, ...loaded }];
    }),
  );
  return given.flat();
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
