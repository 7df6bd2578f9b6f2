import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { loadSource, type PythonSource } from '../../host/sources/index.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';

const load = async (base: string, source: string): Promise<PythonSource> =>
  (await loadSource({ name: 'actor', runtime: 'python', source }, base)) as PythonSource;

it('gathers the entry and the Python files of its folder, and no others', async () => {
  const base = makeFolder({
    'above.py': '',
    'actor/main.py': 'import helper',
    'actor/helper.py': 'x = "ü"',
    'actor/inner/__init__.py': '',
    'actor/inner/deep/a.py': '',
    'actor/a.txt': '',
    'actor/.hidden/a.py': '',
    'actor/.hidden.py': '',
    'actor/__pycache__/a.py': '',
    'actor/node_modules/a.py': '',
  });
  const source = await load(base, './actor/main.py');
  expect(source.file).toBe('actor/main.py');
  expect(source.files.map((file) => file.path)).toEqual(['main.py', 'helper.py', 'inner/__init__.py', 'inner/deep/a.py']);
  expect(source.files[1]?.text).toBe('x = "ü"');
});

it('has a hash that changes with any of the files', async () => {
  const [one, same, other] = await Promise.all(['1', '1', '2'].map((value) => load(makeFolder({ 'main.py': '', 'a.py': value }), 'main.py')));
  expect(one?.hash).toBe(same?.hash);
  expect(one?.hash).not.toBe(other?.hash);
});

it('takes an inline actor', async () => {
  const source = await loadSource({ name: 'score', runtime: 'python', code: 'def handle(message, context): pass' }, makeFolder({}));
  expect(source).toMatchObject({ file: 'score.inline.py', files: [{ path: 'score.inline.py', text: 'def handle(message, context): pass' }] });
});

it('refuses a linked file outside the base, follows one inside, and leaves linked folders alone', async () => {
  const folder = makeFolder({ 'base/main.py': '', 'base/lib/real.py': 'inside', 'secret.py': 'token-4711', 'folder/b.py': 'token-4711' });
  const base = path.join(folder, 'base');
  symlinkSync('lib/real.py', path.join(base, 'link.py'));
  symlinkSync('../folder', path.join(base, 'folder'));
  symlinkSync('.', path.join(base, 'circle'));
  const source = await load(base, 'main.py');
  expect(source.files.map((file) => file.path)).toEqual(['main.py', 'lib/real.py', 'link.py']);
  expect(source.files[2]?.text).toBe('inside');

  symlinkSync('../secret.py', path.join(base, 'stolen.py'));
  const error = await failureOf(() => load(base, 'main.py'));
  expect(error.code).toBe('source.outside');
});

it.each([
  ['../secret.py', 'source.outside'],
  ['/etc/passwd', 'source.outside'],
  ['./lost.py', 'source.missing'],
  ['./folder', 'source.missing'],
])('refuses %s as an entry', async (source, code) => {
  const folder = makeFolder({ 'base/folder/a.py': '', 'secret.py': '' });
  expect((await failureOf(() => load(path.join(folder, 'base'), source))).code).toBe(code);
});

it('refuses a folder that holds much more than its actor', async () => {
  const files = Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`part${index}.py`, '']));
  const error = await failureOf(() => load(makeFolder({ 'main.py': '', ...files }), 'main.py'));
  expect(error.record).toMatchObject({ code: 'source.invalid', hint: expect.stringContaining('folder of its own') });
});

it('refuses more than 8 MiB, and text that is not UTF-8', async () => {
  const large = 'x'.repeat(5 * 1024 * 1024);
  expect((await failureOf(() => load(makeFolder({ 'main.py': large, 'a.py': large }), 'main.py'))).code).toBe('source.invalid');
  expect((await failureOf(() => load(makeFolder({ 'main.py': Uint8Array.of(0xff) }), 'main.py'))).message).toContain('not UTF-8');
});

it('refuses an actor with both a source and code, or neither, and a base that is no folder', async () => {
  const base = makeFolder({ 'main.py': '' });
  expect((await failureOf(() => loadSource({ name: 'a', runtime: 'python', source: 'main.py', code: '' }, base))).code).toBe('source.invalid');
  expect((await failureOf(() => loadSource({ name: 'a', runtime: 'python' }, base))).code).toBe('source.invalid');
  expect((await failureOf(() => loadSource({ name: 'a', runtime: 'python', source: 'main.py' }, path.join(base, 'main.py')))).code).toBe('host.option');
});
