/** What lies in a granted folder and must not be reached through it; and no way to spell a path that reaches more than its canonical form. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder } from '../../support/folder.ts';
import { FileHost } from './guest.ts';

const token = 'TOKEN-OUTSIDE';

function stage() {
  const folder = makeFolder({
    'mount/file': 'inside',
    'mount/deep/er/file': 'deep',
    'mount/private/key': token,
    'outside/file': token,
    'mountain/file': token,
  });
  const host = new FileHost();
  const guest = host.guest({ filesystem: { '/data': { path: join(folder, 'mount'), access: 'read-write' } } });
  return { folder, mount: join(folder, 'mount'), host, guest };
}

/** Every operation that could look at or change what a path leads to. */
const attempts = (path: string): readonly (readonly [string, object])[] => [
  ['readFile', { path }],
  ['stat', { path }],
  ['list', { path }],
  ['open', { path, access: 'read' }],
  ['open', { path, access: 'read', directory: true }],
  ['open', { path, access: 'read-write' }],
  ['open', { path, access: 'write', create: true, truncate: true }],
  ['writeFile', { path, data: new Uint8Array(1) }],
  ['writeFile', { path, data: new Uint8Array(1), append: true }],
  ['truncate', { path, size: 0 }],
  ['times', { path, modified: 0 }],
  ['copy', { from: path, to: '/data/stolen' }],
  ['copy', { from: '/data/file', to: path }],
  ['makeFolder', { path: `${path}/new` }],
  ['makeFolder', { path: `${path}/new`, recursive: true }],
  ['rename', { from: '/data/file', to: `${path}/file` }],
  ['readFile', { path: `${path}/file` }],
  ['writeFile', { path: `${path}/file`, data: new Uint8Array(1) }],
  ['remove', { path: `${path}/file` }],
  ['remove', { path: `${path}/`, recursive: true, folder: true }],
];

describe('links', () => {
  test.each([
    ['relative', '../outside'],
    ['absolute', (folder: string) => join(folder, 'outside')],
    ['to a file', '../outside/file'],
    ['to what is not there', '../outside/none'],
    ['through the mount', 'deep/../../outside'],
    ['to a folder whose name begins alike', '../mountain'],
    ['to the folder above', '..'],
    ['to the top', '/'],
    ['to processes', '/proc/self'],
    ['to devices', '/dev'],
    ['through other links', 'second'],
    ['in a circle', 'first'],
  ])('%s are never followed out', async (_, target) => {
    const { guest, folder, mount } = stage();
    symlinkSync(typeof target === 'string' ? target : target(folder), join(mount, 'first'));
    symlinkSync('deep/third', join(mount, 'second'));
    symlinkSync('../../outside', join(mount, 'deep/third'));
    for (const [operation, request] of attempts('/data/first').slice(0, -1)) {
      const told = await guest.refusal(operation, request);
      expect({ operation, told }).toEqual({ operation, told: expect.stringMatching(/^(EACCES|ELOOP|EXDEV)$/) });
    }
    expect(readdirSync(join(folder, 'outside'))).toEqual(['file']);
    expect(readFileSync(join(folder, 'outside/file'), 'utf8')).toBe(token);
    expect(readdirSync(mount).toSorted()).toEqual(['deep', 'file', 'first', 'private', 'second']);
    // The link itself can be seen and removed.
    expect(await guest.call('stat', { path: '/data/first', follow: false })).toMatchObject({ kind: 'link', size: 0 });
    await guest.call('remove', { path: '/data/first' });
    expect(readdirSync(mount)).not.toContain('first');
  });

  test('say the same whether what they lead to is there or not', async () => {
    const { guest, mount } = stage();
    const told: unknown[] = [];
    for (const target of ['../outside/file', '../outside/none', '/etc/passwd', '/no/such/file', '../../../../../../../etc/shadow', '/root/x']) {
      symlinkSync(target, join(mount, 'link'));
      told.push(await guest.call('readFile', { path: '/data/link' }).catch((error: Error) => error.message));
      await guest.call('remove', { path: '/data/link' });
    }
    expect(new Set(told)).toEqual(new Set(["EACCES: a link leads out of the folder that was granted, readFile '/data/link'"]));
  });

  test('that stay inside are followed, wherever they stand and however they are written', async () => {
    const { guest, mount } = stage();
    symlinkSync('deep/er', join(mount, 'relative'));
    symlinkSync(join(mount, 'deep'), join(mount, 'absolute'));
    symlinkSync('../../file', join(mount, 'deep/er/up'));
    symlinkSync('absolute/er/up', join(mount, 'chain'));
    symlinkSync('deep/new', join(mount, 'dangling'));
    expect(await guest.text('/data/relative/file')).toBe('deep');
    expect(await guest.text('/data/absolute/er/file')).toBe('deep');
    expect(await guest.text('/data/chain')).toBe('inside');
    await guest.write('/data/dangling', 'new');
    expect(readFileSync(join(mount, 'deep/new'), 'utf8')).toBe('new');
    expect(await guest.refusal('open', { path: '/data/dangling', access: 'write', create: true, exclusive: true })).toBe('EEXIST');
  });

  test('do not lead around another rule, and the policy is asked for where they lead', async () => {
    const { folder, mount, host } = stage();
    symlinkSync('private/key', join(mount, 'link'));
    symlinkSync('private', join(mount, 'alias'));
    const guest = host.guest({ filesystem: { '/data': mount, '/data/private': join(folder, 'outside') } });
    for (const path of ['/data/link', '/data/alias/key', '/data/alias', '/data/Private/key', '/data/PRIVATE/key', '/data/ｐrivate/key'])
      expect({ path, told: await guest.refusal('readFile', { path }) }).toEqual({ path, told: 'EACCES' });
    expect(await guest.text('/data/private/file')).toBe(token);
    host.audit.length = 0;
    symlinkSync('deep/er/file', join(mount, 'well'));
    await guest.text('/data/well');
    expect(host.audit.map(({ resource }) => resource)).toEqual(['/data/well', '/data/deep/er/file']);
  });
});

describe('what is no plain file', () => {
  test('is refused, and nothing waits for it', async () => {
    const { guest, mount } = stage();
    execFileSync('mkfifo', [join(mount, 'special')]);
    for (const [operation, request] of attempts('/data/special').slice(0, 13)) {
      const told = await guest.refusal(operation, request);
      expect({ operation, told }).toEqual({ operation, told: 'EACCES' });
    }
    expect(await guest.call('list', { path: '/data' })).toMatchObject({ entries: expect.arrayContaining([{ name: 'special', kind: 'other' }]) });
    await guest.call('remove', { path: '/data/special' });
  });

  test('is refused: a socket', async () => {
    const { guest, mount } = stage();
    const server = createServer().listen(join(mount, 'socket'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await guest.refusal('readFile', { path: '/data/socket' })).toBe('EACCES');
  });

  test('a file that has another name elsewhere is neither read nor written', async () => {
    const { guest, folder, mount } = stage();
    linkSync(join(folder, 'outside/file'), join(mount, 'hard'));
    for (const [operation, request] of attempts('/data/hard').slice(0, 13)) {
      const told = await guest.refusal(operation, request);
      expect({ operation, told }).toEqual({ operation, told: 'EACCES' });
    }
    expect(readFileSync(join(folder, 'outside/file'), 'utf8')).toBe(token);
    await guest.call('remove', { path: '/data/hard' });
    expect(readFileSync(join(folder, 'outside/file'), 'utf8')).toBe(token);
  });

  test.each(['/proc', '/proc/self', '/sys', '/dev', '/dev/fd'])('of the system is refused although %s is granted', async (path) => {
    const guest = new FileHost().guest({ filesystem: { '/x': { path, access: 'read-write' } } });
    for (const [operation, request] of attempts('/x').slice(0, 4)) expect(await guest.refusal(operation, request)).toBe('EACCES');
    for (const name of ['environ', 'self/environ', 'mem', 'root/etc/passwd', '3', 'null', 'fd/3'])
      expect(await guest.refusal('readFile', { path: `/x/${name}` })).toBe('EACCES');
  });

  test('of the system is refused although everything is granted', async () => {
    const guest = new FileHost().guest({ filesystem: { '/': '/' } });
    for (const path of [
      '/proc/self/environ',
      '/proc/self/mem',
      '/proc/self/root/etc/hostname',
      '/proc/self/fd/0',
      '/proc/self/cwd/package.json',
      '/dev/null',
      '/dev/fd/0',
      '/sys/kernel/mm',
      '/dev/stdin',
      '/proc/1',
    ])
      expect({ path, told: await guest.refusal('readFile', { path }) }).toEqual({ path, told: 'EACCES' });
    for (const path of ['/proc', '/sys', '/dev', '/proc/self', '/proc/self/root'])
      expect({ path, told: await guest.refusal('list', { path }) }).toEqual({ path, told: 'EACCES' });
    expect(await guest.text('/etc/passwd')).toContain('root');
  });
});

describe('names', () => {
  test.each([
    ['NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['an escape', 'a\x1b[2Jb'],
    ['half a character', 'a\ud800'],
    ['a change of direction', 'a\u202egnp.exe'],
    ['a separator of lines', 'a\u2028b'],
  ])('with %s are refused', async (_, name) => {
    const { guest, mount, host } = stage();
    for (const path of [`/data/${name}`, `/data/${name}/file`])
      expect(await guest.refusal('writeFile', { path, data: new Uint8Array() })).toMatch(/^(EINVAL|message\.unsupported)$/);
    expect(readdirSync(mount)).toEqual(['deep', 'file', 'private']);
    expect(host.audit).toEqual([]);
  });

  test('that mean something on other systems mean nothing here', async () => {
    const { guest, mount } = stage();
    for (const name of ['..\\outside', 'C:\\x', '\\\\?\\x', 'f::$DATA', 'CON', 'dot.', 'space ', '%2e%2e', '%2e%2e%2foutside', '~', '*', '-rf', '...'])
      await guest.write(`/data/${name}`, name);
    expect(readdirSync(mount)).toHaveLength(3 + 13);
    expect(await guest.text('/data/%2e%2e%2foutside')).toBe('%2e%2e%2foutside');
  });

  test('that are too long are refused, and cost nothing', async () => {
    const { guest } = stage();
    expect(await guest.refusal('stat', { path: `/data/${'x'.repeat(256)}` })).toBe('ENAMETOOLONG');
    expect(await guest.refusal('stat', { path: `/data/${'é'.repeat(128)}` })).toBe('ENAMETOOLONG');
    expect(await guest.refusal('stat', { path: `/data${'/x'.repeat(300)}` })).toBe('ENAMETOOLONG');
    expect(await guest.refusal('stat', { path: `/data/${'x/'.repeat(32_000)}` })).toBe('message.invalid');
    expect(await guest.refusal('stat', { path: '' })).toBe('EINVAL');
    expect(await guest.refusal('stat', { path: 'data/file' })).toBe('EINVAL');
  });

  test('however a path is spelled, it reaches what its canonical form may, and no more', async () => {
    const { guest, folder, mount } = stage();
    symlinkSync('deep', join(mount, 'link'));
    symlinkSync('../outside', join(mount, 'out'));
    symlinkSync(folder, join(mount, 'deep/up'));
    mkdirSync(join(mount, 'empty'));
    const part = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(
          'data',
          'file',
          'deep',
          'er',
          'link',
          'out',
          'up',
          'outside',
          'mount',
          'mountain',
          'private',
          'etc',
          'passwd',
          'empty',
          ...folder.split('/'),
        ),
      },
      { weight: 4, arbitrary: fc.constantFrom('..', '.', '', '...', '%2e%2e', '..\\', 'DATA', 'data ', '..;', '\u2025', '．．') },
      { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 12 }), fc.constantFrom('', '/data', '/data/', '//data'), async (parts, start) => {
        const path = `${start}/${parts.join('/')}`;
        // What a path means, by its text: told anew here.
        const names: string[] = [];
        for (const name of path.split('/')) {
          if (name === '..') names.pop();
          else if (name !== '' && name !== '.') names.push(name);
        }
        const mayBe = names[0] === 'data';
        const told = await guest.refusal('readFile', { path });
        if (told.startsWith('done')) {
          const text = Buffer.from((await guest.call('readFile', { path })) as Uint8Array).toString();
          const isPrivate = names.join('/') === 'data/private/key';
          expect({ path, mayBe, text }).toEqual({ path, mayBe: true, text: isPrivate ? token : expect.stringMatching(/^(inside|deep)$/) });
        } else if (!mayBe) expect({ path, told }).toEqual({ path, told: expect.stringMatching(/^(policy\.denied|EINVAL|ENAMETOOLONG)$/) });
        const listed = await guest.refusal('list', { path });
        if (listed.startsWith('done')) expect({ path, listed }).not.toEqual({ path, listed: expect.stringContaining('mountain') });
      }),
      { numRuns: 3_000 },
    );
    writeFileSync(join(mount, 'file'), 'inside');
  });
});
