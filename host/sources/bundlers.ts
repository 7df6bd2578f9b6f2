/** Bundlers: as many at once as the machine has processors, and one that is ready before it is needed. */
import { availableParallelism } from 'node:os';
import type { SandboxLevel } from '../cells/levels.ts';
import { type BundleOrder, type BundleOutcome, BundlerProcess } from './bundlerProcess.ts';

export interface BundleOptions {
  /** The sandbox level of the bundler; the best of this machine if absent. */
  readonly level?: SandboxLevel | undefined;
  /** Milliseconds. */
  readonly time?: number | undefined;
}

/** How long a bundler is kept ready. Milliseconds. */
const longestRest = 60_000;

export class Bundlers {
  readonly #keepsSpare: boolean;
  #spare: BundlerProcess | undefined;
  #rest: NodeJS.Timeout | undefined;
  /** Something was bundled since a spare was started last: more may follow. */
  #wanted = false;
  #closed = false;

  constructor(keepsSpare: boolean) {
    this.#keepsSpare = keepsSpare;
  }

  /**
   * Bundles actors in a confined process.
   *
   * @throws VivariumError `source.invalid` when it takes too much time or memory, `host.unsupported` when the bundler cannot run.
   */
  async run(order: BundleOrder, { level, time }: BundleOptions = {}): Promise<BundleOutcome> {
    this.#wanted = true;
    const spare = level === undefined ? this.#takeSpare() : undefined;
    return taking(async () => {
      try {
        if (spare !== undefined) return await spare.bundle(order, time);
      } catch (error) {
        if (spare?.begun !== false) throw error;
      }
      return (await BundlerProcess.start(level)).bundle(order, time);
    });
  }

  /** Starts a spare where one was used, or would have been. To be called when there is time: it holds this thread up for milliseconds, and competes for the processor. */
  async refill(): Promise<void> {
    if (!this.#keepsSpare || !this.#wanted || this.#closed || this.#spare?.alive === true) return;
    this.#wanted = false;
    const spare = await BundlerProcess.start();
    if (this.#closed) {
      spare.kill();
      return;
    }
    spare.rehearse();
    this.#spare = spare;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#takeSpare()?.kill(), longestRest).unref();
  }

  close(): void {
    this.#closed = true;
    this.#takeSpare()?.kill();
  }

  #takeSpare(): BundlerProcess | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    clearTimeout(this.#rest);
    if (spare?.alive === true) return spare;
    spare?.kill();
    return undefined;
  }
}

/** For whoever bundles once. */
export const bundlersWithoutSpare = new Bundlers(false);

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
