/** The operations of the broker on real folders: what they do, and what they say when they cannot. */
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Page } from '../../../host/capabilities/filesystem/page.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { FileHost } from './guest.ts';

const granted = (folder: string) => ({ filesystem: { '/data': join(folder, 'data'), '/out': { path: join(folder, 'out'), access: 'read-write' as const } } });

function stage() {
  const folder = makeFolder({ 'data/list.csv': 'a,b\n1,2\n', 'data/deep/note.txt': 'deep', 'secret.txt': 'TOKEN' });
  mkdirSync(join(folder, 'out'));
  const host = new FileHost();
  return { folder, host, guest: host.guest(granted(folder)) };
}

describe('reading', () => {
  test('a file at once, or in parts through a handle', async () => {
    const { guest } = stage();
    expect(await guest.text('/data/list.csv')).toBe('a,b\n1,2\n');
    const handle = await guest.open('/data/list.csv', 'read');
    expect(Buffer.from((await guest.call('read', { handle, position: null, length: 4 })) as Uint8Array).toString()).toBe('a,b\n');
    expect(Buffer.from((await guest.call('read', { handle, position: null, length: 100 })) as Uint8Array).toString()).toBe('1,2\n');
    expect(await guest.call('read', { handle, position: null, length: 100 })).toEqual(new Uint8Array());
    expect(Buffer.from((await guest.call('read', { handle, position: 2, length: 1 })) as Uint8Array).toString()).toBe('b');
    expect(await guest.call('handleStat', { handle })).toMatchObject({ kind: 'file', size: 8 });
    await guest.call('close', { handle });
    expect(await guest.refusal('read', { handle, position: null, length: 1 })).toBe('EBADF');
    expect(await guest.refusal('close', { handle })).toBe('EBADF');
  });

  test('a file that is larger than a message only in parts', async () => {
    const { guest, folder } = stage();
    writeFileSync(join(folder, 'data/large'), Buffer.alloc(3 * 1024 * 1024, 7));
    expect(await guest.refusal('readFile', { path: '/data/large' })).toBe('EFBIG');
    const handle = await guest.open('/data/large', 'read');
    let length = 0;
    for (;;) {
      const part = (await guest.call('read', { handle, position: null, length: 2 ** 30 })) as Uint8Array;
      if (part.length === 0) break;
      expect(part.length).toBeLessThanOrEqual(512 * 1024);
      length += part.length;
    }
    expect(length).toBe(3 * 1024 * 1024);
  });

  test('what a file is', async () => {
    const { guest, folder } = stage();
    const file = (await guest.call('stat', { path: '/data/list.csv' })) as Record<string, number>;
    expect(file).toMatchObject({ kind: 'file', size: 8, writable: false, modified: Math.floor(statSync(join(folder, 'data/list.csv')).mtimeMs) });
    expect(file['id']).not.toBe(statSync(join(folder, 'data/list.csv')).ino);
    expect(await guest.call('stat', { path: '/data/./deep/../list.csv' })).toEqual(file);
    expect(await guest.call('stat', { path: '/out' })).toMatchObject({ kind: 'folder', writable: true });
    expect(await guest.refusal('stat', { path: '/data/none' })).toBe('ENOENT');
    expect(await guest.refusal('stat', { path: '/data/list.csv/x' })).toBe('ENOTDIR');
  });

  test('a folder, page by page, sorted', async () => {
    const { guest, folder } = stage();
    for (const name of ['c', 'a', 'b', 'ä', 'A']) writeFileSync(join(folder, 'out', name), '');
    symlinkSync('/etc', join(folder, 'out/link'));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/out/`), Buffer.from([0xff, 0xfe])]), '');
    writeFileSync(`${folder}/out/line\nbreak`, '');
    const names: string[] = [];
    for (let after = ''; ; ) {
      const { entries, more } = (await guest.call('list', { path: '/out', after, most: 2 })) as { entries: { name: string; kind: string }[]; more: boolean };
      names.push(...entries.map(({ name, kind }) => `${name} ${kind}`));
      after = entries.at(-1)?.name ?? '';
      if (!more) break;
    }
    expect(names).toEqual(['A file', 'a file', 'b file', 'c file', 'link link', 'ä file']);
    expect(await guest.refusal('list', { path: '/data/list.csv' })).toBe('ENOTDIR');
  });

  test('a folder that is large: every name once, no page larger than its bound', async () => {
    const { guest, folder } = stage();
    const made = Array.from({ length: 12_000 }, (_, n) => `f${(n * 7919) % 12_000}`);
    for (const name of made) writeFileSync(join(folder, 'out', name), '');
    for (const most of [undefined, 5_000, 100_000]) {
      const names: string[] = [];
      for (let more = true; more; ) {
        const page = (await guest.call('list', { path: '/out', ...(names.length > 0 && { after: names.at(-1) }), ...(most !== undefined && { most }) })) as {
          entries: { name: string }[];
          more: boolean;
        };
        expect(page.entries.length).toBeLessThanOrEqual(Math.min(most ?? 10_000, 10_000));
        names.push(...page.entries.map(({ name }) => name));
        more = page.more;
      }
      expect(names).toEqual(made.toSorted());
    }
  });

  test('a page is what sorting all would have it be', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 })),
        fc.string({ maxLength: 2 }),
        fc.integer({ min: 1, max: 5 }),
        (names, after, most) => {
          const page = new Page(after, most);
          for (const name of names) page.add({ name, kind: 'file' });
          const all = names.filter((name) => name > after).sort();
          const { entries, more } = page.end();
          expect([entries.map(({ name }) => name), more]).toEqual([all.slice(0, most), all.length > most]);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('the folders above mounts show the names of mounts and nothing else', async () => {
    const { folder, host } = stage();
    mkdirSync(join(folder, 'data/inner'));
    writeFileSync(join(folder, 'data/inner/hidden'), 'hidden');
    const guest = host.guest({
      filesystem: { '/srv/data': join(folder, 'data'), '/srv/data/inner': join(folder, 'out'), '/srv/other/x': join(folder, 'out') },
    });
    expect(await guest.call('list', { path: '/' })).toEqual({ entries: [{ name: 'srv', kind: 'folder' }], more: false });
    expect(await guest.call('list', { path: '/srv' })).toMatchObject({
      entries: [
        { name: 'data', kind: 'folder' },
        { name: 'other', kind: 'folder' },
      ],
    });
    expect(await guest.call('stat', { path: '/srv/other' })).toMatchObject({ kind: 'folder', writable: false });
    expect(await guest.call('list', { path: '/srv/data/inner' })).toEqual({ entries: [], more: false });
    expect(await guest.refusal('stat', { path: '/srv/data/inner/hidden' })).toBe('ENOENT');
    expect(await guest.refusal('stat', { path: '/elsewhere' })).toBe('policy.denied');
  });
});

describe('writing', () => {
  test('a file at once, at its end, and only if it is new', async () => {
    const { guest, folder } = stage();
    await guest.write('/out/a', 'one');
    await guest.write('/out/a', ' two', { append: true });
    expect(readFileSync(join(folder, 'out/a'), 'utf8')).toBe('one two');
    await guest.write('/out/a', 'x');
    expect(await guest.text('/out/a')).toBe('x');
    expect(await guest.refusal('writeFile', { path: '/out/a', data: new Uint8Array(), exclusive: true })).toBe('EEXIST');
    expect(await guest.refusal('writeFile', { path: '/out', data: new Uint8Array() })).toBe('EISDIR');
    expect(await guest.refusal('writeFile', { path: '/out/no/a', data: new Uint8Array() })).toBe('ENOENT');
  });

  test('through a handle, at a place, at the present place and at the end', async () => {
    const { guest } = stage();
    const handle = await guest.open('/out/a', 'read-write', { create: true });
    expect(await guest.call('write', { handle, position: null, data: Buffer.from('hello') })).toEqual({ written: 5, position: 5 });
    expect(await guest.call('write', { handle, position: 1, data: Buffer.from('E') })).toEqual({ written: 1, position: 2 });
    expect(await guest.call('write', { handle, position: null, data: Buffer.from('!') })).toEqual({ written: 1, position: 6 });
    expect(await guest.text('/out/a')).toBe('hEllo!');
    await guest.call('truncate', { handle, size: 2 });
    await guest.call('sync', { handle });
    const end = await guest.open('/out/a', 'write', { append: true });
    expect(await guest.call('write', { handle: end, position: 0, data: Buffer.from('x') })).toEqual({ written: 1, position: 3 });
    expect(await guest.text('/out/a')).toBe('hEx');
    expect(await guest.refusal('read', { handle: end, position: 0, length: 1 })).toBe('EBADF');
    await guest.call('truncate', { path: '/out/a', size: 1 });
    expect(await guest.text('/out/a')).toBe('h');
    const cut = await guest.open('/out/a', 'write', { truncate: true });
    expect(await guest.call('handleStat', { handle: cut })).toMatchObject({ size: 0 });
    expect(await guest.refusal('open', { path: '/out/a', access: 'write', create: true, exclusive: true })).toBe('EEXIST');
    expect(await guest.refusal('open', { path: '/out/a', access: 'read', truncate: true })).toBe('EINVAL');
    const read = await guest.open('/out/a', 'read');
    expect(await guest.refusal('write', { handle: read, position: 0, data: new Uint8Array(1) })).toBe('EBADF');
  });

  test('folders', async () => {
    const { guest, folder } = stage();
    expect(await guest.call('makeFolder', { path: '/out/a/b/c', recursive: true })).toEqual({ created: '/out/a' });
    expect(await guest.call('makeFolder', { path: '/out/a/b/c', recursive: true })).toEqual({ created: null });
    expect(await guest.refusal('makeFolder', { path: '/out/a' })).toBe('EEXIST');
    expect(await guest.refusal('makeFolder', { path: '/out/x/y' })).toBe('ENOENT');
    await guest.write('/out/a/file', '1');
    expect(await guest.refusal('makeFolder', { path: '/out/a/file/x', recursive: true })).toBe('ENOTDIR');
    expect(await guest.refusal('remove', { path: '/out/a/file', folder: true })).toBe('ENOTDIR');
    expect(await guest.refusal('remove', { path: '/out/a', folder: false })).toBe('EISDIR');
    expect(await guest.refusal('remove', { path: '/out/a', folder: true })).toBe('ENOTEMPTY');
    expect(await guest.refusal('remove', { path: '/out/none' })).toBe('ENOENT');
    await guest.call('remove', { path: '/out/none', force: true });
    await guest.call('remove', { path: '/out/a', recursive: true });
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
  });

  test('removing a folder removes links in it, and not what they lead to', async () => {
    const { guest, folder } = stage();
    mkdirSync(join(folder, 'out/a'));
    symlinkSync(join(folder, 'data'), join(folder, 'out/a/link'));
    await guest.call('remove', { path: '/out/a', recursive: true });
    expect(readdirSync(join(folder, 'data'))).toEqual(['deep', 'list.csv']);
  });

  test('names', async () => {
    const { guest } = stage();
    await guest.write('/out/a', '1');
    await guest.write('/out/b', '2');
    await guest.call('rename', { from: '/out/a', to: '/out/b' });
    expect(await guest.text('/out/b')).toBe('1');
    expect(await guest.refusal('rename', { from: '/out/a', to: '/out/c' })).toBe('ENOENT');
    await guest.call('makeFolder', { path: '/out/d' });
    expect(await guest.refusal('rename', { from: '/out/d', to: '/out/d/e' })).toBe('EINVAL');
    await guest.call('copy', { from: '/data/list.csv', to: '/out/copy' });
    expect(await guest.text('/out/copy')).toBe('a,b\n1,2\n');
    expect(await guest.refusal('copy', { from: '/data/list.csv', to: '/out/copy', exclusive: true })).toBe('EEXIST');
    await guest.call('times', { path: '/out/copy', modified: 1_000_000_000_123, accessed: 5_000 });
    expect(await guest.call('stat', { path: '/out/copy' })).toMatchObject({ modified: 1_000_000_000_123, accessed: 5_000 });
    await guest.call('times', { path: '/out/copy', accessed: 7_000 });
    expect(await guest.call('stat', { path: '/out/copy' })).toMatchObject({ modified: 1_000_000_000_123, accessed: 7_000 });
  });

  test('a file of any size is copied, and one that is longer than before is cut', async () => {
    const { guest, folder } = stage();
    const bytes = Buffer.alloc(1_500_001, 'abc');
    writeFileSync(join(folder, 'data/large'), bytes);
    writeFileSync(join(folder, 'out/copy'), Buffer.alloc(2_000_000));
    await guest.call('copy', { from: '/data/large', to: '/out/copy' });
    expect(readFileSync(join(folder, 'out/copy')).equals(bytes)).toBe(true);
    await guest.call('copy', { from: '/out/copy', to: '/out/copy' });
    expect(readFileSync(join(folder, 'out/copy')).equals(bytes)).toBe(true);
  });

  test('not where it is granted to read only, and a mount stays where it is', async () => {
    const { guest, folder } = stage();
    for (const [operation, request] of [
      ['writeFile', { path: '/data/new', data: new Uint8Array() }],
      ['open', { path: '/data/list.csv', access: 'write' }],
      ['open', { path: '/data/list.csv', access: 'read-write' }],
      ['truncate', { path: '/data/list.csv', size: 0 }],
      ['makeFolder', { path: '/data/new' }],
      ['remove', { path: '/data/list.csv' }],
      ['rename', { from: '/data/list.csv', to: '/out/list.csv' }],
      ['rename', { from: '/out', to: '/data/x' }],
      ['copy', { from: '/data/list.csv', to: '/data/copy' }],
      ['times', { path: '/data/list.csv', modified: 0 }],
    ] as const)
      expect({ operation, told: await guest.refusal(operation, request) }).toEqual({ operation, told: 'policy.denied' });
    expect(await guest.refusal('remove', { path: '/out', recursive: true })).toBe('EBUSY');
    expect(await guest.refusal('rename', { from: '/out', to: '/out/x' })).toBe('EBUSY');
    expect(readdirSync(join(folder, 'data'))).toEqual(['deep', 'list.csv']);
  });
});

describe('what a guest is told', () => {
  test('a denial names the rule that decided and the line that would allow it, and is audited before anything happens', async () => {
    const { guest, host } = stage();
    expect(await failureOf(() => guest.call('readFile', { path: '/etc/passwd' }))).toMatchObject({
      code: 'policy.denied',
      message: expect.stringContaining('`clerk` may not read `/etc/passwd`'),
      record: { hint: expect.stringContaining('filesystem: { /etc: ./folder }') },
    });
    expect(await failureOf(() => guest.call('writeFile', { path: '/data/x', data: new Uint8Array() }))).toMatchObject({
      code: 'policy.denied',
      record: { hint: expect.stringContaining('access: read-write') },
    });
    expect(host.audit).toMatchObject([
      { capability: 'filesystem', operation: 'read', resource: '/etc/passwd', allowed: false },
      { capability: 'filesystem', operation: 'write', resource: '/data/x', allowed: false },
    ]);
  });

  test('a failure names the path of the guest and nothing of the host', async () => {
    const { guest, folder, host } = stage();
    const failure = await failureOf(() => guest.call('readFile', { path: '/data/none' }));
    expect(failure).toMatchObject({
      code: 'filesystem.failed',
      message: "ENOENT: no such file or directory, readFile '/data/none'",
      record: { name: 'ENOENT' },
    });
    expect(JSON.stringify(failure)).not.toContain(folder);
    expect(await failureOf(() => guest.call('rename', { from: '/out/a', to: '/out/b' }))).toMatchObject({
      message: "ENOENT: no such file or directory, rename '/out/a' -> '/out/b'",
    });
    expect(host.defects).toEqual([]);
  });

  test('what is asked wrongly', async () => {
    const { guest } = stage();
    for (const [operation, request] of [
      ['readFile', { path: 5 }],
      ['readFile', { path: '/data/x', more: 1 }],
      ['readFile', null],
      ['read', { handle: -1, position: null, length: 1 }],
      ['read', { handle: 1, position: -1, length: 1 }],
      ['read', { handle: 1, position: 0.5, length: 1 }],
      ['open', { path: '/data/x', access: 'execute' }],
      ['constructor', {}],
      ['toString', {}],
      ['', {}],
    ] as const)
      expect({ operation, told: await guest.refusal(operation, request) }).toEqual({ operation, told: 'message.invalid' });
    for (const handle of [1, 2 ** 40]) expect(await guest.refusal('read', { handle, position: null, length: 1 })).toBe('EBADF');
  });

  test('that a folder was granted which is not there', async () => {
    const { host, folder } = stage();
    const guest = host.guest({ filesystem: { '/x': join(folder, 'later') } });
    expect(await guest.refusal('stat', { path: '/x' })).toBe('ENOENT');
    mkdirSync(join(folder, 'later'));
    expect(await guest.call('stat', { path: '/x' })).toMatchObject({ kind: 'folder' });
  });

  test('that this system cannot do it safely', async () => {
    const { folder } = stage();
    const guest = new FileHost({ canWalk: false }).guest(granted(folder));
    expect(await failureOf(() => guest.call('stat', { path: '/data' }))).toMatchObject({
      code: 'host.unsupported',
      record: { hint: expect.stringContaining('Linux') },
    });
  });
});

describe('bounds', () => {
  test('an instance has as many files open as its limit, and its end closes them', async () => {
    const { host, folder } = stage();
    const guest = host.guest({ ...granted(folder), limits: { handles: 3 } });
    const open = () => readdirSync('/proc/self/fd').length;
    await guest.text('/data/list.csv');
    await guest.text('/out/x').catch(() => undefined);
    const before = open();
    for (let i = 0; i < 3; i++) await guest.open('/data/list.csv', 'read');
    expect(await guest.refusal('open', { path: '/data/list.csv', access: 'read' })).toBe('limit.handles');
    await expect.poll(open).toBe(before + 3);
    guest[Symbol.dispose]();
    // The two folders of its mounts, too.
    await expect.poll(open).toBe(before - 2);
    expect(await guest.refusal('stat', { path: '/data' })).toBe('call.cancelled');
  });

  test('no operation leaves a descriptor behind', async () => {
    const { guest, folder } = stage();
    symlinkSync('deep', join(folder, 'data/link'));
    const everything = async (): Promise<void> => {
      for (const path of ['/data/list.csv', '/data/link/note.txt', '/data/none', '/data/list.csv/x', '/out/a/b/c', '/data/deep', '/etc'])
        for (const operation of ['stat', 'list', 'readFile', 'makeFolder']) await guest.refusal(operation, { path });
      await guest.write('/out/a', '1');
      await guest.refusal('copy', { from: '/out/a', to: '/out/b' });
      await guest.refusal('rename', { from: '/out/b', to: '/out/c' });
      await guest.refusal('times', { path: '/out/c', modified: 1 });
      await guest.refusal('remove', { path: '/out/c' });
    };
    await everything();
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 20; i++) await everything();
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBe(before);
  });

  test('all guests of a host together leave it descriptors of its own', async () => {
    const { folder } = stage();
    const host = new FileHost({ mostOpen: 2 });
    const [one, two] = [host.guest(granted(folder)), host.guest(granted(folder))];
    const handle = await one.open('/data/list.csv', 'read');
    await two.open('/data/list.csv', 'read');
    expect(await two.refusal('open', { path: '/data/list.csv', access: 'read' })).toBe('limit.handles');
    await one.call('close', { handle });
    await expect.poll(() => two.refusal('readFile', { path: '/data/list.csv' })).toMatch(/^done/);
  });

  test('a file without end of its own is read as far as it is asked for', async () => {
    const { guest, folder } = stage();
    writeFileSync(join(folder, 'data/sparse'), '');
    truncateSync(join(folder, 'data/sparse'), 2 ** 40);
    expect(await guest.refusal('readFile', { path: '/data/sparse' })).toBe('EFBIG');
    const handle = await guest.open('/data/sparse', 'read');
    expect(((await guest.call('read', { handle, position: 2 ** 39, length: 2 ** 30 })) as Uint8Array).length).toBe(512 * 1024);
  });

  test('a call that nobody waits for any more ends, and leaves nothing open', async () => {
    const { guest, folder } = stage();
    truncateSync(join(folder, 'data/list.csv'), 2 ** 34);
    const caller = new AbortController();
    const copying = guest.call('copy', { from: '/data/list.csv', to: '/out/copy' }, caller.signal);
    caller.abort(new Error('nobody waits'));
    expect(await failureOf(() => copying)).toMatchObject({ code: 'service.failed' });
  });
});
