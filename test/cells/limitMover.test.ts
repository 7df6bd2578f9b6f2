import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { LimitMover } from '../../host/cells/limitMover.ts';
import { findPrograms } from '../../host/cells/programs.ts';
import { dataLimitOf } from '../support/dataLimit.ts';

const MiB = 1024 * 1024;

async function share(): Promise<LimitMover> {
  const { sh, prlimit } = await findPrograms();
  return LimitMover.share(sh as string, prlimit as string);
}

/** A process that waits until the test ends. */
async function somebody(): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'echo here; read -r line'], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid as number;
}

/** The shells of this process that run `prlimit`. */
const shells = (): number[] => readdirSync('/proc').map(Number).filter(isShell);

function isShell(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    const [, , parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, '').split(' ');
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('prlimit');
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

test('many limits are moved by one shell, which ends with its last user', async () => {
  const [one, other] = [await share(), await share()];
  const processes = await Promise.all([somebody(), somebody(), somebody()]);
  await Promise.all(processes.map((pid, index) => (index % 2 === 0 ? one : other).move(pid, (100 + index) * MiB)));
  expect(processes.map(dataLimitOf)).toEqual([100 * MiB, 101 * MiB, 102 * MiB]);
  expect(shells()).toHaveLength(1);
  one.release();
  await other.move(processes[0] as number, 200 * MiB);
  expect(dataLimitOf(processes[0] as number)).toBe(200 * MiB);
  other.release();
  await expect.poll(shells).toEqual([]);
});

test('what cannot be moved is told, and the next one is', async () => {
  const mover = await share();
  onTestFinished(() => mover.release());
  const pid = await somebody();
  const refused = mover.move(2 ** 22 + 1, MiB);
  const moved = mover.move(pid, 300 * MiB);
  await expect(refused).rejects.toThrow('prlimit');
  await moved;
  expect(dataLimitOf(pid)).toBe(300 * MiB);
});

test('a shell that was killed fails what waits for it, and another takes its place', async () => {
  const mover = await share();
  onTestFinished(() => mover.release());
  const pid = await somebody();
  await mover.move(pid, 100 * MiB);
  const [shell] = shells();
  process.kill(shell as number, 'SIGSTOP');
  const waits = mover.move(pid, 200 * MiB);
  process.kill(shell as number, 'SIGKILL');
  await expect(waits).rejects.toThrow('has ended');
  await mover.move(pid, 300 * MiB);
  expect(dataLimitOf(pid)).toBe(300 * MiB);
});
