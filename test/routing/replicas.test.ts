/** Several instances of one actor: what goes to the same one, what is spread, and what is theirs together. */
import { describe, expect, test } from 'vitest';
import { type CellEvent, createHost, type Host } from '../../host/index.ts';
import { partitionOf, partitionOfKey, replicaFor } from '../../runtimes/replicas.ts';
import { failureOf } from '../support/failure.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

/** Waits for a random time, short or none. */
const dawdle = 'const dawdle = () => Math.random() < 0.5 ? undefined : new Promise((done) => setTimeout(done, 3 * Math.random()));';
/** Tells its replicas apart. */
const identity = 'const replica = Math.floor(1e9 * Math.random());';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('executions are spread over replicas', () => {
  const counts = (partitions: readonly number[], of: number): number[] => {
    const served = new Array<number>(of).fill(0);
    for (const partition of partitions) {
      const replica = replicaFor(partition, of);
      served[replica] = (served[replica] as number) + 1;
    }
    return served;
  };

  test.each([2, 3, 4, 7, 64])('evenly over %i, one after another and in any rhythm', (of) => {
    for (const rhythm of [1, 2, 3, 4, 5, 8, 10, 64, 100]) {
      const served = counts(
        numbers(1000).map((n) => partitionOf(5 + n * rhythm)),
        of,
      );
      expect({ rhythm, near: served.every((count) => Math.abs(count - 1000 / of) < 10 + 200 / of) }).toEqual({ rhythm, near: true });
    }
  });

  test.each([2, 3, 7])('keys over %i, whatever they look like', (of) => {
    for (const prefix of ['', 'customer-', 'a rather long prefix that is the same for every key ', '日本']) {
      const served = counts(
        numbers(3000).map((n) => partitionOfKey(`${prefix}${n}`)),
        of,
      );
      for (const count of served) expect(Math.abs(count - 3000 / of)).toBeLessThan(300);
    }
    expect(replicaFor(2 ** 32 - 1, of)).toBe(of - 1);
  });
});

/** One sender, three workers that take a random time, in two cells, and whoever hears of it in the end. */
const workshop = {
  vivarium: 1,
  cells: 2,
  actors: {
    burst: javascript(
      'export async function handle(count, context) { if (typeof count === "number") for (let n = 0; n < count; n++) await context.emit("out", n); else return count; }',
    ),
    work: javascript(`${dawdle} ${identity} export const handle = async (message) => { await dawdle(); return { message, replica }; };`, {
      replicas: 3,
      mailbox: 8,
    }),
    again: javascript(
      `${dawdle} const last = {}; export const handle = async ({ message, replica }) => {
         await dawdle();
         const { key = 'none', n = message } = message;
         const before = last[key] ?? null;
         last[key] = n;
         return { n, key, before, replica };
       };`,
      { replicas: 2 },
    ),
  },
  connections: ['burst -> work', 'work -> again'],
  inputs: { in: 'burst' },
  outputs: { out: 'again' },
} as const;

interface Told {
  readonly n: number;
  readonly key: string;
  readonly before: number | null;
  readonly replica: number;
}

describe('order', () => {
  test('within an execution holds along every connection, and one replica of each actor serves it', async () => {
    await using host = await createHost();
    const flow = await host.deploy(workshop);
    const results = await Promise.all(numbers(24).map(() => flow.run({ in: 40 })));
    const serving = new Set<number>();
    for (const { status, outputs, actors } of results) {
      const told = outputs.out as unknown as Told[];
      expect(status).toBe('completed');
      expect(told.map(({ n }) => n)).toEqual(numbers(40));
      expect(new Set(told.map(({ replica }) => replica)).size).toBe(1);
      expect(actors['work']?.messages).toBe(40);
      serving.add(told[0]?.replica as number);
    }
    // The control: it is not one replica that serves them all.
    expect(serving.size).toBe(3);
  });

  test('of executions with the same key holds too, through every actor', async () => {
    await using host = await createHost();
    const flow = await host.deploy(workshop);
    const messages = numbers(400).map((n) => ({ key: `customer-${(n * n) % 7}`, n }));
    const before = new Map<string, number>();
    const serving = new Map<string, Set<number>>();
    for await (const { outputs, errors } of flow.pipe(messages, { input: 'in', partition: (message) => (message as { key: string }).key })) {
      expect(errors).toEqual([]);
      const told = outputs.out[0] as unknown as Told;
      expect(told.before).toBe(before.get(told.key) ?? null);
      before.set(told.key, told.n);
      serving.set(told.key, (serving.get(told.key) ?? new Set()).add(told.replica));
    }
    expect([...serving.values()].map(({ size }) => size)).toEqual([...serving].map(() => 1));
    expect(new Set([...serving.values()].flatMap((replicas) => [...replicas])).size).toBeGreaterThan(1);
  });

  test('of executions without a key is nobody’s promise: the control', async () => {
    await using host = await createHost();
    const flow = await host.deploy(workshop);
    const before = new Map<string, number>();
    const serving = new Set<number>();
    let astray = 0;
    for await (const { outputs } of flow.pipe(
      numbers(400).map((n) => ({ key: `customer-${n % 7}`, n })),
      { input: 'in' },
    )) {
      const told = outputs.out[0] as unknown as Told;
      if (told.before !== (before.get(told.key) ?? null)) astray++;
      before.set(told.key, told.n);
      serving.add(told.replica);
    }
    expect(astray).toBeGreaterThan(0);
    expect(serving.size).toBe(3);
  });

  test('holds for a sender that sends to itself, and for one that asks', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      cells: 2,
      actors: {
        round: javascript(
          `${identity} export const handle = async ({ left, seen }, context) => {
             const answer = await context.ask('oracle', left);
             seen.push([replica, answer]);
             context.emit(left === 0 ? 'done' : 'out', { left: left - 1, seen });
           };`,
          { replicas: 3 },
        ),
        oracle: javascript(`${identity} export const handle = () => replica;`, { replicas: 2 }),
      },
      connections: ['round -> round', 'round.questions -> oracle'],
      inputs: { in: 'round' },
      outputs: { out: 'round.done' },
    });
    const pairs = new Set<string>();
    for (const { status, outputs } of await Promise.all(numbers(20).map(() => flow.run({ in: { left: 9, seen: [] } })))) {
      expect(status).toBe('completed');
      const [{ seen }] = outputs.out as unknown as [{ seen: [number, number][] }];
      expect(new Set(seen.map(String)).size).toBe(1);
      pairs.add(String(seen[0]));
    }
    expect(pairs.size).toBeGreaterThanOrEqual(3);
  });
});

describe('a key', () => {
  const where = {
    vivarium: 1,
    actors: { where: javascript(`${identity} export const handle = () => replica;`, { replicas: 8 }) },
    inputs: { in: 'where' },
    outputs: { out: 'where' },
  } as const;

  test('means the same to run, start, ask and pipe', async () => {
    await using host = await createHost();
    const flow = await host.deploy(where);
    for (const partition of ['a', 'b', 'c']) {
      const options = { partition };
      const [piped] = await Array.fromAsync(flow.pipe([1], { input: 'in', partition: () => partition }));
      const replicas = [
        await flow.ask('in', 1, options),
        await flow.actor('where').ask(1, options),
        (await flow.run({ in: 1 }, options)).outputs.out[0],
        (await (await flow.start({ in: 1 }, options)).result).outputs.out[0],
        piped?.outputs.out[0],
      ];
      expect(new Set(replicas).size).toBe(1);
    }
    expect(new Set(await Promise.all(numbers(16).map(() => flow.ask('in', 1)))).size).toBeGreaterThan(3);
  });

  test('is a text of 1 to 256 characters', async () => {
    await using host = await createHost();
    const flow = await host.deploy(where);
    for (const partition of ['', 'x'.repeat(257), 7 as unknown as string]) {
      expect(await failureOf(() => flow.run({ in: 1 }, { partition }))).toMatchObject({ code: 'host.option' });
      expect(await failureOf(() => flow.ask('in', 1, { partition }))).toMatchObject({ code: 'host.option' });
    }
    const keyOf = (message: unknown): string | undefined => {
      if (message === 'none') return undefined;
      if (message === 'broken') throw new Error('no key in it');
      return message as string;
    };
    const results = await Array.fromAsync(flow.pipe(['fine', '', 'none', 'broken', 'fine'], { input: 'in', partition: keyOf }));
    const completed = { status: 'completed', errors: [] };
    const refused = { status: 'failed', errors: [{ code: 'host.option' }] };
    expect(results).toMatchObject([completed, refused, completed, refused, completed]);
    expect(results[3]?.errors[0]?.message).toContain('no key in it');
  });
});

describe('replicas of one actor', () => {
  test('are one actor to everybody: its name, its state, its work, its log', async () => {
    await using host = await createHost({ ceiling: { state: '1MiB' } });
    const lines: (string | undefined)[] = [];
    host.on('log', ({ actor }) => lines.push(actor));
    const flow = await host.deploy({
      vivarium: 1,
      cells: 2,
      actors: {
        count: javascript(
          `let mine = 0; export const handle = async (message, context) => {
             console.log('served');
             if (message === 'bad') throw new Error('no good');
             for (;;) {
               const entry = await context.state.get('served');
               const served = (entry?.value ?? 0) + 1;
               if (!('conflict' in (await context.state.put('served', served, { if: entry?.version ?? null })))) return { mine: ++mine, served };
             }
           };`,
          { replicas: 4, policy: { state: '1MiB' } },
        ),
      },
      inputs: { in: 'count' },
      outputs: { out: 'count' },
    });
    expect(flow.actors).toEqual(['count']);
    expect(flow.grants).toHaveLength(1);
    const results = await Promise.all(numbers(12).map(() => flow.run({ in: 'fine' })));
    for (const { status, errors, actors } of results) {
      expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
      expect(actors).toMatchObject({ count: { messages: 1 } });
    }
    // Nobody served them all, and yet they counted together.
    const told = results.map(({ outputs }) => outputs.out[0] as { mine: number; served: number });
    expect(Math.max(...told.map(({ mine }) => mine))).toBeLessThan(12);
    expect(told.map(({ served }) => served).toSorted((a, b) => a - b)).toEqual(numbers(12).map((n) => n + 1));
    expect(flow.status().actors).toMatchObject([{ name: 'count', concurrency: 4, state: 'live', turns: 12 }]);
    expect(new Set(flow.status().actors[0]?.cells).size).toBe(2);
    expect((await flow.run({ in: 'bad' })).errors).toMatchObject([{ code: 'actor.failed', actor: 'count' }]);
    expect(new Set(lines)).toEqual(new Set(['count']));
  });

  test('have a process each, with `cell: own`', async () => {
    await using host = await createHost();
    const events = listen(host);
    const flow = await host.deploy({
      vivarium: 1,
      actors: { work: javascript('export const handle = (m) => m;', { replicas: 3, cell: 'own' }) },
      inputs: { in: 'work' },
      outputs: { out: 'work' },
    });
    expect(new Set(events.filter(({ event }) => event === 'started').map(({ pid }) => pid)).size).toBe(3);
    expect(await Promise.all(numbers(9).map((n) => flow.ask('in', n)))).toEqual(numbers(9));
  });
});

test('executions that an actor begins by itself are spread too', async () => {
  await using host = await createHost();
  const flow = await host.deploy({
    vivarium: 1,
    cells: 2,
    actors: {
      feed: javascript(
        'export const start = async (context) => { for (let n = 0; n < 30; n++) await context.emit("out", n); }; export const handle = () => {};',
      ),
      work: javascript(`${identity} export const handle = (n) => [n, replica];`, { replicas: 3 }),
    },
    connections: ['feed -> work'],
    outputs: { out: 'work' },
  });
  const told: [number, number][] = [];
  const all = Promise.withResolvers<void>();
  flow.on('output', ({ payload }) => {
    if (payload.lane === 'text') told.push(JSON.parse(payload.text) as [number, number]);
    if (told.length === 30) all.resolve();
  });
  await all.promise;
  expect(told.map(([n]) => n).toSorted((a, b) => a - b)).toEqual(numbers(30));
  expect(new Set(told.map(([, replica]) => replica)).size).toBe(3);
});

describe('when a cell of several dies', () => {
  test('under load, every execution is answered, and once', async () => {
    await using host = await createHost();
    const events = listen(host);
    const flow = await host.deploy({ ...workshop, outputs: { out: 'again', early: 'burst.out' } });
    const pids = events.filter(({ event }) => event === 'started').map(({ pid }) => pid as number);
    expect(pids).toHaveLength(2);
    let read = 0;
    const attempts = new Set<number>();
    host.on('execution', ({ attempt }) => attempts.add(attempt));
    for await (const { status, outputs } of flow.pipe(
      numbers(600).map((n) => ({ key: 'x', n })),
      { input: 'in', window: 128 },
    )) {
      expect({ status, n: (outputs.out as unknown as Told[]).map(({ n }) => n) }).toEqual({ status: 'completed', n: [read] });
      expect(outputs.early).toHaveLength(1);
      if (++read === 100) process.kill(pids[0] as number, 'SIGKILL');
    }
    expect(read).toBe(600);
    expect(attempts).toContain(2);
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['died', 'replaced']));
    expect(flow.live).toBe(0);
  }, 60_000);

  test('by one replica again and again, that one is held back, and the others serve', async () => {
    await using host = await createHost();
    const events = listen(host);
    const flow = await host.deploy({
      vivarium: 1,
      cells: 2,
      actors: {
        fragile: javascript('export const handle = (m) => { if (m === "poison") "ab".repeat(2 ** 27).split(""); return m; };', { replicas: 2 }),
      },
      inputs: { in: 'fragile' },
      outputs: { out: 'fragile' },
    });
    const bad = 'a';
    const good = numbers(100)
      .map(String)
      .find((key) => replicaFor(partitionOfKey(key), 2) !== replicaFor(partitionOfKey(bad), 2)) as string;
    for (let death = 0; death < 5; death++) expect(await flow.run({ in: 'poison' }, { partition: bad })).toMatchObject({ status: 'failed' });
    expect(events.filter(({ event }) => event === 'quarantined')).toMatchObject([{ actor: 'fragile' }]);
    expect(flow.status().actors).toMatchObject([{ name: 'fragile', state: 'quarantined' }]);
    expect(await failureOf(() => flow.ask('in', 'hello', { partition: bad }))).toMatchObject({ code: 'actor.quarantined', record: { actor: 'fragile' } });
    expect(await flow.ask('in', 'hello', { partition: good })).toBe('hello');
    await flow.release('fragile');
    expect(await flow.ask('in', 'hello', { partition: bad })).toBe('hello');
    expect(flow.status().actors).toMatchObject([{ state: 'live' }]);
  }, 120_000);
});

function listen(host: Host): CellEvent[] {
  const events: CellEvent[] = [];
  host.on('cell', (event) => events.push(event));
  return events;
}
