/** On what, and with what, was measured. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export const circumstancesSchema = z.strictObject({
  machine: z.strictObject({ processor: z.string(), cores: z.int(), memory: z.int(), system: z.string() }),
  /** By package; of those that only benchmarks need, the ones that are installed. */
  versions: z.record(z.string(), z.string()),
  commit: z.string(),
  time: z.iso.datetime(),
});

const root = join(import.meta.dirname, '..');
/** Packages by the folder that holds their `node_modules`. */
const packages = {
  '': ['isolated-vm', 'pyodide', '@extism/extism'],
  'bench/peers': ['node-red', 'quickjs-emscripten-core'],
} as const;

export function circumstances(): z.infer<typeof circumstancesSchema> {
  const versions: Record<string, string> = { node: process.versions.node };
  for (const [folder, names] of Object.entries(packages)) {
    for (const name of names) {
      const file = join(root, folder, 'node_modules', name, 'package.json');
      if (existsSync(file)) versions[name] = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    }
  }
  return {
    machine: { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memory: totalmem(), system: `${platform()} ${release()} ${arch()}` },
    versions,
    commit: commit(),
    time: new Date().toISOString(),
  };
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', changed');
  } catch {
    return 'unknown';
  }
}
