/** A file of 1 GiB goes through a guest, and neither host nor cell grows with it. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createHost } from '../../../host/index.ts';
import { makeFolder } from '../../support/folder.ts';

const MiB = 1024 ** 2;
const size = 1024 * MiB;

/** Resident memory of a process in MiB. */
const resident = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('1 GiB is read within the memory of an actor', async () => {
  const folder = makeFolder({});
  writeFileSync(join(folder, 'large'), '');
  truncateSync(join(folder, 'large'), size);
  await using host = await createHost({ ceiling: 'unrestricted' });
  let cell = 0;
  host.on('cell', ({ pid }) => {
    cell = pid ?? cell;
  });
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      reader: {
        runtime: 'javascript',
        code: `import { open } from 'node:fs/promises';
          export const handle = async (end) => {
            let length = 0;
            for await (const bytes of (await open('/data/large')).createReadStream({ end })) length += bytes.length;
            return length;
          };`,
        policy: { filesystem: { '/data': folder }, limits: { wall: '5m', cpu: '5m', memory: '64MiB' } },
      },
    },
    inputs: { in: 'reader' },
    outputs: { out: 'reader' },
  });
  // What a little of it needs, once.
  expect(await flow.ask('in', 64 * MiB - 1)).toBe(64 * MiB);
  const before = { host: resident(process.pid), cell: resident(cell) };
  const most = { host: 0, cell: 0 };
  const watch = setInterval(() => {
    most.host = Math.max(most.host, resident(process.pid) - before.host);
    most.cell = Math.max(most.cell, resident(cell) - before.cell);
  }, 20);
  try {
    expect(await flow.ask('in', size - 1)).toBe(size);
  } finally {
    clearInterval(watch);
  }
  expect(most.host, 'MiB by which the host grew').toBeLessThan(64);
  expect(most.cell, 'MiB by which the cell grew').toBeLessThan(128);
}, 120_000);
