/**
 * A cell inherits four descriptors and no more. Node opens all its own so that children do not get them, but what its
 * parent left open it hands down (a shell’s `9<file`, a pipe of a test runner).
 */
import { openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { StdioOptions } from 'node:child_process';

const closeOnExec = 0o2000000;
const channelDescriptor = 3;

/** The descriptors above the channel’s that children of this process would inherit. Linux only: nothing is known elsewhere. */
export async function leakingDescriptors(): Promise<number[]> {
  const names = await readdir('/proc/self/fdinfo').catch(() => []);
  const leaking = await Promise.all(names.map(async (name) => ((await isInherited(name)) ? [Number(name)] : [])));
  return leaking.flat().filter((descriptor) => descriptor > channelDescriptor);
}

async function isInherited(name: string): Promise<boolean> {
  const text = await readFile(`/proc/self/fdinfo/${name}`, 'utf8').catch(() => '');
  const flags = /^flags:\s*([0-7]+)/m.exec(text)?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
}

let nothing: number | undefined;

/**
 * The stdio of a cell: nothing on 0 and 1, the errors of its start on 2, the channel on 3, and /dev/null in the place of
 * every descriptor that would leak.
 */
export function cellStdio(leaking: readonly number[]): StdioOptions {
  const stdio: (number | 'ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe', 'pipe'];
  if (leaking.length === 0) return stdio;
  nothing ??= openSync('/dev/null', 'r');
  while (stdio.length <= Math.max(...leaking)) stdio.push('ignore');
  for (const descriptor of leaking) stdio[descriptor] = nothing;
  return stdio;
}
