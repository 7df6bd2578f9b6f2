/** Places for isolates: who gets one, who makes room, and who is told that there is none. */
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createHost, type FullEvent, type ManifestObject } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { dataLimitOf } from '../support/dataLimit.ts';

const javascript = (code: string, rest: object = {}): object => ({ runtime: 'javascript', code, ...rest });
/** Answers with its number and how often it was called in this life. */
const counter = (number: number): object => javascript(`let calls = 0; export const handle = () => ({ number: ${number}, calls: ++calls });`);
const counters = (count: number): Record<string, object> => Object.fromEntries(Array.from({ length: count }, (_, place) => [`actor${place}`, counter(place)]));
const flowOf = (actors: Record<string, object>, rest: object = {}): ManifestObject => ({ vivarium: 1, actors, ...rest }) as ManifestObject;

describe('three hundred actors and twenty places', () => {
  test('answer in any order, twice, and never more than twenty live', async () => {
    await using host = await createHost({ limits: { isolates: 20 } });
    const flow = await host.deploy(flowOf(counters(300)));
    expect(host.report().actors).toEqual({ live: 20, waiting: 0 });
    let most = 0;
    const round = async (step: number): Promise<void> => {
      // A step that is prime to their number leads to each of them once.
      const order = Array.from({ length: 300 }, (_, place) => (place * step) % 300);
      await Promise.all(
        order.map(async (number) => {
          expect(await flow.actor(`actor${number}`).ask(null)).toMatchObject({ number });
          most = Math.max(most, flow.status().actors.filter(({ state }) => state === 'live').length);
        }),
      );
    };
    await round(7);
    await round(11);
    expect(most).toBeLessThanOrEqual(20);
    // An answer leaves before the report that its turn has ended.
    await expect.poll(() => flow.status().actors.every(({ turns }) => turns === 2)).toBe(true);
  }, 120_000);

  test('take no isolate before their first message, if that is wanted', async () => {
    await using host = await createHost({ limits: { isolates: 20 } });
    const flow = await host.deploy(flowOf(counters(300)), { start: 'message' });
    expect(host.report().actors).toEqual({ live: 0, waiting: 0 });
    expect(await flow.actor('actor299').ask(null)).toEqual({ number: 299, calls: 1 });
    expect(host.report().actors).toEqual({ live: 1, waiting: 0 });
  });
});

test('an actor that has nothing to do for long is hibernated, and one whose `start` began something is not', async () => {
  await using host = await createHost({ idle: 100 });
  const lively = javascript('let ticks = 0; export const start = () => { setInterval(() => ticks++, 10); }; export const handle = () => ticks;');
  const flow = await host.deploy(flowOf({ idle: counter(1), lively }));
  await vi.waitFor(() => expect(flow.status().actors.map(({ state }) => state)).toEqual(['asleep', 'live']), 5_000);
  const before = Number(await flow.actor('lively').ask(null));
  expect(await flow.actor('idle').ask(null)).toEqual({ number: 1, calls: 1 });
  await vi.waitFor(() => expect(flow.status().actors[0]?.state).toBe('asleep'), 5_000);
  expect(Number(await flow.actor('lively').ask(null))).toBeGreaterThan(before);
});

test('actors that always have messages take turns, and keep the order of what waits', async () => {
  await using host = await createHost({ limits: { isolates: 1 } });
  const slow = javascript('export const handle = (n) => new Promise((done) => setTimeout(() => done(n), 20));', { policy: { limits: { mailbox: 5 } } });
  const flow = await host.deploy(flowOf({ busy: slow, other: counter(1) }, { inputs: { busy: 'busy' }, outputs: { out: 'busy' } }));
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const ended: number[] = [];
  const all = Promise.all(numbers.map((number) => flow.ask('busy', number).then((answer) => ended.push(Number(answer)))));
  expect(await flow.actor('other').ask(null)).toEqual({ number: 1, calls: 1 });
  expect(ended.length).toBeLessThan(numbers.length);
  await all;
  expect(ended).toEqual(numbers);
});

test('who finds no place is told who has it, when nobody makes room', async () => {
  await using host = await createHost({ limits: { isolates: 1 } });
  const lively = javascript('export const start = () => { setInterval(() => {}, 10); }; export const handle = (m) => m;');
  const flow = await host.deploy(flowOf({ lively, other: counter(1) }));
  const asking = failureOf(() => flow.actor('other').ask(null));
  await vi.waitFor(() => expect(host.report().actors).toEqual({ live: 1, waiting: 1 }), 5_000);
  expect(await asking).toMatchObject({
    code: 'limit.isolates',
    message: expect.stringMatching(/^'other' found no place for 10 s: the 1 isolates of its cell are busy\. In its cell live 'lively' since \d{4}-/),
    record: { actor: 'other' },
  });
  expect(await flow.actor('lively').ask(1)).toBe(1);
}, 30_000);

test('that all places are busy is told when it begins, and whoever will not wait is answered then', async () => {
  const warnings: string[] = [];
  const logger = { debug: () => {}, info: () => {}, warn: (text: string) => warnings.push(text), error: () => {} };
  await using host = await createHost({ limits: { isolates: 1, placeWait: 0 }, logger });
  const full: FullEvent[] = [];
  host.on('full', (event) => full.push(event));
  const lively = javascript('export const start = () => { setInterval(() => {}, 10); }; export const handle = (m) => m;');
  const flow = await host.deploy(flowOf({ lively, idle: counter(2), other: counter(1) }), { namespace: 'tenant' });
  const told = {
    code: 'limit.isolates',
    message: expect.stringMatching(/^'other' found no place for 0\.\d s: the 1 isolates of its cell are busy\. In its cell live 'lively' since \d{4}-/),
  };
  expect(await failureOf(() => flow.actor('other').ask(null))).toMatchObject(told);
  expect(full).toEqual([{ time: expect.any(Number), namespace: 'tenant', actor: 'other', reason: expect.objectContaining(told) }]);
  expect(warnings.filter((text) => text.includes('wait'))).toEqual([expect.stringContaining("an actor of 'tenant' has to wait: 'other' found no place")]);
  // Told no more often than every ten seconds, however many are answered.
  expect(await failureOf(() => flow.actor('idle').ask(null))).toMatchObject({ code: 'limit.isolates' });
  expect(full).toHaveLength(1);
});

test('who will not wait still gets the place of an actor that has nothing to do, and nothing is told', async () => {
  await using host = await createHost({ limits: { isolates: 1, placeWait: 0 } });
  const full: FullEvent[] = [];
  host.on('full', (event) => full.push(event));
  const flow = await host.deploy(flowOf(counters(3)), { start: 'message' });
  for (const number of [0, 1, 2, 0]) expect(await flow.actor(`actor${number}`).ask(null)).toEqual({ number, calls: 1 });
  expect(full).toEqual([]);
});

test('the limit of the host holds for all namespaces together, and who waits gets the place that was idle for longest', async () => {
  await using host = await createHost({ limits: { hostIsolates: 2, namespaceIsolates: 2 } });
  const first = await host.deploy(flowOf(counters(2)), { namespace: 'first' });
  const second = await host.deploy(flowOf(counters(2)), { namespace: 'second' });
  expect(host.report().actors).toEqual({ live: 2, waiting: 0 });
  expect(second.status().actors.map(({ state }) => state)).toEqual(['asleep', 'asleep']);
  expect(await second.actor('actor0').ask(null)).toEqual({ number: 0, calls: 1 });
  expect(host.report().actors.live).toBeLessThanOrEqual(2);
  expect(await first.actor('actor0').ask(null)).toMatchObject({ number: 0 });
  expect(await first.actor('actor1').ask(null)).toMatchObject({ number: 1 });
});

describe('the places of one namespace', () => {
  const lively = javascript('export const start = () => { setInterval(() => {}, 10); }; export const handle = (m) => m;');
  const three = { one: lively, two: lively, three: lively };

  test('are half of those of the host: what it has beyond waits, and others do not', async () => {
    await using host = await createHost({ limits: { hostIsolates: 4 } });
    const greedy = await host.deploy(flowOf(three, { cells: 3 }), { namespace: 'greedy' });
    const modest = await host.deploy(flowOf({ two: counter(2), three: counter(3) }), { namespace: 'modest', start: 'message' });
    expect(host.report().actors).toEqual({ live: 2, waiting: 0 });
    const asleep = greedy.actors.find((_, place) => greedy.status().actors[place]?.state === 'asleep') as 'one';
    const asking = failureOf(() => greedy.actor(asleep).ask(null));
    expect(await modest.actor('two').ask(null)).toEqual({ number: 2, calls: 1 });
    expect(await modest.actor('three').ask(null)).toEqual({ number: 3, calls: 1 });
    expect(host.report().usage).toMatchObject([{ actors: { live: 2 } }, { actors: { live: 2 } }]);
    expect(await asking).toMatchObject({
      code: 'limit.isolates',
      message: expect.stringMatching(
        /found no place for 10 s: the 2 isolates of its namespace are busy\. In its namespace live '\w+' since \d{4}-\S+, '\w+' since/,
      ),
      record: { hint: expect.stringContaining('namespaceIsolates') },
    });
  }, 30_000);

  test('are as many as the deployment says; then they may be all that there are', async () => {
    await using host = await createHost({ limits: { hostIsolates: 3 } });
    const greedy = await host.deploy(flowOf(three), { namespace: 'greedy', isolates: 3 });
    const modest = await host.deploy(flowOf({ two: counter(2) }), { namespace: 'modest' });
    expect(greedy.status().actors.map(({ state }) => state)).toEqual(['live', 'live', 'live']);
    expect(await failureOf(() => modest.actor('two').ask(null))).toMatchObject({
      code: 'limit.isolates',
      message: expect.stringContaining('the 3 isolates of the host'),
    });
  }, 30_000);

  test('are at least one', async () => {
    await using host = await createHost({ spare: false });
    expect(await failureOf(() => host.deploy(flowOf(three), { isolates: 0 }))).toMatchObject({
      code: 'host.option',
      message: expect.stringContaining('isolates'),
    });
    expect(await failureOf(() => createHost({ limits: { namespaceIsolates: 0 } }))).toMatchObject({ code: 'host.option' });
    expect(await failureOf(() => createHost({ limits: { hostMemory: 1024 } }))).toMatchObject({ code: 'host.option' });
  });
});

test('a `stop` that never ends holds up nobody for longer than two seconds', async () => {
  await using host = await createHost({ limits: { isolates: 1 } });
  const clinging = javascript('export const handle = (m) => m; export const stop = () => { for (;;); };');
  const waiting = javascript('export const handle = (m) => m; export const stop = () => new Promise(() => {});');
  const flow = await host.deploy(flowOf({ clinging, waiting, other: counter(1) }));
  const began = performance.now();
  expect(await flow.actor('other').ask(null)).toEqual({ number: 1, calls: 1 });
  expect(await flow.actor('waiting').ask(1)).toBe(1);
  expect(await flow.actor('other').ask(null)).toEqual({ number: 1, calls: 1 });
  const took = performance.now() - began;
  expect(took).toBeGreaterThan(4_000);
  expect(took).toBeLessThan(15_000);
}, 30_000);

test('nothing is lost when the cell dies while actors sleep and wake', async () => {
  await using host = await createHost({ limits: { isolates: 3 } });
  let pid = 0;
  host.on('cell', (event) => {
    pid = event.pid ?? pid;
  });
  const names = Array.from({ length: 12 }, (_, place) => `actor${place}`);
  const connections = names.slice(1).map((name, place) => `actor${place} -> ${name}`);
  const add = javascript('export const handle = (n, { log }) => { log.info(n); return n + 1; };');
  const actors = Object.fromEntries(names.map((name) => [name, add]));
  const halfway = new Promise<void>((resolve) => host.on('log', ({ actor }) => actor === 'actor4' && resolve()));
  const flow = await host.deploy(flowOf(actors, { connections, inputs: { in: 'actor0' }, outputs: { out: 'actor11' } }));
  const running = Array.from({ length: 20 }, (_, number) => flow.run({ in: number } as never));
  await halfway;
  process.kill(pid, 'SIGKILL');
  const results = await Promise.all(running);
  for (const [number, { status, outputs }] of results.entries()) expect({ status, outputs }).toEqual({ status: 'completed', outputs: { out: [number + 12] } });
}, 60_000);

test('an actor whose start kills the cell answers its message, and its neighbours come back', async () => {
  await using host = await createHost();
  const lethal = javascript('export const start = () => { "ab".repeat(2 ** 27).split(""); }; export const handle = (m) => m;');
  const flow = await host.deploy(flowOf({ lethal, other: counter(1) }), { start: 'message' });
  expect(await flow.actor('other').ask(null)).toEqual({ number: 1, calls: 1 });
  expect(await failureOf(() => flow.actor('lethal').ask(null))).toMatchObject({ code: 'actor.start', record: { actor: 'lethal' } });
  expect(await flow.actor('other').ask(null)).toMatchObject({ number: 1 });
}, 60_000);

test('an actor that wakes sees nothing that another one left, nor itself in an earlier life', async () => {
  await using host = await createHost({ limits: { isolates: 2 }, warm: 2 });
  // What a life leaves where another could look: on the global, on intrinsics, in the registry of symbols.
  const code = (name: string): string => `
    export const handle = () => {
      const seen = [globalThis.mark, Array.prototype.mark, Symbol.for('mark').constructor.mark];
      globalThis.mark = Symbol.mark = '${name}';
      Object.defineProperty(Array.prototype, 'mark', { value: '${name}', configurable: true, enumerable: false });
      return seen.map((mark) => mark ?? null);
    };`;
  const names = Array.from({ length: 12 }, (_, place) => `actor${place}`);
  const flow = await host.deploy(flowOf(Object.fromEntries(names.map((name) => [name, javascript(code(name))]))));
  const nothing = [null, null, null];
  for (const name of [...names, ...names.toReversed().slice(2)]) {
    expect(await flow.actor(name).ask(null)).toEqual(nothing);
    expect(await flow.actor(name).ask(null)).toEqual([name, name, name]);
  }
}, 60_000);

test('nor does one in WASM, though what all of them need is in its isolate already', async () => {
  await using host = await createHost({ limits: { isolates: 2 }, warm: 2 });
  // Counts in its memory how often it was called in this life.
  const sequence = { source: join(import.meta.dirname, '../../dist/test/plugins/sequence.wasm') };
  const names = Array.from({ length: 6 }, (_, place) => `actor${place}`);
  const flow = await host.deploy(flowOf(Object.fromEntries(names.map((name) => [name, sequence]))), { base: '/' });
  for (const name of [...names, ...names.toReversed().slice(2)]) {
    for (const before of [0, 1]) expect(await flow.actor(name).ask(name)).toEqual([name, before]);
  }
}, 60_000);

test('a cell in which actors wake at the same time makes room for as many isolates that it keeps ready, as far as it may', async () => {
  const MiB = 1024 * 1024;
  const roomOf = async (warm: number, least: number): Promise<number> => {
    await using host = await createHost({ warm });
    const pids: (number | undefined)[] = [];
    host.on('cell', ({ pid }) => pids.push(pid));
    const flow = await host.deploy(flowOf(counters(4)), { start: 'message' });
    await Promise.all([0, 1, 2, 3].map((number) => flow.actor(`actor${number}`).ask(null)));
    const room = (): number => dataLimitOf(pids[0]) / MiB;
    await expect.poll(room, { timeout: 5_000 }).toBeGreaterThan(least);
    return room();
  };
  // An isolate counts with 544 MiB, a cell with some 800.
  expect((await roomOf(3, 4_700)) - (await roomOf(1, 3_700))).toBeCloseTo(2 * 544, -2);
}, 60_000);

test('whoever waits for others to have started is not told that all places are busy, however little it may wait', async () => {
  await using host = await createHost({ spare: false, warm: 0, limits: { placeWait: 0 } });
  const told: unknown[] = [];
  host.on('full', (event) => told.push(event));
  const slow = javascript('export const start = () => new Promise((resolve) => setTimeout(resolve, 1_500)); export const handle = (m) => m;');
  const names = Array.from({ length: 9 }, (_, at) => `slow${at}`);
  const flow = await host.deploy(flowOf(Object.fromEntries(names.map((name) => [name, slow]))), { start: 'message' });
  expect(await Promise.all(names.map((name) => flow.actor(name).ask(1)))).toEqual(names.map(() => 1));
  expect(told).toEqual([]);
});
