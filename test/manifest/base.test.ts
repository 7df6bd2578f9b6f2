import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveInside } from '../../host/manifest/base.ts';

let folder: string;
let base: string;
let manifest: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vivarium-base-')));
  base = join(folder, 'base');
  manifest = join(base, 'vivarium.yaml');
  mkdirSync(join(base, 'actors', 'deep'), { recursive: true });
  mkdirSync(join(folder, 'base-twin'));
  writeFileSync(join(base, 'actors', 'score.ts'), 'inside');
  writeFileSync(join(folder, 'secret.ts'), 'outside');
  writeFileSync(join(folder, 'base-twin', 'secret.ts'), 'outside');
  symlinkSync('actors/score.ts', join(base, 'link-inside.ts'));
  symlinkSync(join(base, 'actors'), join(base, 'link-absolute'));
  symlinkSync('../../actors/score.ts', join(base, 'actors', 'deep', 'up.ts'));
  symlinkSync('../secret.ts', join(base, 'link-outside.ts'));
  symlinkSync('../does-not-exist.ts', join(base, 'link-nowhere.ts'));
  symlinkSync(folder, join(base, 'link-folder'));
  symlinkSync('link-outside.ts', join(base, 'link-chain.ts'));
  symlinkSync('circle-b.ts', join(base, 'circle-a.ts'));
  symlinkSync('circle-a.ts', join(base, 'circle-b.ts'));
  symlinkSync(base, join(folder, 'linked-base'));
});

afterAll(() => rmSync(folder, { recursive: true }));

const codeOf = (path: string): string => {
  try {
    return resolveInside(base, manifest, path);
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
};

describe('files inside the base folder', () => {
  test.each(['./actors/score.ts', 'actors/score.ts', 'actors/deep/../score.ts', './link-inside.ts', 'link-absolute/score.ts', 'actors/deep/up.ts'])(
    '%s',
    (path) => {
      expect(codeOf(path)).toBe(join(base, 'actors', 'score.ts'));
    },
  );

  test('absolute, and relative to the file that states them', () => {
    expect(codeOf(join(base, 'actors/score.ts'))).toBe(join(base, 'actors', 'score.ts'));
    expect(resolveInside(base, join(base, 'actors', 'deep', 'a.yaml'), '../score.ts')).toBe(join(base, 'actors', 'score.ts'));
  });

  test('through a base folder that is itself a link', () => {
    const linked = join(folder, 'linked-base');
    expect(resolveInside(linked, join(linked, 'vivarium.yaml'), 'link-absolute/score.ts')).toBe(join(base, 'actors', 'score.ts'));
  });
});

describe('files outside are refused', () => {
  test.each([
    ['../secret.ts', 'source.outside'],
    ['/etc/passwd', 'source.outside'],
    ['actors/../../secret.ts', 'source.outside'],
    ['../base-twin/secret.ts', 'source.outside'],
    ['link-outside.ts', 'source.outside'],
    ['link-folder/secret.ts', 'source.outside'],
    ['link-chain.ts', 'source.outside'],
    ['missing.ts', 'source.missing'],
    ['actors', 'source.missing'],
    ['actors/score.ts/x', 'source.missing'],
    ['circle-a.ts', 'source.missing'],
    ['', 'source.missing'],
    ['a\0b', 'source.missing'],
    ['x'.repeat(5000), 'source.missing'],
  ])('%s', (path, code) => {
    expect(codeOf(path)).toBe(code);
  });

  test('the answer does not tell whether a file outside exists', () => {
    expect(codeOf('link-nowhere.ts')).toBe(codeOf('link-outside.ts'));
    expect(codeOf('../does-not-exist.ts')).toBe(codeOf('../secret.ts'));
  });

  test('control: comparing paths without resolving links lets a link lead out', () => {
    const naive = resolve(base, 'link-outside.ts');
    expect(naive.startsWith(base)).toBe(true);
    expect(readFileSync(naive, 'utf8')).toBe('outside');
  });

  test('a base folder that does not exist is the mistake of whoever named it', () => {
    expect(() => resolveInside(join(folder, 'nowhere'), manifest, 'a.ts')).toThrow(expect.objectContaining({ code: 'host.option' }));
  });
});
