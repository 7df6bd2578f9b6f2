import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type CellEvent, createHost, type Host } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const policy = { services: ['start.*'] };
const lethal = '"ab".repeat(2 ** 27).split("")';

/** Starts as the test says: `fine`, `fails`, `dies`. */
const moody = {
  runtime: 'javascript',
  policy,
  code: `export const start = async ({ services }) => { const how = await services.start.how(); if (how === 'fails') throw new Error('not today'); if (how === 'dies') ${lethal}; }; export const handle = (m) => m;`,
} as const;
const plain = { runtime: 'javascript', code: 'export const handle = (m) => m;' } as const;
const flow = {
  vivarium: 1,
  actors: { moody, plain },
  connections: ['plain.side -> moody'],
  inputs: { moody: 'moody', plain: 'plain' },
  outputs: { out: ['moody.out', 'plain.out'] },
} as const;

async function moodyHost() {
  const mood = { now: 'fine' };
  const host = await createHost({ ceiling: policy, services: { start: { how: { input: z.unknown(), output: z.string(), handle: () => mood.now } } } });
  const events: CellEvent[] = [];
  host.on('cell', (event) => events.push(event));
  return { host, mood, events };
}

/** Kills the present cell and waits for the event. */
async function killUntil(host: Host, events: readonly CellEvent[], wanted: CellEvent['event']): Promise<void> {
  const happened = new Promise<void>((resolve) => {
    const remove = host.on('cell', ({ event }) => {
      if (event !== wanted) return;
      remove();
      resolve();
    });
  });
  process.kill(events.findLast(({ event }) => event === 'started' || event === 'replaced')?.pid as number, 'SIGKILL');
  await happened;
}

describe('an actor that does not start again', () => {
  test('is held back, and its neighbours go on without it', async () => {
    const { host, mood, events } = await moodyHost();
    await using _ = host;
    const deployed = await host.deploy(flow);
    mood.now = 'fails';
    await killUntil(host, events, 'quarantined');
    expect(await deployed.ask('plain', 1)).toBe(1);
    expect(await failureOf(() => deployed.ask('moody', 1))).toMatchObject({
      code: 'actor.quarantined',
      message: expect.stringContaining('could not be started again'),
      record: { actor: 'moody' },
    });
    expect(await failureOf(() => deployed.release('moody'))).toMatchObject({ code: 'actor.start', message: 'not today', record: { actor: 'moody' } });
    mood.now = 'fine';
    await deployed.release('moody');
    expect(await deployed.ask('moody', 2)).toBe(2);
    await killUntil(host, events, 'replaced');
    expect(await deployed.ask('moody', 3)).toBe(3);
  });

  test('and kills its cell each time is held back after five deaths', async () => {
    const { host, mood, events } = await moodyHost();
    await using _ = host;
    const deployed = await host.deploy(flow);
    mood.now = 'dies';
    const waiting = deployed.run({ plain: 'patient' });
    await killUntil(host, events, 'quarantined');
    expect(await waiting).toMatchObject({ status: 'completed' });
    expect(await deployed.ask('plain', 1)).toBe(1);
    expect(await failureOf(() => deployed.ask('moody', 1))).toMatchObject({ code: 'actor.quarantined' });
  }, 90_000);
});

test('an actor that kills its cell as it starts is named by the failure of the deployment', async () => {
  const { host, mood } = await moodyHost();
  await using _ = host;
  mood.now = 'dies';
  expect(await failureOf(() => host.deploy(flow))).toMatchObject({
    code: 'actor.start',
    message: expect.stringContaining("the cell died while 'moody' started"),
    record: { actor: 'moody' },
  });
  mood.now = 'fine';
  const deployed = await host.deploy(flow);
  expect(await deployed.ask('moody', 1)).toBe(1);
});

test('a host that is closed while it deploys leaves nothing behind', async () => {
  const { host, events } = await moodyHost();
  const deploying = failureOf(() =>
    host.deploy({ ...flow, actors: { moody: { ...moody, code: 'export const start = () => new Promise(() => {}); export const handle = () => {};' }, plain } }),
  );
  await new Promise(setImmediate);
  await host.close();
  expect(await deploying).toMatchObject({ code: expect.stringMatching(/^(host\.closed|actor\.start|cell\.start)$/) });
  expect(host.report()).toMatchObject({ cells: 0, namespaces: [] });
  expect(events).toEqual([]);
});
