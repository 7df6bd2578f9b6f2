/** What a benchmark is, and how it measures: a warm-up that does not count, then a few repetitions, each with its processor time. */
import { createHost, type Host, type HostOptions, type SandboxLevel } from '../host/index.ts';
import { processorTime } from './processor.ts';
import type { Figure } from './report.ts';
import { milliseconds } from './timing.ts';

/** What the command line asks of every benchmark. */
export interface Options {
  /** The part of the usual work that is done: 1 for figures, less to see that everything runs. */
  readonly scale: number;
  readonly repetitions: number;
}

/** What a benchmark answers. */
export interface Measured {
  /** The level that the cells had. */
  readonly sandbox: SandboxLevel;
  readonly figures: readonly Figure[];
}

/** A file in `benchmarks/`. */
export interface Benchmark {
  /** What it measures, in one line. */
  readonly summary: string;
  measure(options: Options): Promise<Measured>;
}

/** So many pieces of work as the scale leaves of them. */
export const scaled = ({ scale }: Options, count: number, least = 1): number => Math.max(least, Math.round(count * scale));

/** A host as users get it, at the highest level that this machine has, with an audit that somebody hears. */
export async function openHost(options: HostOptions = {}): Promise<Host> {
  const host = await createHost(options);
  host.on('audit', () => {});
  return host;
}

export interface Rates {
  /** Pieces of work each second, by repetition. */
  readonly values: readonly number[];
  /** Of host and cells together, for each piece. */
  readonly processorMicroseconds: number;
}

/** @param pieces how many pieces of work `run` does */
export async function ratesOf(repetitions: number, pieces: number, run: () => Promise<unknown>): Promise<Rates> {
  await run();
  const before = processorTime();
  const values: number[] = [];
  for (let i = 0; i < repetitions; i++) values.push(pieces / ((await milliseconds(run)) / 1000));
  return { values, processorMicroseconds: ((processorTime() - before) * 1000) / (pieces * repetitions) };
}
