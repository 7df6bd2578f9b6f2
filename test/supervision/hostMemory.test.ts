/** The memory of all cells together: who is let in, who waits, who goes, and who is told. */
import { expect, onTestFinished, test } from 'vitest';
import { createHost, type Flow, type Host, type HostOptions, type Logger, type ManifestObject } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const MiB = 1024 * 1024;
/** It is memory of the host that is to be short here. */
const roomy = { memory: 512 * MiB, cpu: 20_000 };

/** Keeps so many MiB, in the heap: V8 gives that back at once, and the allocator of buffers when it likes. */
const hoarder = `
  const kept = [];
  export const handle = (mebibytes) => {
    for (let i = 0; i < mebibytes; i++) kept.push(new Array(2 ** 17).fill(0.5));
    return kept.length;
  };
`;
/** Goes on by itself: it does not rest. */
const livelyHoarder = `${hoarder} export const start = () => { setInterval(() => {}, 10); };`;
const echo = 'export const handle = (m) => m;';
/** Is expected to hold 160 MiB. */
const pythonEcho = 'def handle(m): return m';
const flowOf = (code: string): ManifestObject => {
  const runtime = code.startsWith('def') ? 'python' : 'javascript';
  return { vivarium: 1, actors: { only: { runtime, code, policy: { limits: roomy } } } } as ManifestObject;
};

const limit = 320 * MiB;

interface Stage {
  readonly host: Host;
  readonly warnings: readonly string[];
  /** The flow of a namespace. */
  deploy(namespace: string, code: string): Promise<Flow>;
  /** Has an actor keep so much that all cells together are as many bytes below the limit. */
  fill(flow: Flow, below: number): Promise<void>;
}

async function stageWith(limits: NonNullable<HostOptions['limits']>): Promise<Stage> {
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, warn: (text) => void warnings.push(text), error() {} };
  const host = await createHost({ ceiling: { limits: roomy }, spare: false, warm: 0, logger, limits });
  onTestFinished(() => host.close());
  const fill: Stage['fill'] = async (flow, below) => {
    const mebibytes = Math.floor((limit - below - host.report().memory.held) / MiB);
    await flow.actor('only').ask(mebibytes);
    await expect.poll(() => host.report().memory.held, { timeout: 5_000 }).toBeGreaterThan(limit - below - 4 * MiB);
  };
  return { host, warnings, deploy: (namespace, code) => host.deploy(flowOf(code), { namespace, start: 'message' }) as Promise<Flow>, fill };
}

test('the report says what is held, by whom, since when', async () => {
  const { host, deploy } = await stageWith({});
  const began = Date.now();
  const ada = await deploy('ada', hoarder);
  await deploy('grace', echo);
  await ada.actor('only').ask(64);
  await expect.poll(() => host.report().usage[0]?.memory).toBeGreaterThan(64 * MiB);
  const { memory, usage } = host.report();
  expect(usage).toMatchObject([
    { namespace: 'ada', cells: 1, actors: { live: 1, waiting: 0 } },
    { namespace: 'grace', cells: 1, actors: { live: 0, waiting: 0 } },
  ]);
  expect(usage[1]?.memory).toBeLessThan(64 * MiB);
  expect(memory.held).toBe((usage[0]?.memory ?? 0) + (usage[1]?.memory ?? 0));
  expect(memory.limit).toBeGreaterThan(memory.held);
  expect(usage[0]?.since).toBeGreaterThanOrEqual(began);
});

test('an actor that finds no memory waits, and is told why when nobody makes room; its namespace learns of no other', async () => {
  const { host, warnings, deploy, fill } = await stageWith({ hostMemory: limit });
  const ada = await deploy('ada', livelyHoarder);
  const grace = await deploy('grace', pythonEcho);
  await fill(ada, 80 * MiB);
  const refused = await failureOf(() => grace.actor('only').ask(1));
  expect(refused).toMatchObject({
    code: 'limit.host-memory',
    message: expect.stringMatching(/^'only' found no place for 10 s: it needs 160 MiB, and all cells of the host hold 2\d\d MiB of the 320 MiB/),
    record: { actor: 'only', hint: expect.stringContaining('hostMemory') },
  });
  expect(refused.message).not.toContain('ada');
  expect(warnings.join('\n')).toMatch(/'ada' holds [23]\d\d MiB since \d{4}-.*'grace' holds \d+ MiB since/);
  await ada.stop();
  expect(await grace.actor('only').ask(1)).toBe(1);
  expect(host.report().memory.held).toBeLessThan(limit);
}, 30_000);

test('an actor that has nothing to do makes room for one of another namespace', async () => {
  const { deploy, fill } = await stageWith({ hostMemory: limit });
  const ada = await deploy('ada', hoarder);
  const grace = await deploy('grace', pythonEcho);
  await fill(ada, 80 * MiB);
  expect(await grace.actor('only').ask(1)).toBe(1);
  expect(ada.status().actors[0]?.state).toBe('asleep');
}, 30_000);

test('no cell starts beyond the limit, and whoever deploys is told who holds the memory', async () => {
  const { host, deploy, fill } = await stageWith({ hostMemory: limit });
  const ada = await deploy('ada', hoarder);
  await fill(ada, 12 * MiB);
  const refused = await failureOf(() => deploy('grace', echo));
  expect(refused).toMatchObject({
    code: 'limit.host-memory',
    message: expect.stringMatching(/^a cell is not started: it needs 32 MiB, .* of the 320 MiB .*: 'ada' holds [23]\d\d MiB since \d{4}-/),
  });
  expect(host.report()).toMatchObject({ cells: 1, namespaces: ['ada'] });
  await ada.stop();
  expect(await (await deploy('grace', echo)).actor('only').ask(1)).toBe(1);
});

test('cells that have outgrown the limit together: the largest ends, and its neighbours in the host go on', async () => {
  const { host, deploy, fill } = await stageWith({ hostMemory: limit, cellMemory: 512 * MiB });
  const deaths: (string | undefined)[] = [];
  host.on('cell', ({ event, namespace, reason }) => event === 'died' && deaths.push(`${namespace}: ${reason?.code}`));
  const ada = await deploy('ada', livelyHoarder);
  const grace = await deploy('grace', livelyHoarder);
  expect(await grace.actor('only').ask(20)).toBe(20);
  await fill(ada, -40 * MiB);
  await expect.poll(() => deaths, { timeout: 10_000 }).toEqual(['ada: limit.host-memory']);
  expect(await grace.actor('only').ask(1)).toBe(21);
  expect(await ada.actor('only').ask(1)).toBe(1);
  expect(deaths).toHaveLength(1);
}, 30_000);
