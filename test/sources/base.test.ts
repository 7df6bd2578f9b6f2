import { renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findEntry, openBase, readSource } from '../../host/sources/base.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';

const tooLarge = (bytes: number) => new VivariumError('source.invalid', `${bytes} bytes`);

it('does not read through a folder that was swapped for a link after the path was checked', async () => {
  const folder = makeFolder({ 'base/inner/a.ts': 'inside', 'secrets/a.ts': 'token-4711' });
  const base = openBase(path.join(folder, 'base'));
  const file = findEntry(base, './inner/a.ts');
  expect((await readSource(file, 100, tooLarge)).toString()).toBe('inside');

  renameSync(path.join(folder, 'base/inner'), path.join(folder, 'base/moved'));
  symlinkSync('../secrets', path.join(folder, 'base/inner'));
  expect((await failureOf(() => readSource(file, 100, tooLarge))).code).toBe('source.outside');
});

it('reads no more than it may, and nothing that has gone', async () => {
  const folder = makeFolder({ 'a.ts': 'x'.repeat(101) });
  const file = findEntry(openBase(folder), 'a.ts');
  expect((await failureOf(() => readSource(file, 100, tooLarge))).message).toBe('101 bytes');
  renameSync(path.join(folder, 'a.ts'), path.join(folder, 'b.ts'));
  expect((await failureOf(() => readSource(file, 100, tooLarge))).code).toBe('source.missing');
});

it('opens folders only', async () => {
  const folder = makeFolder({ 'a.ts': '' });
  for (const name of ['a.ts', 'lost']) expect((await failureOf(() => openBase(path.join(folder, name)))).code).toBe('host.option');
});
