/** Quotas: of bytes and of files, for all who share a folder, however they write. */
import { lstatSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { type FileGuest, FileHost } from './guest.ts';

const granted = (path: string, quota: string) => ({ filesystem: { '/out': { path, access: 'read-write' as const, quota } } });

/** Bytes of all files in a folder and below: what the quota bounds. */
const size = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const stats = lstatSync(join(folder, name));
    return stats.isFile() ? sum + stats.size : sum;
  }, 0);

const write = (guest: FileGuest, name: string, bytes: number, rest: object = {}) =>
  guest.refusal('writeFile', { path: `/out/${name}`, data: new Uint8Array(bytes), ...rest });

describe('bytes', () => {
  test('what lies there already counts, and what is removed does not', async () => {
    const folder = makeFolder({ old: 'x'.repeat(600) });
    const guest = new FileHost().guest(granted(folder, '1KiB'));
    expect(await write(guest, 'a', 425)).toBe('limit.quota');
    expect(await write(guest, 'a', 424)).toMatch(/^done/);
    expect(await write(guest, 'a', 424)).toMatch(/^done/);
    expect(await write(guest, 'a', 1, { append: true })).toBe('limit.quota');
    await guest.call('remove', { path: '/out/old' });
    expect(await write(guest, 'a', 600, { append: true })).toMatch(/^done/);
    await guest.call('truncate', { path: '/out/a', size: 10 });
    expect(await write(guest, 'b', 1014)).toMatch(/^done/);
    expect(size(folder)).toBe(1024);
  });

  test('a refusal says how much there is, keeps what was there, and names the line to change', async () => {
    const folder = makeFolder({ a: 'before' });
    const guest = new FileHost().guest(granted(folder, '1KiB'));
    expect(await failureOf(() => guest.call('writeFile', { path: '/out/a', data: new Uint8Array(2000) }))).toMatchObject({
      code: 'limit.quota',
      message: '`/out` may hold 1KiB: 6 bytes are taken, and 1994 more were to be written',
      record: { name: 'EDQUOT', hint: expect.stringContaining('quota') },
    });
    expect(await guest.text('/out/a')).toBe('before');
  });

  test('holes count as what they look like', async () => {
    const folder = makeFolder({});
    const guest = new FileHost().guest(granted(folder, '1MiB'));
    const handle = await guest.open('/out/a', 'write', { create: true });
    expect(await guest.refusal('truncate', { handle, size: 2 ** 40 })).toBe('limit.quota');
    expect(await guest.refusal('write', { handle, position: 2 ** 30, data: new Uint8Array(1) })).toBe('limit.quota');
    await guest.call('write', { handle, position: 2 ** 20 - 1, data: new Uint8Array(1) });
    expect(size(folder)).toBe(2 ** 20);
  });

  test('a file that is removed while it is open takes room until it is closed', async () => {
    const folder = makeFolder({});
    const host = new FileHost();
    const guest = host.guest(granted(folder, '1KiB'));
    const handle = await guest.open('/out/a', 'write', { create: true });
    await guest.call('write', { handle, position: 0, data: new Uint8Array(1000) });
    await guest.call('remove', { path: '/out/a' });
    expect(await write(guest, 'b', 25)).toBe('limit.quota');
    expect(await guest.refusal('write', { handle, position: 1000, data: new Uint8Array(25) })).toBe('limit.quota');
    await guest.call('write', { handle, position: 0, data: new Uint8Array(1024) });
    await guest.call('close', { handle });
    await expect.poll(() => write(guest, 'b', 1024)).toMatch(/^done/);
  });

  test('copies, and what takes the place of something else, count', async () => {
    const folder = makeFolder({ a: 'x'.repeat(500) });
    const guest = new FileHost().guest(granted(folder, '1KiB'));
    await guest.call('copy', { from: '/out/a', to: '/out/b' });
    expect(await guest.refusal('copy', { from: '/out/a', to: '/out/c' })).toBe('limit.quota');
    await guest.call('rename', { from: '/out/a', to: '/out/b' });
    await guest.call('remove', { path: '/out/c', force: true });
    await guest.call('copy', { from: '/out/b', to: '/out/c' });
    expect(size(folder)).toBe(1000);
  });

  test('what others outside have removed is noticed before anything is refused', async () => {
    const folder = makeFolder({ old: 'x'.repeat(1000) });
    const guest = new FileHost().guest(granted(folder, '1KiB'));
    expect(await write(guest, 'a', 100)).toBe('limit.quota');
    unlinkSync(join(folder, 'old'));
    await expect.poll(() => write(guest, 'a', 100), { timeout: 5_000 }).toMatch(/^done/);
  });

  test('several actors of one folder get no more together than each may alone', async () => {
    const folder = makeFolder({});
    const host = new FileHost();
    const guests = [
      granted(folder, '64KiB'),
      granted(folder, '64KiB'),
      { filesystem: { '/out': { path: folder, access: 'read-write' as const, quota: '32KiB' } } },
    ].map((policy) => host.guest(policy));
    const outcomes = await Promise.all(
      guests.flatMap((guest, who) =>
        Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? write(guest, `${who}-${n}`, 1000) : write(guest, 'shared', 1000, { append: true }))),
      ),
    );
    expect(size(folder)).toBeLessThanOrEqual(64 * 1024);
    expect(size(folder)).toBe(outcomes.filter((told) => told.startsWith('done')).length * 1000);
    expect(new Set(outcomes.map((told) => (told.startsWith('done') ? 'done' : told)))).toEqual(new Set(['done', 'limit.quota']));
    expect(host.defects).toEqual([]);
  });

  test('who was granted a folder within it writes into it too', async () => {
    const folder = makeFolder({ 'inner/a': '' });
    const host = new FileHost();
    const [outer, inner] = [host.guest(granted(folder, '2KiB')), host.guest(granted(join(folder, 'inner'), '1KiB'))];
    expect(await write(outer, 'a', 1000)).toMatch(/^done/);
    expect(await write(inner, 'a', 1000)).toMatch(/^done/);
    expect(await write(outer, 'b', 100)).toBe('limit.quota');
    expect(await write(inner, 'b', 100)).toBe('limit.quota');
    await outer.call('rename', { from: '/out/inner/a', to: '/out/moved' });
    expect(await write(inner, 'b', 20)).toMatch(/^done/);
    expect(await write(outer, 'c', 100)).toBe('limit.quota');
  });

  test('a folder out of which something is moved while it is counted is counted anew', async () => {
    const folder = makeFolder({ 'inner/a': 'x'.repeat(1_000), 'inner/b': 'x'.repeat(1_000) });
    for (let n = 0; n < 1_000; n++) writeFileSync(join(folder, `inner/${n}`), '');
    const host = new FileHost();
    const [outer, inner] = [host.guest(granted(folder, '1MiB')), host.guest(granted(join(folder, 'inner'), '2500B'))];
    expect(await write(inner, 'c', 900)).toBe('limit.quota');
    await outer.call('rename', { from: '/out/inner/a', to: '/out/a' });
    const first = write(inner, 'first', 900);
    await outer.call('rename', { from: '/out/inner/b', to: '/out/b' });
    expect(await Promise.all([first, write(inner, 'second', 900), write(inner, 'third', 900)])).toEqual(expect.arrayContaining(['done: null', 'limit.quota']));
    expect(size(join(folder, 'inner'))).toBe(1_800);
    expect(host.defects).toEqual([]);
  });

  test('many at once, on the same files, never exceed it, and the count stays true', async () => {
    const operation = fc.record({
      who: fc.constantFrom(0, 1),
      name: fc.constantFrom('a', 'b', 'c', 'd/e'),
      what: fc.constantFrom('write', 'append', 'truncate', 'remove', 'rename', 'copy', 'place'),
      bytes: fc.integer({ min: 0, max: 700 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (operations) => {
        const folder = makeFolder({ 'd/x': '' });
        const host = new FileHost();
        const guests = [host.guest(granted(folder, '1KiB')), host.guest(granted(folder, '1KiB'))];
        await Promise.all(
          operations.map(async ({ who, name, what, bytes }) => {
            const guest = guests[who] as FileGuest;
            const path = `/out/${name}`;
            if (what === 'write' || what === 'append') await write(guest, name, bytes, { append: what === 'append' });
            else if (what === 'truncate') await guest.refusal('truncate', { path, size: bytes });
            else if (what === 'remove') await guest.refusal('remove', { path });
            else if (what === 'rename') await guest.refusal('rename', { from: path, to: '/out/a' });
            else if (what === 'copy') await guest.refusal('copy', { from: '/out/a', to: path });
            else {
              const told = await guest.refusal('open', { path, access: 'write', create: true });
              if (!told.startsWith('done')) return;
              const { handle } = JSON.parse(told.slice(6)) as { handle: number };
              await guest.refusal('write', { handle, position: bytes, data: new Uint8Array(100) });
              await guest.call('close', { handle });
            }
          }),
        );
        const used = size(folder);
        expect(used).toBeLessThanOrEqual(1024);
        // All that is left can be used: nothing was counted that is not there.
        await expect.poll(() => write(guests[0] as FileGuest, 'rest', 1024 - used, { exclusive: true }), { timeout: 3_000 }).toMatch(/^(done|EEXIST)/);
        expect(size(folder)).toBe(1024);
        for (const guest of guests) guest[Symbol.dispose]();
        expect(host.defects).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('files', () => {
  test('a folder with a quota holds ten thousand, made in whatever way', async () => {
    const folder = makeFolder({});
    for (let i = 0; i < 9_998; i++) writeFileSync(join(folder, String(i)), '');
    const host = new FileHost();
    const guest = host.guest(granted(folder, '1GiB'));
    await guest.call('makeFolder', { path: '/out/folder' });
    expect(await Promise.all([write(guest, 'a', 0), write(guest, 'b', 0), write(guest, 'folder/c', 0)])).toEqual(
      expect.arrayContaining(['limit.quota', 'done: null']),
    );
    expect(statSync(folder).isDirectory()).toBe(true);
    expect(readdirSync(folder, { recursive: true })).toHaveLength(10_000);
    expect(await guest.refusal('makeFolder', { path: '/out/more/and/more', recursive: true })).toBe('limit.quota');
    expect(await guest.refusal('copy', { from: '/out/1', to: '/out/copy' })).toBe('limit.quota');
    expect(await guest.refusal('open', { path: '/out/new', access: 'write', create: true })).toBe('limit.quota');
    await guest.call('remove', { path: '/out/folder', recursive: true });
    expect(await write(guest, 'again', 0)).toMatch(/^done/);
  });

  test('a folder that holds more already takes nothing more', async () => {
    const folder = makeFolder({});
    for (let i = 0; i < 10_050; i++) writeFileSync(join(folder, String(i)), '');
    const guest = new FileHost().guest(granted(folder, '1GiB'));
    expect(await write(guest, 'a', 0)).toBe('limit.quota');
    expect(await write(guest, '1', 100)).toBe('limit.quota');
    expect(await guest.text('/out/1')).toBe('');
  });
});
