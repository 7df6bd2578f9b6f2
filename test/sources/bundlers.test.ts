import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createHost } from '../../host/index.ts';
import { Bundlers, loadSource } from '../../host/sources/index.ts';
import { makeFolder } from '../support/folder.ts';
import { gone } from '../support/processes.ts';

/** Processes that this one has started, and that run the bundler. */
function bundlerProcesses(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      return Number(parent) === process.pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('/sources/bundler.') ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A process that was told to end ends soon; on a busy machine less so. Milliseconds. */
const patience = 10_000;

const load = (bundlers: Bundlers, n: number) =>
  loadSource({ name: 'actor', runtime: 'javascript', code: `export const handle = () => ${n};` }, makeFolder({}), { bundlers });

/** The spare, once the process that made the last bundle is gone. */
const theOnly = (): Promise<number[]> =>
  vi.waitFor(() => {
    const processes = bundlerProcesses();
    expect(processes).toHaveLength(1);
    return processes;
  }, patience);

function makeBundlers(keepsSpare: boolean): Bundlers {
  const bundlers = new Bundlers(keepsSpare);
  onTestFinished(() => bundlers.close());
  return bundlers;
}

it('keep one ready once something was bundled, which makes one bundle and is gone', async () => {
  const bundlers = makeBundlers(true);
  await bundlers.refill();
  expect(bundlerProcesses()).toEqual([]);
  await load(bundlers, 1);
  await bundlers.refill();
  const [spare] = await theOnly();
  expect(await load(bundlers, 2)).toMatchObject({ code: expect.stringContaining('2') });
  await gone(spare as number);
  await bundlers.refill();
  await bundlers.refill();
  await vi.waitFor(() => expect(bundlerProcesses()).toHaveLength(1), patience);
  expect(bundlerProcesses()).not.toContain(spare);
});

it('do without one that died', async () => {
  const bundlers = makeBundlers(true);
  await load(bundlers, 1);
  await bundlers.refill();
  const [spare] = await theOnly();
  process.kill(spare as number, 'SIGKILL');
  await gone(spare as number);
  expect(await load(bundlers, 3)).toMatchObject({ code: expect.stringContaining('3') });
});

it('leave nothing behind', async () => {
  const bundlers = makeBundlers(true);
  await load(bundlers, 1);
  await bundlers.refill();
  const [spare] = await theOnly();
  bundlers.close();
  await gone(spare as number);
  await bundlers.refill();
  await vi.waitFor(() => expect(bundlerProcesses()).toEqual([]), patience);
});

it('keep none where none is wanted', async () => {
  const bundlers = makeBundlers(false);
  await load(bundlers, 1);
  await bundlers.refill();
  await vi.waitFor(() => expect(bundlerProcesses()).toEqual([]), patience);
});

it('bundle an actor with a cell of its own apart from its neighbours', async () => {
  const folder = path.join(makeFolder({}), 'cache');
  await using host = await createHost({ cache: { folder } });
  const actor = { runtime: 'javascript', code: 'export const handle = (n) => n;' } as const;
  await host.deploy({ vivarium: 1, actors: { a: actor, b: actor, c: { ...actor, cell: 'own' } }, inputs: { in: 'a' } });
  const entries = readdirSync(folder).map((name) => {
    const { bundles } = JSON.parse(readFileSync(path.join(folder, name), 'utf8').split('\n')[1] as string) as { bundles: { map: string }[] };
    return bundles.flatMap(({ map }) => (JSON.parse(map) as { sources: string[] }).sources);
  });
  expect(entries.toSorted((one, other) => one.length - other.length)).toEqual([['actor:c.inline.ts'], ['actor:a.inline.ts', 'actor:b.inline.ts']]);
});
