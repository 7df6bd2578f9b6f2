/** Files: the same steps, the same results and the same failures in every language that has them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SystemErrorName } from '../../runtimes/systemErrors.ts';
import { type Language, languages } from './languages.ts';
import { setStage } from './suite.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vivarium-files-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Folders of its own for each language. */
function prepare(language: Language): string {
  const own = join(folder, language.name);
  mkdirSync(join(own, 'data/inner'), { recursive: true });
  mkdirSync(join(own, 'out'));
  mkdirSync(join(own, 'small'));
  writeFileSync(join(own, 'data/list.csv'), 'naïve,😀\n');
  writeFileSync(join(own, 'data/inner/note'), 'inner');
  writeFileSync(join(own, 'data/large'), Buffer.alloc(3_000_000, 'abc'));
  writeFileSync(join(own, 'data/bytes'), Buffer.from([0, 255, 128, 10, 13]));
  writeFileSync(join(own, 'secret'), 'TOKEN');
  symlinkSync('inner/note', join(own, 'data/inside'));
  symlinkSync('../secret', join(own, 'data/outside'));
  symlinkSync('/etc/passwd', join(own, 'data/absolute'));
  return own;
}

const stage = setStage({});
beforeAll(async () => {
  for (const language of languages) {
    const own = prepare(language);
    const filesystem = {
      '/data': join(own, 'data'),
      '/out': { path: join(own, 'out'), access: 'read-write' as const },
      '/small': { path: join(own, 'small'), access: 'read-write' as const, quota: '1KiB' },
    };
    const policy = { filesystem, limits: { handles: 4 } };
    const wasi = language.name === 'wasm' ? { wasi: true } : {};
    await stage.deploy(
      {
        actors: { clerk: language.actor('files', { policy, ...wasi }), stranger: language.actor('files', wasi) },
        inputs: { clerk: 'clerk', stranger: 'stranger' },
        outputs: { out: ['clerk', 'stranger'] },
      },
      language.name,
    );
  }
});

interface Step {
  readonly do: string;
  readonly path: string;
  readonly to?: string;
  readonly text?: string;
  /** How often the text is written; how large a file is to be. */
  readonly size?: number;
  readonly time?: number;
}

const failed = (name: SystemErrorName) => expect.objectContaining({ error: name });

describe.each(languages)('files in %s', (language) => {
  // WASI tells numbers and no more; the words of a denial are in the log of the actor.
  const byNumber = language.name === 'wasm';
  const denied = (text: string) =>
    expect.objectContaining(
      byNumber ? { error: expect.stringMatching(/^(EACCES|ENOTCAPABLE)$/) } : { error: 'policy.denied', message: expect.stringContaining(text) },
    );
  const limited = (code: 'limit.quota' | 'limit.handles') =>
    expect.objectContaining({ error: byNumber ? { 'limit.quota': 'EDQUOT', 'limit.handles': 'EMFILE' }[code] : code });
  const bytes = (...values: readonly number[]) => (byNumber ? values : new Uint8Array(values));
  const ask = async (steps: readonly Step[], actor = 'clerk'): Promise<readonly unknown[]> =>
    (await stage.host.flow(language.name)?.ask(actor, steps)) as readonly unknown[];
  /** One step and what it must come to, for each. */
  const go = async (...steps: readonly (readonly [Step, unknown])[]): Promise<void> => {
    const told = await ask(steps.map(([step]) => step));
    expect(steps.map(([step], index) => [step, told[index]])).toEqual(steps.map(([step, wanted]) => [step, wanted]));
  };
  const onHost = (path: string): string => readFileSync(join(folder, language.name, path), 'utf8');

  test('are read as text and as bytes', () =>
    go(
      [{ do: 'read', path: '/data/list.csv' }, 'naïve,😀\n'],
      [{ do: 'read', path: '/data/./inner/../list.csv' }, 'naïve,😀\n'],
      [{ do: 'bytes', path: '/data/bytes' }, bytes(0, 255, 128, 10, 13)],
      [{ do: 'size', path: '/data/list.csv' }, 12],
      [{ do: 'kind', path: '/data/inner' }, 'folder'],
      [{ do: 'kind', path: '/data/list.csv' }, 'file'],
      [{ do: 'list', path: '/data/inner' }, ['note']],
    ));

  test('are read in parts, however large', () => go([{ do: 'stream', path: '/data/large' }, [3_000_000, true]]));

  test('are written, appended to, cut, and made only where there is none', async () => {
    await go(
      [{ do: 'write', path: '/out/a', text: 'one' }, null],
      [{ do: 'append', path: '/out/a', text: ' two' }, null],
      [{ do: 'read', path: '/out/a' }, 'one two'],
      [{ do: 'truncate', path: '/out/a', size: 3 }, null],
      [{ do: 'create', path: '/out/a', text: 'x' }, failed('EEXIST')],
      [{ do: 'create', path: '/out/b', text: 'x', size: 2_000_000 }, null],
      [{ do: 'size', path: '/out/b' }, 2_000_000],
    );
    expect(onHost('out/a')).toBe('one');
  });

  test('are read and written at places', () =>
    go(
      [{ do: 'write', path: '/out/parts', text: 'abcdefgh' }, null],
      [{ do: 'parts', path: '/out/parts' }, [4, 'cdef', 8]],
      [{ do: 'read', path: '/out/parts' }, 'XYcdefgh'],
    ));

  test('are made, moved, copied and removed with their folders', async () => {
    await go(
      [{ do: 'folders', path: '/out/deep/er/est' }, null],
      [{ do: 'folder', path: '/out/deep' }, failed('EEXIST')],
      [{ do: 'write', path: '/out/deep/er/file', text: '1' }, null],
      [{ do: 'rename', path: '/out/deep/er', to: '/out/moved' }, null],
      [{ do: 'copy', path: '/out/moved/file', to: '/out/moved/copy' }, null],
      [{ do: 'list', path: '/out/moved' }, ['copy', 'est', 'file']],
      [{ do: 'rmdir', path: '/out/moved' }, failed('ENOTEMPTY')],
      [{ do: 'unlink', path: '/out/moved/file' }, null],
      [{ do: 'rmdir', path: '/out/moved/est' }, null],
      [{ do: 'remove', path: '/out/moved' }, null],
      [{ do: 'kind', path: '/out/moved' }, failed('ENOENT')],
    );
    expect(readdirSync(join(folder, language.name, 'out'))).toContain('deep');
  });

  test('have times', () =>
    go(
      [{ do: 'write', path: '/out/t', text: '' }, null],
      [{ do: 'times', path: '/out/t', time: 1_000_000_000 }, null],
      [{ do: 'modified', path: '/out/t' }, 1_000_000_000_000],
    ));

  test('fail as the system says', () =>
    go(
      [{ do: 'read', path: '/data/none' }, failed('ENOENT')],
      [{ do: 'read', path: '/data/list.csv/x' }, failed('ENOTDIR')],
      [{ do: 'list', path: '/data/list.csv' }, failed('ENOTDIR')],
      [{ do: 'write', path: '/out', text: '' }, failed('EISDIR')],
      [{ do: 'unlink', path: '/out/none' }, failed('ENOENT')],
      [{ do: 'write', path: '/out/none/x', text: '' }, failed('ENOENT')],
      [{ do: 'rename', path: '/out', to: '/out/x' }, failed('EBUSY')],
    ));

  test('are denied by the policy, the same way whether they exist or not', () =>
    go(
      [{ do: 'read', path: '/etc/passwd' }, denied('`clerk` may not read `/etc/passwd`')],
      [{ do: 'read', path: '/etc/no-such-file' }, denied('`clerk` may not read `/etc/no-such-file`')],
      [{ do: 'read', path: '/data/../etc/passwd' }, denied('`clerk` may not read `/etc/passwd`')],
      [{ do: 'write', path: '/data/list.csv', text: '' }, denied('`clerk` may not write `/data/list.csv`: the folder is granted read only')],
      [{ do: 'unlink', path: '/data/list.csv' }, denied('may not write `/data/list.csv`')],
      [{ do: 'read', path: '/database' }, denied('may not read `/database`')],
      [{ do: 'writable', path: '/data/list.csv' }, false],
      [{ do: 'writable', path: '/out' }, true],
    ));

  if (byNumber) {
    test('that are denied are told of in the log, once for each reason', async () => {
      await go([{ do: 'write', path: '/data/new', text: '' }, failed('EACCES')], [{ do: 'write', path: '/data/new', text: '' }, failed('EACCES')]);
      const told = stage
        .logs()
        .filter(({ namespace, level, text }) => namespace === 'wasm' && level === 'warn' && text.includes('`clerk` may not write `/data/new`'));
      expect(told).toMatchObject([{ text: expect.stringContaining('Add `access: read-write`') }]);
    });
  }

  test('of an actor that was granted none are all denied', async () => {
    expect(await ask([{ do: 'read', path: '/data/list.csv' }], 'stranger')).toEqual([denied('`stranger` may not read `/data/list.csv`')]);
  });

  test('are reached through links that stay inside, and through no others', () =>
    go(
      [{ do: 'read', path: '/data/inside' }, 'inner'],
      [{ do: 'link', path: '/data/inside' }, true],
      [{ do: 'read', path: '/data/outside' }, failed('EACCES')],
      [{ do: 'read', path: '/data/absolute' }, failed('EACCES')],
    ));

  test('are no more than the quota of the folder', async () => {
    await go(
      [{ do: 'write', path: '/small/a', text: 'x'.repeat(1024) }, null],
      [{ do: 'write', path: '/small/a', text: 'y'.repeat(1024) }, null],
      [{ do: 'append', path: '/small/a', text: 'z' }, limited('limit.quota')],
      [{ do: 'unlink', path: '/small/a' }, null],
      [{ do: 'write', path: '/small/b', text: 'x'.repeat(1000) }, null],
    );
  });

  test('of the instance itself are in its memory', async () => {
    await go(
      [{ do: 'temporary', path: '' }, 'mine'],
      [{ do: 'write', path: '/tmp/a', text: 'private' }, null],
      [{ do: 'copy', path: '/tmp/a', to: '/out/from-memory' }, null],
      [{ do: 'copy', path: '/data/list.csv', to: '/tmp/copy' }, null],
      [{ do: 'read', path: '/tmp/copy' }, 'naïve,😀\n'],
      [{ do: 'rename', path: '/tmp/a', to: '/out/x' }, failed('EXDEV')],
      [{ do: 'read', path: '/tmp/none' }, failed('ENOENT')],
    );
    expect(onHost('out/from-memory')).toBe('private');
    expect(await ask([{ do: 'read', path: '/tmp/copy' }], 'stranger')).toEqual([failed('ENOENT')]);
  });

  test('are open as many at once as the limit allows', async () => {
    expect(await ask([{ do: 'hold', path: '/data/list.csv', size: 5 }])).toEqual([limited('limit.handles')]);
  });
});
