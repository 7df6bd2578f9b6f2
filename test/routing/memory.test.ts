/** However slowly the outputs are read, neither the host nor the cell holds ever more of what is on its way. */
import { readFileSync } from 'node:fs';
import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createHost } from '../../host/index.ts';

const count = 100_000;
const size = 2_000;
const MiB = 1024 * 1024;
/** Half of what the later half of the messages weighs: what is held grows by less if it is flat, and by more if it is kept. */
const flat = (count * size) / 4;
const policy = { limits: { cpu: '60s', wall: '120s', memory: '64MiB', outbound: { messages: count + 1, bytes: '256MiB' } } } as const;

const residentBytes = (pid: number | 'self'): number => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;

/** By how much the most that both processes have during the later half of the messages exceeds the most during the earlier half. */
async function growth(keep: (message: unknown) => void): Promise<{ read: number; host: number; cell: number }> {
  const host = await createHost({ ceiling: policy });
  onTestFinished(() => host.close());
  let pid = 0;
  host.on('cell', (event) => {
    if (event.event === 'started') pid = event.pid ?? 0;
  });
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      source: {
        runtime: 'javascript',
        code: `export function* handle(count) { for (let n = 0; n < count; n++) yield (n + ' ').padEnd(${size}, 'x'); }`,
        policy,
      },
      hand: { runtime: 'javascript', code: 'export const handle = (message) => message;', policy },
    },
    connections: ['source -> hand'],
    inputs: { in: 'source' },
    outputs: { out: 'hand' },
  });
  const execution = await flow.start({ in: count });
  const early = { host: 0, cell: 0 };
  const late = { host: 0, cell: 0 };
  let read = 0;
  for await (const { message } of execution.outputs) {
    keep(message);
    if (read++ % 100 !== 0) continue;
    await nextRound();
    const { heapUsed, external } = process.memoryUsage();
    const most = read < count / 2 ? early : late;
    most.host = Math.max(most.host, heapUsed + external);
    most.cell = Math.max(most.cell, residentBytes(pid));
  }
  return { read, host: late.host - early.host, cell: late.cell - early.cell };
}

test('a slow reader of 100,000 messages makes host and cell wait, not grow', async () => {
  const { read, host, cell } = await growth(() => undefined);
  process.stdout.write(`the later half: ${Math.round(host / MiB)} MiB more in the host, ${Math.round(cell / MiB)} MiB more in the cell\n`);
  expect(read).toBe(count);
  expect(host).toBeLessThan(flat);
  expect(cell).toBeLessThan(flat);
}, 120_000);

test('one that keeps them all shows in the same measure', async () => {
  const kept: unknown[] = [];
  const { read, host } = await growth((message) => kept.push(message));
  expect(read).toBe(kept.length);
  expect(host).toBeGreaterThan(flat);
}, 120_000);
