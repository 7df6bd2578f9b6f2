/** `node:fs/promises` in an actor is Node's: one program tells the same in both. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHost, type Host } from '../../../host/index.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { tell } from './program.ts';

let host: Host;
beforeAll(async () => {
  host = await createHost({ ceiling: 'unrestricted' });
});
afterAll(() => host.close());

const granted = (folder: string) => ({ filesystem: { '/data': { path: folder, access: 'read-write' as const } }, limits: { cpu: '10s', wall: '30s' } });

const deploy = (code: string, folder: string) =>
  host.deploy({ vivarium: 1, actors: { clerk: { runtime: 'javascript', code, policy: granted(folder) } }, inputs: { in: 'clerk' }, outputs: { out: 'clerk' } });

/** As if it had happened in `/data`. */
const asData = (told: unknown, root: string): unknown => JSON.parse(JSON.stringify(told).replaceAll(root, '/data'));

describe.each(['/data', '/tmp'])('in %s', (root) => {
  test('a program tells what it tells in Node', async () => {
    const folder = makeFolder({});
    for (const name of ['guest', 'node']) mkdirSync(join(folder, name));
    const flow = await host.deploy(
      {
        vivarium: 1,
        actors: { clerk: { source: join(import.meta.dirname, 'program.ts'), policy: granted(join(folder, 'guest')) } },
        inputs: { in: 'clerk' },
        outputs: { out: 'clerk' },
      },
      { base: join(import.meta.dirname, '../../..') },
    );
    const guests = asData(await flow.ask('in', root), root);
    const nodes = asData(await tell(join(folder, 'node')), join(folder, 'node'));
    expect(guests).toEqual(nodes);
  });
});

describe('importing', () => {
  test.each([
    ["import { readFile } from 'node:fs/promises';", 'readFile'],
    ["import { readFile } from 'fs/promises';", 'readFile'],
    ["import files from 'node:fs/promises';", 'files.readFile'],
    ["import * as files from 'node:fs/promises';", 'files.readFile'],
    ["import { promises } from 'node:fs';", 'promises.readFile'],
    ["import fs from 'fs';", 'fs.promises.readFile'],
    ["const { readFile } = await import('node:fs/promises');", 'readFile'],
    ["import { readFile } from 'node:fs/promises';\nconst vivarium$module = 1;", 'readFile'],
  ])('%s', async (text, name) => {
    const flow = await deploy(`${text}\nexport const handle = (path) => ${name}(path, 'utf8');`, makeFolder({ a: 'read' }));
    expect(await flow.ask('in', '/data/a')).toBe('read');
  });

  test('for types alone', async () => {
    const flow = await deploy(
      "import type { Stats } from 'node:fs';\nimport { type FileHandle } from 'node:fs/promises';\nexport const handle = (n: number): number => n;",
      '/tmp',
    );
    expect(await flow.ask('in', 1)).toBe(1);
  });

  test('what is not there is a mistake in the source, with its place', async () => {
    const failure = await failureOf(() => deploy("import { readFileSync } from 'node:fs';\nexport const handle = readFileSync;", '/tmp'));
    expect(failure).toMatchObject({ code: 'source.invalid', message: expect.stringContaining('readFileSync'), record: { line: 1 } });
  });

  test('gives functions, and nothing that leads further', async () => {
    const flow = await deploy(
      `import * as files from 'node:fs/promises';
       export const handle = async () => {
         const file = await files.open('/tmp/x', 'w');
         return [Object.isFrozen(files.default), typeof vivarium$module, Object.keys(file), file.constructor === Object, typeof globalThis.vivarium$module,
           files.readFile.constructor('return typeof process')()];
       };`,
      '/tmp',
    );
    expect(await flow.ask('in', null)).toEqual([true, 'function', [], true, 'undefined', 'undefined']);
  });
});

describe('a failure', () => {
  test('shows the lines of the author, and nothing of ours or of the host', async () => {
    const folder = makeFolder({});
    const flow = await deploy(
      `import { readFile } from 'node:fs/promises';
       async function load(path) {
         return await readFile(path);
       }
       export const handle = (path) => load(path);`,
      folder,
    );
    const { errors } = await flow.run({ in: '/data/none' });
    expect(errors).toMatchObject([{ code: 'actor.failed', name: 'Error', message: "ENOENT: no such file or directory, open '/data/none'", line: 3 }]);
    expect(errors[0]?.stack).toMatch(/^Error: ENOENT: .*\n {4}at load \(clerk\.inline\.ts:3:\d+\)/);
    expect(JSON.stringify(errors)).not.toContain(folder);
    const denied = await flow.run({ in: '/etc/passwd' });
    expect(denied.errors).toMatchObject([{ code: 'policy.denied', line: expect.any(Number), hint: expect.stringContaining('/etc') }]);
  });
});
