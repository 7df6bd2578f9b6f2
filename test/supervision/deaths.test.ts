import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type CellEvent, createHost, type Host } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

/** Kills the whole cell, not its isolate alone: V8 aborts the process. */
const lethal = 'const die = () => "ab".repeat(2 ** 27).split("");';

/** Echoes; dies of 'poison'. */
const fragile = javascript(`${lethal} export const handle = (m) => { if (m === 'poison') die(); return m; };`);

const listenToCells = (host: Host): { readonly all: CellEvent[]; next(event: CellEvent['event'], namespace?: string): Promise<CellEvent> } => {
  const all: CellEvent[] = [];
  const waiting = new Set<() => void>();
  host.on('cell', (event) => {
    all.push(event);
    for (const wake of [...waiting]) wake();
  });
  let seen = 0;
  const next = (wanted: CellEvent['event'], namespace = 'default') =>
    new Promise<CellEvent>((resolve) => {
      const look = () => {
        for (; seen < all.length; seen++) {
          const event = all[seen] as CellEvent;
          if (event.event !== wanted || event.namespace !== namespace) continue;
          seen++;
          waiting.delete(look);
          resolve(event);
          return;
        }
      };
      waiting.add(look);
      look();
    });
  return { all, next };
};

/** The process of the cell that a namespace has now. */
const pidOf = ({ all }: { readonly all: readonly CellEvent[] }, namespace = 'default'): number =>
  all.findLast(({ event, namespace: place }) => (event === 'started' || event === 'replaced') && place === namespace)?.pid as number;

/** A service that guests can wait in until the test lets them go. */
const turnstile = () => {
  const inside: (() => void)[] = [];
  let arrived: (() => void) | undefined;
  let wanted = 0;
  let open = false;
  const enter = () =>
    new Promise<void>((resolve) => {
      if (open) resolve();
      else inside.push(resolve);
      if (inside.length >= wanted) arrived?.();
    });
  return {
    services: { turnstile: { enter: { input: z.unknown(), output: z.unknown(), handle: enter } } },
    full: (count: number) =>
      new Promise<void>((resolve) => {
        wanted = count;
        arrived = resolve;
        if (inside.length >= count) resolve();
      }),
    open: () => {
      open = true;
      for (const go of inside.splice(0)) go();
    },
  };
};

const policy = { services: ['turnstile.*'] };

describe('a cell that is killed from outside', () => {
  test('is replaced, and what was in it runs again', async () => {
    const gate = turnstile();
    await using host = await createHost({ ceiling: policy, services: gate.services });
    const cells = listenToCells(host);
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        first: javascript('export const handle = (n) => n + 1;'),
        waits: javascript('export const handle = async (n, { services, execution }) => { await services.turnstile.enter(); return [n, execution.attempt]; };', {
          policy,
          concurrency: 32,
        }),
      },
      connections: ['first -> waits'],
      inputs: { in: 'first' },
      outputs: { out: 'waits', early: 'first' },
    });
    const running = Array.from({ length: 200 }, (_, n) => flow.run({ in: n }));
    await gate.full(32);
    process.kill(pidOf(cells), 'SIGKILL');
    gate.open();
    expect((await cells.next('died')).reason).toMatchObject({ code: 'cell.died', message: expect.stringContaining('SIGKILL') });
    const results = await Promise.all(running);
    expect(results.map(({ status }) => status)).toEqual(Array(200).fill('completed'));
    // Nothing twice, nothing missing: what the first attempt had sent is forgotten.
    expect(results.map(({ outputs }) => outputs.early)).toEqual(Array.from({ length: 200 }, (_, n) => [n + 1]));
    expect(results.map(({ outputs }) => (outputs.out[0] as [number, number])[0])).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(new Set(results.map(({ outputs }) => (outputs.out[0] as [number, number])[1]))).toContain(2);
    expect(cells.all.map(({ event }) => event)).toEqual(['started', 'died', 'replaced']);
    expect(await flow.run({ in: 1 })).toMatchObject({ status: 'completed', outputs: { out: [[2, 1]] } });
  });

  test('does not disturb another namespace, nor another cell of its own', async () => {
    await using host = await createHost();
    const cells = listenToCells(host);
    const echo = javascript('let served = 0; export const handle = () => ++served;');
    const victim = await host.deploy({ vivarium: 1, namespace: 'victim', actors: { echo }, inputs: { in: 'echo' }, outputs: { out: 'echo' } });
    const flow = await host.deploy({
      vivarium: 1,
      actors: { fragile, beside: { ...echo, cell: 'own' } },
      inputs: { in: 'fragile', beside: 'beside' },
      outputs: { out: 'fragile', counted: 'beside' },
    });
    const [first] = cells.all.filter(({ namespace }) => namespace === 'default');
    for (let round = 1; round <= 3; round++) {
      const died = cells.next('replaced');
      process.kill(pidOf(cells), 'SIGKILL');
      expect(await victim.ask('in', null)).toBe(2 * round - 1);
      await died;
      expect(await victim.ask('in', null)).toBe(2 * round);
      expect(await flow.ask('in', 'hello')).toBe('hello');
    }
    expect(first?.pid).not.toBe(pidOf(cells));
    expect(cells.all.filter(({ namespace }) => namespace === 'victim').map(({ event }) => event)).toEqual(['started']);
  });

  test('answers an ask that was under way, and streams on', async () => {
    const gate = turnstile();
    await using host = await createHost({ ceiling: policy, services: gate.services });
    const cells = listenToCells(host);
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        two: javascript(
          'export async function* handle(m, { services, execution }) { yield ["first", execution.attempt]; await services.turnstile.enter(); yield ["second", execution.attempt]; }',
          { policy, concurrency: 4 },
        ),
      },
      inputs: { in: 'two' },
      outputs: { out: 'two' },
    });
    const execution = await flow.start({ in: 1 });
    const outputs = execution.outputs[Symbol.asyncIterator]();
    expect((await outputs.next()).value.message).toEqual(['first', 1]);
    const asked = flow.actor('two').ask(1);
    await gate.full(2);
    const died = cells.next('died');
    process.kill(pidOf(cells), 'SIGKILL');
    await died;
    gate.open();
    // What was read before the death comes again: at least once.
    expect([(await outputs.next()).value.message, (await outputs.next()).value.message, (await outputs.next()).done]).toEqual([
      ['first', 2],
      ['second', 2],
      true,
    ]);
    expect(await asked).toEqual(['first', 1]);
    expect(await execution.result).toMatchObject({ status: 'completed' });
  });
});

describe('a message that kills its cell', () => {
  test('is a dead letter after the second death, and nobody else is', async () => {
    await using host = await createHost();
    const cells = listenToCells(host);
    const flow = await host.deploy({
      vivarium: 1,
      actors: { before: javascript('export const handle = (m) => m;'), fragile },
      connections: ['before -> fragile'],
      inputs: { in: 'before' },
      outputs: { out: 'fragile' },
    });
    const messages = Array.from({ length: 40 }, (_, n) => (n === 17 ? 'poison' : `m${n}`));
    const results = await Promise.all(messages.map((message) => flow.run({ in: message })));
    const dead = results[17];
    expect(dead).toMatchObject({ status: 'failed', outputs: { out: [] }, errors: [{ actor: 'fragile', execution: dead?.id }] });
    expect(['cell.died', 'limit.memory']).toContain(dead?.errors[0]?.code);
    expect(results.filter(({ status }) => status === 'completed')).toHaveLength(39);
    expect(results.map(({ outputs }) => outputs.out[0])).toEqual(messages.map((message) => (message === 'poison' ? undefined : message)));
    expect(cells.all.map(({ event }) => event)).toEqual(['started', 'died', 'replaced', 'died', 'replaced']);
    expect(cells.all[3]).toMatchObject({ actor: 'fragile' });
  }, 60_000);

  test('again and again puts its actor in quarantine until it is released', async () => {
    await using host = await createHost();
    const cells = listenToCells(host);
    const flow = await host.deploy({
      vivarium: 1,
      actors: { front: javascript('export const handle = (m) => m;'), fragile, other: javascript('export const handle = (m) => m;') },
      connections: ['front -> fragile', 'front.side -> other'],
      inputs: { in: 'front', direct: 'fragile', other: 'other' },
      outputs: { out: ['fragile.out', 'other.out'] },
    });
    const states = (): string[] => flow.status().actors.map(({ state }) => state);
    const atDeath: string[][] = [];
    host.on('cell', ({ event }) => event === 'died' && atDeath.push(states()));
    for (let death = 0; death < 5; death++) expect(await flow.run({ in: 'poison' })).toMatchObject({ status: 'failed' });
    expect(await cells.next('quarantined')).toMatchObject({ actor: 'fragile' });
    expect(atDeath[0]).toEqual(['absent', 'absent', 'absent']);
    expect(states()[1]).toBe('quarantined');
    for (const inputs of [{ in: 'hello' }, { direct: 'hello' }]) {
      expect(await flow.run(inputs)).toMatchObject({
        status: 'failed',
        errors: [{ code: 'actor.quarantined', actor: 'fragile', hint: "flow.release('fragile')" }],
      });
    }
    expect(await failureOf(() => flow.actor('fragile').ask('hello'))).toMatchObject({ code: 'actor.quarantined' });
    expect(await flow.ask('other', 'hello')).toBe('hello');
    await flow.release('fragile');
    expect(await flow.ask('in', 'hello')).toBe('hello');
    expect(await flow.ask('direct', 'hello')).toBe('hello');
    expect(cells.all.filter(({ event }) => event === 'quarantined' || event === 'released').map(({ event, actor }) => [event, actor])).toEqual([
      ['quarantined', 'fragile'],
      ['released', 'fragile'],
    ]);
  }, 120_000);
});

test('a limit that an actor breaks costs its neighbours nothing', async () => {
  await using host = await createHost();
  const cells = listenToCells(host);
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      busy: javascript('export const handle = (m) => { if (m === "loop") for (;;); return m; };', { policy: { limits: { cpu: '100ms', wall: '500ms' } } }),
      calm: javascript('let served = 0; export const handle = () => ++served;'),
    },
    inputs: { busy: 'busy', calm: 'calm' },
    outputs: { out: ['busy.out', 'calm.out'] },
  });
  expect(await flow.ask('calm', 1)).toBe(1);
  const result = await flow.run({ busy: 'loop' });
  expect(result).toMatchObject({ status: 'failed', errors: [{ actor: 'busy', execution: result.id }] });
  expect(['limit.cpu', 'limit.wall']).toContain(result.errors[0]?.code);
  expect(await cells.next('violation')).toMatchObject({ actor: 'busy' });
  expect(await flow.ask('busy', 'fine')).toBe('fine');
  expect(await flow.ask('calm', 1)).toBe(2);
});

test('actors that break a limit at the same time, and just after they have started, cost no cell', async () => {
  await using host = await createHost();
  const cells = listenToCells(host);
  const names = ['one', 'two', 'three', 'four'];
  const busy = javascript('export const handle = (m) => { if (m === "loop") for (;;); return m; };', { policy: { limits: { cpu: '50ms', wall: '5s' } } });
  const flow = await host.deploy({
    vivarium: 1,
    actors: Object.fromEntries(names.map((name) => [name, busy])),
    inputs: Object.fromEntries(names.map((name) => [name, name])),
    outputs: { out: names.map((name) => `${name}.out`) },
  });
  for (let round = 0; round < 3; round++) {
    const looped = await Promise.all(names.map((name) => flow.run({ [name]: 'loop' })));
    expect(looped.map(({ status }) => status)).toEqual(names.map(() => 'failed'));
    expect(await Promise.all(names.map((name) => flow.ask(name, 'fine')))).toEqual(names.map(() => 'fine'));
  }
  expect(cells.all.filter(({ event }) => event === 'violation')).toHaveLength(12);
  expect(cells.all.filter(({ event }) => event === 'died')).toEqual([]);
});

test('closing the host answers every caller', async () => {
  const host = await createHost();
  const flow = await host.deploy({
    vivarium: 1,
    actors: { never: javascript('export const handle = () => new Promise(() => {});') },
    inputs: { in: 'never' },
    outputs: { out: 'never' },
  });
  const run = flow.run({ in: 1 });
  const ask = failureOf(() => flow.ask('in', 1));
  const actor = failureOf(() => flow.actor('never').ask(1));
  const piped = flow.pipe([1, 2, 3], { input: 'in' }).next();
  await host.close();
  expect(await run).toMatchObject({ status: 'cancelled', errors: [{ code: 'host.closed' }] });
  expect(await ask).toMatchObject({ code: 'host.closed' });
  expect(await actor).toMatchObject({ code: 'host.closed' });
  expect((await piped).value).toMatchObject({ status: 'cancelled' });
  expect(host.report().cells).toBe(0);
});
