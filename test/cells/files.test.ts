import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cellFiles } from '../../host/cells/files.ts';

const contents = { 'cell.cjs': 'process.exit()', 'python/standard.zip': 'zip' };
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
const hashes = Object.fromEntries(Object.entries(contents).map(([name, content]) => [name, sha256(content)]));

/** A folder of cell files as the build leaves it. */
function built(manifest: unknown = { files: hashes, isolatedVm: '7.0.1' }): string {
  const folder = mkdtempSync(join(tmpdir(), 'cell-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

const refused = (file: string) => ({
  code: 'host.unsupported',
  message: expect.stringContaining(file),
  record: expect.objectContaining({ hint: expect.stringContaining('npm run build') }),
});

test('files that are as they were built are accepted', async () => {
  const folder = built();
  expect(await cellFiles(folder)).toEqual({ folder, names: Object.keys(contents), isolatedVm: '7.0.1' });
});

test.each(Object.keys(contents))('a changed %s is refused by name', async (name) => {
  const folder = built();
  writeFileSync(join(folder, name), `${contents[name as keyof typeof contents]} `);
  await expect(cellFiles(folder)).rejects.toMatchObject(refused(join(folder, name)));
});

test('a missing file is refused by name', async () => {
  const folder = built();
  rmSync(join(folder, 'cell.cjs'));
  await expect(cellFiles(folder)).rejects.toMatchObject(refused(join(folder, 'cell.cjs')));
});

test('what was refused is looked at again', async () => {
  const folder = built();
  writeFileSync(join(folder, 'cell.cjs'), 'other');
  await expect(cellFiles(folder)).rejects.toThrow();
  writeFileSync(join(folder, 'cell.cjs'), contents['cell.cjs']);
  expect((await cellFiles(folder)).folder).toBe(folder);
});

test('a folder that was not built is refused', async () => {
  const folder = built();
  rmSync(join(folder, 'manifest.json'));
  await expect(cellFiles(folder)).rejects.toMatchObject(refused(join(folder, 'manifest.json')));
});

test.each(['../cell.cjs', '/etc/passwd', 'python/../../x', './cell.cjs', 'python/', ''])('a list that names %j is refused', async (name) => {
  await expect(cellFiles(built({ files: { [name]: sha256('') } }))).rejects.toMatchObject(refused('manifest.json'));
});

test('the program of a cell holds no library that only the host needs', async () => {
  const { folder } = await cellFiles();
  const program = readFileSync(join(folder, 'cell.cjs'), 'utf8');
  // esbuild says before each file of a package which it is.
  const packages = new Set([...program.matchAll(/^\/\/ .*node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name]) => name));
  expect([...packages]).not.toContain('zod');
  expect(program).toContain('// runtimes/cell/main.ts');
});
