/** Another process swaps folders and files for links while they are used. Nothing outside of the mount is ever read or written. */
import { fork } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../support/folder.ts';
import { FileHost } from './guest.ts';

/** Milliseconds for which there is a race at least, and at most, on a machine on which little of it happens in that time. */
const shortest = 4_000;
const longest = 60_000;
/** Opens that must have happened. */
const least = 1_000;

type Counts = Readonly<Record<string, number>>;
const sum = (counts: Counts): number => Object.values(counts).reduce((total, count) => total + count, 0);
/** More often than so. */
const happened = (counts: Counts, outcome: string, times = 0): boolean => (counts[outcome] ?? 0) > times;

/** @param suffices whether enough has happened */
async function racing(
  attempt: (folder: string, at: number) => Promise<string>,
  suffices: (counts: Counts) => boolean,
): Promise<{ counts: Record<string, number>; swaps: number; folder: string }> {
  const folder = makeFolder({ 'mount/dir/file': 'inside', 'mount/dir/inner/file': 'inside', 'outside/file': 'OUTSIDE', 'outside/inner/file': 'OUTSIDE' });
  const swapper = fork(join(import.meta.dirname, 'swapper.ts'), [join(folder, 'mount'), join(folder, 'outside')]);
  const counts: Record<string, number> = {};
  try {
    await once(swapper, 'message');
    const began = performance.now();
    const goesOn = (): boolean => performance.now() - began < (suffices(counts) ? shortest : longest);
    for (let at = 0; goesOn(); at++) {
      const outcome = await attempt(folder, at);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    swapper.send('stop');
    const [{ swaps }] = (await once(swapper, 'message')) as [{ swaps: number }];
    return { counts, swaps, folder };
  } finally {
    swapper.kill('SIGKILL');
  }
}

test('control: a path that is checked and then opened leads out', async () => {
  const { counts, swaps } = await racing(
    async (folder) => {
      try {
        const real = await realpath(join(folder, 'mount/dir/file'));
        if (!real.startsWith(`${join(folder, 'mount')}/`)) return 'refused';
        return (await readFile(join(folder, 'mount/dir/file'), 'utf8')) === 'inside' ? 'inside' : 'escaped';
      } catch {
        return 'failed';
      }
    },
    (counts) => happened(counts, 'escaped'),
  );
  process.stderr.write(`realpath, then open: ${JSON.stringify(counts)} in ${swaps} swaps\n`);
  expect(counts['escaped']).toBeGreaterThan(0);
}, 90_000);

test('reading', async () => {
  const host = new FileHost();
  let guest: ReturnType<FileHost['guest']> | undefined;
  const paths = ['/data/dir/file', '/data/dir/inner/file', '/data/dir/../dir/./file'];
  const { counts, swaps } = await racing(
    async (folder, at) => {
      guest ??= host.guest({ filesystem: { '/data': join(folder, 'mount') } });
      const path = paths[at % paths.length] as string;
      if (at % 7 === 0) {
        const listed = await guest.refusal('list', { path: '/data/dir' });
        return listed.includes('aside') ? 'escaped' : 'listed';
      }
      return guest.text(path).catch((error: { record: { name?: string } }) => error.record.name ?? 'unknown');
    },
    (counts) => happened(counts, 'inside', 100) && happened(counts, 'EACCES') && sum(counts) > least,
  );
  process.stderr.write(`reading through the broker: ${JSON.stringify(counts)} in ${swaps} swaps\n`);
  expect(counts['OUTSIDE']).toBeUndefined();
  expect(counts['escaped']).toBeUndefined();
  expect(counts['inside']).toBeGreaterThan(100);
  // The race was on: links were met.
  expect(counts['EACCES']).toBeGreaterThan(0);
  expect(sum(counts)).toBeGreaterThan(least);
  expect(
    Object.keys(counts)
      .toSorted()
      .filter((name) => !['inside', 'listed', 'EACCES', 'ENOENT', 'EINVAL', 'ENOTDIR'].includes(name)),
  ).toEqual([]);
  expect(host.defects).toEqual([]);
}, 90_000);

test('writing, making, moving and removing', async () => {
  const host = new FileHost();
  let guest: ReturnType<FileHost['guest']> | undefined;
  const written = Buffer.from('written');
  const steps: readonly (readonly [string, object])[] = [
    ['writeFile', { path: '/data/dir/file', data: written }],
    ['writeFile', { path: '/data/dir/new', data: written }],
    ['open', { path: '/data/dir/file', access: 'write', truncate: true }],
    ['truncate', { path: '/data/dir/file', size: 3 }],
    ['times', { path: '/data/dir/file', modified: 0 }],
    ['makeFolder', { path: '/data/dir/made' }],
    ['copy', { from: '/data/dir/inner/file', to: '/data/dir/copy' }],
    ['rename', { from: '/data/dir/new', to: '/data/dir/moved' }],
    ['remove', { path: '/data/dir/moved' }],
    ['remove', { path: '/data/dir/made', recursive: true }],
    ['remove', { path: '/data/dir/inner', recursive: true }],
    ['makeFolder', { path: '/data/dir/inner' }],
    ['writeFile', { path: '/data/dir/inner/file', data: written }],
  ];
  const { counts, folder, swaps } = await racing(
    async (at, number) => {
      guest ??= host.guest({ filesystem: { '/data': { path: join(at, 'mount'), access: 'read-write' } }, limits: { handles: 1000 } });
      const [operation, request] = steps[number % steps.length] as (typeof steps)[number];
      const told = await guest.refusal(operation, request);
      if (!told.startsWith('done')) return told;
      const { handle } = (operation === 'open' ? JSON.parse(told.slice(6)) : {}) as { handle?: number };
      if (handle !== undefined) await guest.call('close', { handle });
      return 'done';
    },
    (counts) => happened(counts, 'done', 100) && happened(counts, 'EACCES'),
  );
  process.stderr.write(`writing through the broker: ${JSON.stringify(counts)} in ${swaps} swaps\n`);
  expect(readdirSync(join(folder, 'outside'))).toEqual(['file', 'inner']);
  expect([readFileSync(join(folder, 'outside/file'), 'utf8'), readFileSync(join(folder, 'outside/inner/file'), 'utf8')]).toEqual(['OUTSIDE', 'OUTSIDE']);
  expect(counts['done']).toBeGreaterThan(100);
  expect(counts['EACCES']).toBeGreaterThan(0);
  expect(host.defects).toEqual([]);
}, 90_000);

test('control: writing to a path that was checked changes what lies outside', async () => {
  let changed = 0;
  await racing(
    async (folder) => {
      try {
        const path = join(folder, 'mount/dir/file');
        if (!realpathSync(path).startsWith(`${join(folder, 'mount')}/`)) return 'refused';
        await writeFile(path, 'written');
        if (readFileSync(join(folder, 'outside/file'), 'utf8') === 'written') changed++;
        return 'written';
      } catch {
        return 'failed';
      }
    },
    () => changed > 0,
  );
  expect(changed).toBeGreaterThan(0);
}, 90_000);
