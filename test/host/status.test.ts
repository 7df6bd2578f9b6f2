import { expect, test, vi } from 'vitest';
import { createHost, type FlowStatus } from '../../host/index.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

const waitingIn = ({ actors }: FlowStatus): number => actors.reduce((sum, { waiting }) => sum + waiting.host + waiting.cell, 0);

test('a flow at rest says what its actors have done', async () => {
  await using host = await createHost();
  const cells: number[] = [];
  host.on('cell', ({ event, cell }) => event === 'started' && cells.push(cell));
  const flow = await host.deploy({
    vivarium: 1,
    namespace: 'calm',
    actors: {
      twice: javascript('export function* handle(n) { yield n; yield n; }'),
      once: javascript('export const handle = (n) => n;', { cell: 'own', concurrency: 3 }),
    },
    connections: ['twice -> once'],
    inputs: { in: 'twice' },
    outputs: { out: 'once' },
  });
  const results = await Promise.all([flow.run({ in: 1 }), flow.run({ in: 2 }), flow.run({ in: 3 })]);
  const { namespace, executions, actors } = flow.status();
  expect({ namespace, executions }).toEqual({ namespace: 'calm', executions: 0 });
  expect(actors).toMatchObject([
    { name: 'twice', runtime: 'javascript', concurrency: 1, state: 'live', turns: 3, waiting: { host: 0 } },
    { name: 'once', runtime: 'javascript', concurrency: 3, state: 'live', turns: 6, waiting: { host: 0 } },
  ]);
  expect(actors.flatMap((actor) => actor.cells).toSorted()).toEqual(cells.toSorted());
  // What the flow has taken is what its executions have.
  for (const { name, time } of actors) expect(time).toBeCloseTo(results.reduce((sum, result) => sum + (result.actors[name]?.time ?? 0), 0));
  await vi.waitFor(() => expect(waitingIn(flow.status())).toBe(0), 5_000);
});

test('what waits is told where it waits, what actors of one cell send each other included', async () => {
  await using host = await createHost();
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      feed: javascript('export const handle = (n) => n;', { mailbox: 4 }),
      stuck: javascript('export const handle = () => new Promise(() => {});', { mailbox: 4, policy: { limits: { wall: '60s' } } }),
    },
    connections: ['feed -> stuck'],
    inputs: { in: 'feed' },
  });
  for (let n = 0; n < 30; n++) void flow.run({ in: n });
  const told = await vi.waitFor(() => {
    const status = flow.status();
    expect(waitingIn(status)).toBe(30);
    expect(status.actors[1]?.waiting.cell).toBeGreaterThanOrEqual(4);
    return status;
  }, 10_000);
  const [feed, stuck] = told.actors;
  expect(told.executions).toBe(30);
  expect(stuck).toMatchObject({ turns: 0, waiting: { host: 0 } });
  expect(feed?.waiting.host).toBeGreaterThanOrEqual(30 - 4 - 4 - 4 - 1);
});
