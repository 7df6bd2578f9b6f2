/**
 * Whoever has little to do is served beside those that have much. Counted in messages of the others, so that a slow machine is slow for both:
 * what was served between a question and its answer is compared with what the design lets stand before it.
 */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { usualWindow } from '../../host/flow.ts';
import { createHost, type Flow, type Host, type ManifestObject } from '../../host/index.ts';

vi.setConfig({ testTimeout: 120_000 });

const flood = 100_000;
const policy = { limits: { cpu: '60s', wall: '120s', logs: '16MiB', outbound: { messages: flood + 1, bytes: '64MiB' } } } as const;
const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, policy, ...rest }) as const;
const echo = javascript('export const handle = (message) => message;');

/** What may be under way of a flood: 4,096 messages of credit, two mailboxes, a batch in each actor. Four times that is generous, and far from all. */
const underWay = 4 * (4_096 + 2 * 1_000 + 2 * 1_024);

const deployOn = (host: Host, ...plans: readonly object[]): Promise<readonly Flow[]> =>
  Promise.all(plans.map(async (plan, n) => (await host.deploy({ vivarium: 1, namespace: `n${n}`, ...plan } as ManifestObject)) as unknown as Flow));

const deploy = async (...plans: readonly object[]): Promise<readonly Flow[]> => {
  const host = await createHost({ ceiling: policy });
  onTestFinished(() => host.close());
  return deployOn(host, ...plans);
};

const flooding = {
  actors: {
    source: javascript(
      'export const handle = async (count, { emit }) => { if (count === 1) return 1; for (let n = 0; n < count; n++) await emit("more", n); };',
    ),
    sink: echo,
    neighbour: echo,
  },
  connections: ['source.more -> sink'],
  inputs: { flood: 'source', neighbour: 'neighbour' },
  outputs: { out: 'sink', other: ['neighbour', 'source.out'] },
};

/** Writes lines, and answers when it has written them. */
const logging = {
  actors: {
    source: javascript('export const handle = (count, { log }) => { for (let n = 0; n < count; n++) log.info(`line ${n}`); return count; };'),
  },
  inputs: { flood: 'source' },
  outputs: { out: 'source' },
};

const quiet = { actors: { neighbour: echo }, inputs: { neighbour: 'neighbour' }, outputs: { out: 'neighbour' } };

/** Asks when so much has been served, and counts what is served until the answer is there. */
async function servedBefore(served: AsyncIterable<unknown>, begin: number, ask: () => Promise<unknown>): Promise<{ before: number; all: number }> {
  let all = 0;
  let asked: number | undefined;
  let before: number | undefined;
  let answer: Promise<void> | undefined;
  for await (const _ of served) {
    if (++all !== begin) continue;
    asked = all;
    answer = ask().then(() => {
      before = all - (asked as number);
    });
  }
  await answer;
  return { before: before as number, all };
}

test.each([
  ['an actor of the same cell', 0],
  ['another namespace', 1],
])('100,000 messages of a guest do not keep %s from its one', async (_, place) => {
  const flows = await deploy(flooding, quiet);
  const execution = await (flows[0] as Flow).start({ flood });
  const { before, all } = await servedBefore(execution.outputs, 1_000, () => (flows[place] as Flow).actor('neighbour').ask('one'));
  expect(all).toBe(flood);
  expect(before).toBeLessThan(underWay);
});

test('the same, for whoever asks the actor that floods: it is answered after all of it', async () => {
  const [flow] = (await deploy(flooding)) as readonly [Flow];
  const execution = await flow.start({ flood });
  const { before } = await servedBefore(execution.outputs, 1_000, () => flow.actor('source').ask(1));
  expect(before).toBeGreaterThan(underWay);
});

test.each([
  ['an actor of the same cell', 0],
  ['another namespace', 1],
])('a caller who pipes 100,000 messages does not keep %s from its one', async (_, place) => {
  const flows = await deploy(
    { ...quiet, actors: { busy: echo, neighbour: echo }, inputs: { in: 'busy', neighbour: 'neighbour' }, outputs: { out: ['busy', 'neighbour'] } },
    quiet,
  );
  const results = (flows[0] as Flow).pipe(Array(flood).fill(1), { input: 'in' });
  const { before, all } = await servedBefore(results, 1_000, () => (flows[place] as Flow).actor('neighbour').ask('one'));
  expect(all).toBe(flood);
  // A window is under way at once; it is filled again while the answer comes.
  expect(before).toBeLessThan(2 * usualWindow);
});

const lines = 20_000;

describe('20,000 lines that a guest writes', () => {
  /** Asks when a thousand of the lines have come, and counts those that come until the answer is there. */
  const linesBefore = async (ask: (flows: readonly Flow[]) => Promise<unknown>): Promise<{ before: number; all: number }> => {
    const host = await createHost({ ceiling: policy });
    onTestFinished(() => host.close());
    const flows = await deployOn(host, logging, quiet);
    let all = 0;
    const asked = Promise.withResolvers<number>();
    host.on('log', () => {
      if (++all === 1_000) ask(flows).then(() => asked.resolve(all - 1_000), asked.reject);
    });
    const run = (flows[0] as Flow).run({ flood: lines });
    const before = await asked.promise;
    expect(await run).toMatchObject({ status: 'completed' });
    return { before, all };
  };

  test('do not keep another namespace from its message', async () => {
    const { before, all } = await linesBefore(([, other]) => (other as Flow).actor('neighbour').ask('one'));
    expect(all).toBe(lines);
    // What the host reads of one cell before it turns to another: some hundred lines at a time, while the message goes through a cell and back.
    expect(before).toBeLessThan(lines / 2);
  });

  test('come before what the same actor answers later: the control', async () => {
    const { before } = await linesBefore(([same]) => (same as Flow).actor('source').ask(0));
    expect(before).toBeGreaterThan(lines / 2);
  });
});

test.each([1, 6])('%i actors that compute in every slice do not keep another from its message', async (busy) => {
  const turns = 150;
  const names = Array.from({ length: busy }, (_, n) => `busy${n}`);
  const computing = javascript('export const handle = () => { const end = Date.now() + 9; while (Date.now() < end); return 1; };');
  const [flow] = (await deploy({
    actors: { ...Object.fromEntries(names.map((name) => [name, computing])), neighbour: echo },
    inputs: { neighbour: 'neighbour', ...Object.fromEntries(names.map((name) => [name, name])) },
    outputs: { out: [...names, 'neighbour'] },
  })) as readonly [Flow];
  async function* served() {
    const pipes = names.map((input) => flow.pipe(Array(turns).fill(1), { input }));
    for (let n = 0; n < turns; n++) for (const pipe of pipes) yield await pipe.next();
  }
  const { before, all } = await servedBefore(served(), 2 * busy, () => flow.actor('neighbour').ask('one'));
  expect(all).toBe(turns * busy);
  // Each computes for about a slice until the system lets another thread run; a quarter of all they have to do is many slices of each.
  expect(before).toBeLessThan(all / 4);
});
