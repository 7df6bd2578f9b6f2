/** A granted folder full of ways out of it, laid anew for each attack. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CanaryPlaces } from './canaries.ts';

/** Where {@link layTraps} makes folders; the ceiling of the arena covers it. */
export const trapsIn = tmpdir();

/** The names in the folder that lead elsewhere, and must not. */
export const traps = ['file', 'folder', 'relative', 'top', 'processes', 'devices', 'chain', 'circle', 'hard', 'fifo'] as const;

export interface Traps {
  /** What is granted, at `/data`, with a quota of 1 MiB. */
  readonly folder: string;
  remove(): void;
}

export function layTraps({ file }: CanaryPlaces): Traps {
  const folder = mkdtempSync(join(trapsIn, 'vivarium-traps-'));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('plain'), 'plain');
  mkdirSync(at('deep'));
  symlinkSync(file, at('file'));
  symlinkSync(dirname(file), at('folder'));
  symlinkSync(join('..', dirname(file).slice(trapsIn.length + 1)), at('relative'));
  symlinkSync('/', at('top'));
  symlinkSync('/proc/self', at('processes'));
  symlinkSync('/dev', at('devices'));
  symlinkSync('deep/../relative/canary.txt', at('chain'));
  symlinkSync('circle', at('circle'));
  linkSync(file, at('hard'));
  execFileSync('mkfifo', [at('fifo')]);
  writeFileSync(at('sparse'), '');
  truncateSync(at('sparse'), 512 * 1024);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
