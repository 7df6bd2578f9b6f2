import { expect, test } from 'vitest';
import { type CellEvent, createHost } from '../../host/index.ts';

const addOne = 'export const handle = (n) => n + 1;';

/** One that has ended already, of the kill before, is heard of when all that it said was read. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

test('whenever cells are killed, every message of a stream is answered once, in order', async () => {
  await using host = await createHost();
  const pids = new Map<number, number>();
  const reasons: CellEvent['reason'][] = [];
  host.on('cell', ({ event, cell, pid, reason }) => {
    if (event === 'died') {
      pids.delete(cell);
      reasons.push(reason);
    } else if (pid !== undefined) pids.set(cell, pid);
  });
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      first: { runtime: 'javascript', code: addOne },
      away: { runtime: 'javascript', code: addOne, cell: 'own', mailbox: 50 },
      asks: { runtime: 'javascript', code: 'export const handle = async (n, context) => await context.ask("away2", n);' },
      away2: { runtime: 'javascript', code: addOne, cell: 'own' },
    },
    connections: ['first -> away', 'away -> asks', 'asks.questions -> away2'],
    inputs: { in: 'first' },
    outputs: { out: 'asks' },
  });
  const count = 3_000;
  const kills = 6;
  let read = 0;
  let failed = 0;
  function* source() {
    for (let n = 0; n < count; n++) yield n;
  }
  for await (const { status, outputs, errors } of flow.pipe(source(), { input: 'in', window: 100 })) {
    if (status === 'completed') expect(outputs.out).toEqual([read + 3]);
    else {
      failed++;
      expect(errors.map(({ code }) => code)).toEqual(['cell.died']);
      expect(outputs.out).toEqual([]);
    }
    read++;
    // Another cell each time, at whatever it is doing: also while it recovers from the last time.
    if (read % (count / kills) === 0) kill([...pids.values()][read % pids.size] as number);
    if (read % (count / kills) === 20) kill([...pids.values()][0] as number);
  }
  expect(read).toBe(count);
  expect(reasons.length).toBeGreaterThanOrEqual(kills);
  expect(new Set(reasons.map((reason) => reason?.message))).toEqual(new Set(['the cell ended by itself: SIGKILL']));
  // A message that is running at two deaths is a dead letter, one a death at most.
  expect(failed).toBeLessThanOrEqual(reasons.length);
  expect(flow.live).toBe(0);
}, 60_000);
