import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);

/** What may stand at the root: see docs/architecture.md. */
const rootEntries = [
  '.ci',
  '.dependency-cruiser.cjs',
  '.gitignore',
  '.npmrc',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'bench',
  'biome.jsonc',
  'docs',
  'examples',
  'host',
  'package-lock.json',
  'package.json',
  'runtimes',
  'sandbox-policies',
  'sdk',
  'test',
  'tsconfig.build.json',
  'tsconfig.guest.json',
  'tsconfig.json',
  'vitest.config.ts',
];

/** Built by others, and under test here as they built them: see the README there. */
const othersPrograms = 'test/wasm/wasi-testsuite/';

describe('the repository', () => {
  test('has nothing at its root that the architecture does not name', () => {
    expect([...new Set(tracked.map((file) => file.split('/')[0]))].sort()).toEqual([...rootEntries].sort());
  });

  test('has no source file of more than 600 lines, and no built file', () => {
    const sources = tracked.filter((file) => /\.(ts|py)$/.test(file) && !file.startsWith('test/'));
    const long = sources.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 600);
    expect(long).toEqual([]);
    const own = tracked.filter((file) => !file.startsWith(othersPrograms));
    expect(own.filter((file) => /(^|\/)(dist|node_modules)\/|\.wasm$|\.snapshot$/.test(file))).toEqual([]);
  });

  test('pins every package exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });
});
