/** What `vivarium bench` measures of real flows: figures that must agree with each other, whatever the machine is busy with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { makeFolder } from '../support/folder.ts';

const program = path.join(import.meta.dirname, '../../dist/host/cli/main.js');

const count = z.int().min(0);
const figure = z.number().min(0);
const waiting = z.strictObject({ median: count, maximum: count });

/** As docs/reference/command-line.md has it. */
const report = z.strictObject({
  loop: z.enum(['closed', 'open']),
  windowExecutions: count,
  messages: count,
  seconds: figure,
  warmUp: z.strictObject({ seconds: figure, executions: count, failed: count }),
  endedEarly: z.string().optional(),
  ended: z.strictObject({ inputs: count, outputs: count, deliveries: count }),
  perSecond: z.strictObject({ inputs: figure, outputs: figure, deliveries: figure }),
  executions: z.strictObject({ completed: count, failed: count, cancelled: count }),
  latencyMilliseconds: z
    .strictObject({ count, unfinished: count, mean: figure, p50: figure, p90: figure, p99: figure, 'p99.9': figure, maximum: figure })
    .nullable(),
  open: z
    .strictObject({
      inputsPerSecond: figure,
      planned: count,
      unsent: count,
      keptUp: z.boolean(),
      backlogInputs: z.strictObject({ half: count, end: count }),
      behindMilliseconds: figure,
    })
    .optional(),
  errors: z.record(z.string(), z.strictObject({ count, first: z.looseObject({ code: z.string(), message: z.string() }) })),
  actors: z.record(
    z.string(),
    z.strictObject({
      messages: count,
      messagesPerSecond: figure,
      meanMicroseconds: figure.nullable(),
      busyMilliseconds: figure,
      busyShare: figure,
      waitingMessages: z.strictObject({ cell: waiting, host: waiting }),
    }),
  ),
  waitingSamples: count,
  bottleneck: z.strictObject({ actor: z.string().nullable(), text: z.string() }),
  logLines: count,
  sandbox: z.enum(['process', 'jail']),
});

type Report = z.infer<typeof report>;

/** The second actor works for 5 ms on each message, and answers twice. */
const slowSecond = `vivarium: 1
actors:
  quick: { runtime: javascript, code: "export const handle = (n) => n;" }
  slow:
    runtime: javascript
    code: |
      export function* handle(n) {
        for (const until = Date.now() + 5; Date.now() < until; );
        yield n;
        yield n;
      }
connections: [quick -> slow]
inputs: { numbers: quick }
outputs: { results: slow }
`;

const single = (code: string): string => `vivarium: 1
actors: { only: { runtime: javascript, code: ${JSON.stringify(code)}, policy: { limits: { wall: 10m } } } }
inputs: { numbers: only }
outputs: { results: only }
`;

async function bench(
  flow: string,
  options: readonly string[],
  during?: (child: ReturnType<typeof spawn>) => void,
): Promise<{ readonly exit: number | null; readonly told: Report }> {
  const folder = makeFolder({ 'vivarium.yaml': flow, 'numbers.ndjson': '1\n2\n3\n' });
  const child = spawn(process.execPath, [program, 'bench', 'vivarium.yaml', '--input', 'numbers.ndjson', '--json', ...options], { cwd: folder });
  onTestFinished(() => void child.kill('SIGKILL'));
  during?.(child);
  const [[exit], stdout] = await Promise.all([once(child, 'close') as Promise<[number | null]>, text(child.stdout)]);
  return { exit, told: report.parse(JSON.parse(stdout)) };
}

/** What is true of every run. */
function agrees(told: Report): void {
  const { seconds, ended, perSecond, executions, latencyMilliseconds: latency, actors, open } = told;
  expect(perSecond.inputs).toBeCloseTo(ended.inputs / seconds, -1);
  expect(Object.values(actors).reduce((sum, { messages }) => sum + messages, 0)).toBe(ended.deliveries);
  if (latency !== null) {
    const { p50, p90, p99, 'p99.9': p999, maximum } = latency;
    expect([p50, p90, p99, p999, maximum]).toEqual([p50, p90, p99, p999, maximum].toSorted((a, b) => a - b));
    expect(latency.mean).toBeLessThanOrEqual(maximum);
  }
  const measured = executions.completed + executions.failed + executions.cancelled;
  expect(latency?.count ?? 0).toBe(measured + (open?.unsent ?? 0));
  if (open !== undefined) expect(measured + open.unsent).toBe(open.planned);
}

test('a closed loop counts what ends, and names the slow actor', async () => {
  const { exit, told } = await bench(slowSecond, ['--duration', '1.5', '--warm-up', '0.5', '--window', '64']);
  agrees(told);
  expect(exit).toBe(0);
  expect(told).toMatchObject({ loop: 'closed', windowExecutions: 64, messages: 3, executions: { failed: 0, cancelled: 0 }, errors: {} });
  expect(told.ended.inputs).toBe(told.executions.completed);
  expect(told.ended.outputs).toBe(2 * told.ended.inputs);
  const { quick, slow } = told.actors as { quick: Report['actors'][string]; slow: Report['actors'][string] };
  expect(slow.meanMicroseconds).toBeGreaterThanOrEqual(4_000);
  expect(slow.meanMicroseconds).toBeGreaterThan(quick.meanMicroseconds ?? 0);
  expect(slow.waitingMessages.cell.median).toBeGreaterThan(32);
  expect(told.bottleneck.actor).toBe('slow');
  expect(told.bottleneck.text).toContain(`The bottleneck is 'slow'`);
});

test('an open loop that the flow cannot follow says so, and charges what waits', async () => {
  const { exit, told } = await bench(slowSecond, ['--rate', '2000', '--duration', '1', '--warm-up', '0', '--window', '100']);
  agrees(told);
  expect(told).toMatchObject({ loop: 'open', open: { inputsPerSecond: 2000, planned: 2000, keptUp: false } });
  expect(told.open?.backlogInputs.end).toBeGreaterThan(told.open?.backlogInputs.half as number);
  expect(told.open?.unsent).toBeGreaterThan(1000);
  // Half of the inputs were due 0.5 s before the end at the latest, and never answered.
  expect(told.latencyMilliseconds?.p50).toBeGreaterThan(400);
  expect(told.open?.behindMilliseconds).toBeGreaterThan(500);
  expect(exit).toBe(told.executions.cancelled > 0 ? 1 : 0);
});

test('an open loop that the flow follows is answered to the last input', async () => {
  const { exit, told } = await bench(single('export const handle = (n) => n;'), ['--rate', '40', '--duration', '1', '--warm-up', '0.5']);
  agrees(told);
  expect(exit).toBe(0);
  expect(told).toMatchObject({ open: { planned: 40, unsent: 0 }, executions: { completed: 40, failed: 0, cancelled: 0 } });
  expect(told.warmUp.executions).toBe(20);
});

test('failures are counted by their code, and are the exit code', async () => {
  const failing = single('export const handle = (n, { log }) => { log.info(n); if (n === 2) throw new Error("two"); return n; };');
  const { exit, told } = await bench(failing, ['--duration', '0.5', '--warm-up', '0', '--window', '6']);
  agrees(told);
  expect(exit).toBe(1);
  const { completed, failed } = told.executions;
  expect(Math.abs(completed - 2 * failed)).toBeLessThanOrEqual(2);
  expect(told.errors).toMatchObject({ 'actor.failed': { count: failed, first: { actor: 'only', message: 'two' } } });
  expect(told.logLines).toBeGreaterThan(0);
});

test('a flow that answers nothing is told as one', async () => {
  const { exit, told } = await bench(single('export const handle = () => new Promise(() => {});'), ['--duration', '0.3', '--warm-up', '0']);
  expect(exit).toBe(1);
  expect(told).toMatchObject({ ended: { inputs: 0, outputs: 0, deliveries: 0 }, latencyMilliseconds: null, bottleneck: { actor: null } });
});

test('Ctrl-C ends it early, with the figures so far', async () => {
  const audit = path.join(makeFolder({ 'audit.ndjson': '' }), 'audit.ndjson');
  const counting = single('export const handle = async (n, { state }) => { await state.put("last", n); return n; };').replace(
    'limits:',
    'state: 1MiB, limits:',
  );
  const { exit, told } = await bench(counting, ['--duration', '600', '--warm-up', '0', '--audit', audit], (child) => {
    // It has begun when its actor was allowed something.
    const begun = setInterval(() => {
      if (!readFileSync(audit, 'utf8').includes('"state"')) return;
      clearInterval(begun);
      child.kill('SIGINT');
    }, 50);
    onTestFinished(() => clearInterval(begun));
  });
  agrees(told);
  expect(exit).toBe(1);
  expect(told.endedEarly).toBe('interrupted');
});
