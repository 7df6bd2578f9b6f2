/** How benchmarks show what they measured: a table for people, `--json` for programs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { SandboxLevel } from '../host/index.ts';

export interface Peer {
  /** What the same work was done with, in the same run. */
  readonly name: string;
  readonly value: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** The median of the repetitions. */
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
  readonly repetitions: number;
  readonly peers: readonly Peer[];
  /** Processor time of host and cells together for each piece of work, in microseconds. */
  readonly processorMicroseconds?: number;
}

export const median = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[values.length >> 1] as number;

/** The figure of several repetitions of one measurement. */
export const figureOf = (name: string, unit: string, values: readonly number[], peers: readonly Peer[] = [], rest: Partial<Figure> = {}): Figure => ({
  name,
  unit,
  value: median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
  repetitions: values.length,
  peers,
  ...rest,
});

/** Runs a measurement several times after a warm-up that does not count. */
export async function repeat(repetitions: number, measure: () => Promise<number>): Promise<number[]> {
  await measure();
  const values: number[] = [];
  for (let i = 0; i < repetitions; i++) values.push(await measure());
  return values;
}

export async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** Prints what was measured, in the form that the command line asks for. */
export function report(benchmark: string, sandbox: SandboxLevel, figures: readonly Figure[]): void {
  const json = process.argv.includes('--json');
  process.stdout.write(json ? `${JSON.stringify({ benchmark, sandbox, ...circumstances(), figures }, null, 2)}\n` : table(sandbox, figures));
}

const table = (sandbox: SandboxLevel, figures: readonly Figure[]): string => {
  const { machine, versions, commit } = circumstances();
  const head = `sandbox level ${sandbox}, Node ${versions.node}, ${machine.cores} × ${machine.processor}, commit ${commit}\n\n`;
  return head + figures.map(line).join('');
};

const line = ({ name, unit, value, lowest, highest, peers, processorMicroseconds }: Figure): string => {
  const spread = lowest === highest ? '' : `  (${shown(lowest)}–${shown(highest)})`;
  const processor = processorMicroseconds === undefined ? '' : `  ${processorMicroseconds.toFixed(2)} µs of processor each`;
  const beside = peers.map((peer) => `${' '.repeat(6)}${(value / peer.value).toFixed(2).padStart(6)} × ${peer.name} (${shown(peer.value)})\n`).join('');
  return `${name.padEnd(56)} ${shown(value).padStart(11)} ${unit}${spread}${processor}\n${beside}`;
};

const shown = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 3 : value < 1000 ? 1 : 0 });

const root = join(import.meta.dirname, '..');

/** On what, and with what, it was measured. */
function circumstances() {
  const versionOf = (name: string): string =>
    (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
  return {
    machine: { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memory: totalmem(), system: `${platform()} ${release()} ${arch()}` },
    versions: { node: process.versions.node, 'isolated-vm': versionOf('isolated-vm'), pyodide: versionOf('pyodide'), extism: versionOf('@extism/extism') },
    commit: commitOf(root),
  };
}

function commitOf(folder: string): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', changed');
  } catch {
    return 'unknown';
  }
}
