/** Section G of the corpus, as far as files and the environment go: what a program of WASI reaches, from a real cell. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import { availableLevels } from '../support/levels.ts';
import { answers, Arena } from './harness.ts';
import { services } from './services.ts';

/** Folders with what leads out of them, and beside them what must not be reached. */
function makeFolders(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'vivarium-attacks-')));
  mkdirSync(path.join(folder, 'data/inner'), { recursive: true });
  mkdirSync(path.join(folder, 'out'));
  writeFileSync(path.join(folder, 'secret'), 'not for guests');
  writeFileSync(path.join(folder, 'data/list.csv'), 'list');
  const links = { inside: 'list.csv', outside: '../secret', absolute: '/etc/passwd', upwards: '..', loop: 'loop', dangling: '../made' };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(folder, 'data', name));
  return folder;
}

const untouched = (folder: string): void => {
  expect(readFileSync(path.join(folder, 'secret'), 'utf8')).toBe('not for guests');
  expect(readFileSync(path.join(folder, 'data/list.csv'), 'utf8')).toBe('list');
  expect(readdirSync(folder).sort()).toEqual(['data', 'out', 'secret']);
  expect(readdirSync(path.join(folder, 'data')).sort()).toEqual(['absolute', 'dangling', 'inner', 'inside', 'list.csv', 'loop', 'outside', 'upwards']);
  expect(existsSync(path.join(folder, 'made'))).toBe(false);
};

describe.each(await availableLevels())('G, files and environment of WASI, at level %s', (level) => {
  const folder = makeFolders();
  const limits = { cpu: '30s', wall: '60s', memory: '1GiB', message: '16MiB' };
  const filesystem = { '/data': { path: path.join(folder, 'data'), access: 'read-write' as const } };
  let arena: Arena;
  beforeAll(async () => {
    const ceiling = { services: ['probe.*'], limits, filesystem, environment: { REGION: { default: 'north' } } };
    arena = await Arena.open(level, () => createHost({ sandbox: { minimum: level, maximum: level }, ceiling, services }));
  });
  afterAll(async () => {
    await arena.close(`G, WASI, level ${level}`);
    rmSync(folder, { recursive: true, force: true });
  });
  const policy = { filesystem: { '/data': path.join(folder, 'data') }, environment: { REGION: { default: 'north' } }, limits: { cpu: '10s', wall: '30s' } };

  test('138 paths, links and descriptors lead nowhere outside', { timeout: 60_000 }, async () => {
    const controls = ['control list.csv', 'control inside', 'control inner', 'control renumber', 'control close'];
    await arena.withstand({
      number: 138,
      title: '',
      language: 'wasm',
      source: 'escape.wasm',
      actor: { wasi: true, input: 'json', output: 'json', policy },
      allowed: answers(controls),
      look: () => untouched(folder),
    });
  });

  test('140 the environment holds what the policy grants, and arguments there are none', { timeout: 60_000 }, async () => {
    await arena.withstand({
      number: 140,
      title: '',
      language: 'wasm',
      source: 'escape.wasm',
      actor: { wasi: true, function: 'told', input: 'json', output: 'json', policy },
      allowed: answers([0, 1, 'REGION=north;']),
    });
  });
});
