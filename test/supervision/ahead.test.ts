/** Messages that are sent behind `create`: they wait in the cell while their actor starts, and whatever becomes of that, each is answered as if it had waited in the host. */
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type CellEvent, createHost, type Host } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const policy = { services: ['start.*'] };
const late = {
  runtime: 'javascript',
  policy,
  code: `export const start = async ({ services }) => { if (!(await services.start.pass())) throw new Error('not today'); };
         export const handle = (m, { execution }) => [m, execution.attempt];`,
} as const;
const plain = { runtime: 'javascript', code: 'export const handle = (m, { execution }) => [m, execution.attempt];' } as const;
const flow = {
  vivarium: 1,
  actors: { late, plain },
  inputs: { late: 'late', plain: 'plain' },
  outputs: { out: ['late.out', 'plain.out'] },
} as const;

/** A host in which `late` starts when the test lets it. */
async function openHost() {
  const starts: { pass(): void; fail(): void }[] = [];
  const waiting: ((start: (typeof starts)[number]) => void)[] = [];
  const handle = () =>
    new Promise<boolean>((resolve) => {
      const start = { pass: () => resolve(true), fail: () => resolve(false) };
      const wake = waiting.shift();
      if (wake === undefined) starts.push(start);
      else wake(start);
    });
  const host = await createHost({ ceiling: policy, services: { start: { pass: { input: z.unknown(), output: z.unknown(), handle } } } });
  const events: CellEvent[] = [];
  host.on('cell', (event) => events.push(event));
  return {
    host,
    events,
    started: () =>
      new Promise<(typeof starts)[number]>((resolve) => {
        const start = starts.shift();
        if (start === undefined) waiting.push(resolve);
        else resolve(start);
      }),
  };
}

const deploy = (host: Host) => host.deploy(flow, { start: 'message' });

/** All that waits does so in the cell. */
const inCell = (deployed: Awaited<ReturnType<typeof deploy>>, messages: number): Promise<void> =>
  vi.waitFor(() => expect(deployed.status().actors[0]).toMatchObject({ state: 'waking', waiting: { host: 0, cell: messages } }), 10_000);

const lastPid = (events: readonly CellEvent[]): number => events.findLast(({ event }) => event === 'started' || event === 'replaced')?.pid as number;

test('they are there when it has started, in their order', async () => {
  const { host, started } = await openHost();
  await using _ = host;
  const deployed = await deploy(host);
  const asked = Promise.all([1, 2, 3].map((n) => deployed.ask('late', n)));
  const start = await started();
  const more = Promise.all([4, 5].map((n) => deployed.ask('late', n)));
  await inCell(deployed, 5);
  start.pass();
  expect(await asked).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  expect(await more).toEqual([
    [4, 1],
    [5, 1],
  ]);
});

test('a cell that dies meanwhile has begun none of them: they wait for the next, and nothing runs again', async () => {
  const { host, events, started } = await openHost();
  await using _ = host;
  const deployed = await deploy(host);
  expect(await deployed.ask('plain', 0)).toEqual([0, 1]);
  const asked = Promise.all([1, 2, 3].map((n) => deployed.ask('late', n)));
  await started();
  await inCell(deployed, 3);
  process.kill(lastPid(events), 'SIGKILL');
  (await started()).pass();
  expect(await asked).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  expect(await deployed.ask('plain', 4)).toEqual([4, 1]);
  expect(events.map(({ event }) => event)).toEqual(['started', 'died', 'replaced']);
});

test('an actor that does not start: each is answered with why, and its execution has ended', async () => {
  const { host, started } = await openHost();
  await using _ = host;
  const deployed = await deploy(host);
  const asked = failureOf(() => deployed.ask('late', 1));
  const running = deployed.run({ late: 2, plain: 2 });
  const start = await started();
  await inCell(deployed, 2);
  start.fail();
  expect(await asked).toMatchObject({ code: 'actor.start', message: 'not today', record: { actor: 'late' } });
  expect(await running).toMatchObject({ status: 'failed', outputs: { out: [[2, 1]] }, errors: [{ code: 'actor.start', message: 'not today', actor: 'late' }] });
  expect(deployed.status()).toMatchObject({ executions: 0, actors: [{ waiting: { host: 0 } }, {}] });
  // It is let alone for a while, and then tried again.
  expect(await failureOf(() => deployed.ask('late', 3))).toMatchObject({ code: 'actor.start', message: 'not today' });
  const again = started();
  const answer = vi.waitFor(() => deployed.ask('late', 4), 10_000);
  (await again).pass();
  expect(await answer).toEqual([4, 1]);
});

test('one that is cancelled ends at once, though its actor has not started', async () => {
  const { host, started } = await openHost();
  await using _ = host;
  const deployed = await deploy(host);
  const cancelled = await deployed.start({ late: 1 });
  const stays = deployed.ask('late', 2);
  const start = await started();
  await inCell(deployed, 2);
  await cancelled.cancel('no more');
  expect(await cancelled.result).toMatchObject({ status: 'cancelled' });
  start.pass();
  expect(await stays).toEqual([2, 1]);
});
