import { describe, expect, test } from 'vitest';
import { createHost, type Host } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

const addOne = javascript('export const handle = (m) => ({ n: m.n + 1 });');

const threeInARow = {
  vivarium: 1,
  actors: { first: addOne, second: addOne, third: addOne },
  connections: ['first -> second', 'second -> third'],
  inputs: { numbers: 'first', late: 'third' },
  outputs: { numbers: 'third', halfway: 'second' },
} as const;

/** Fails for odd numbers, keeps silent for 0. */
const picky = {
  vivarium: 1,
  actors: {
    picky: javascript(`export const handle = (n) => {
      if (n === 0) return;
      if (n % 2 === 1) throw new RangeError('odd: ' + n);
      return n / 2;
    };`),
  },
  inputs: { numbers: 'picky' },
  outputs: { halves: 'picky' },
} as const;

describe('run', () => {
  test('gives the outputs, the status and what each actor did', async () => {
    await using host = await createHost();
    const flow = await host.deploy(threeInARow);
    const { id, status, outputs, errors, actors } = await flow.run({ numbers: { n: 1 } });
    expect(id).not.toBe('');
    expect({ status, outputs, errors }).toEqual({ status: 'completed', outputs: { numbers: [{ n: 4 }], halfway: [{ n: 3 }] }, errors: [] });
    expect(Object.keys(actors)).toEqual(['first', 'second', 'third']);
    expect(actors['second']?.messages).toBe(1);
    expect(actors['second']?.time).toBeGreaterThanOrEqual(0);
  });

  test('takes several inputs at once', async () => {
    await using host = await createHost();
    const flow = await host.deploy(threeInARow);
    const { outputs } = await flow.run({ numbers: { n: 1 }, late: { n: 10 } });
    expect(outputs.numbers.toSorted((a, b) => (a as { n: number }).n - (b as { n: number }).n)).toEqual([{ n: 4 }, { n: 11 }]);
  });

  test('answers a failure of an actor with a failed result that names it', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    const result = await flow.run({ numbers: 3 });
    expect(result).toMatchObject({
      status: 'failed',
      outputs: { halves: [] },
      errors: [{ code: 'actor.failed', name: 'RangeError', message: 'odd: 3', actor: 'picky', execution: result.id }],
    });
  });

  test('refuses what cannot begin', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    const slow = await host.deploy({
      vivarium: 1,
      namespace: 'slow',
      actors: { a: javascript('export const handle = () => new Promise((done) => setTimeout(done, 200));') },
      inputs: { in: 'a' },
    });
    // @ts-expect-error the compiler knows the names of the inputs
    expect(await failureOf(() => flow.run({ words: 1 }))).toMatchObject({ code: 'flow.input', record: { hint: 'the inputs: numbers' } });
    expect(await failureOf(() => flow.run({}))).toMatchObject({ code: 'flow.input' });
    expect(await failureOf(() => flow.run({ numbers: () => 1 }))).toMatchObject({ code: 'message.unsupported' });
    expect(await failureOf(() => flow.run({ numbers: 'x'.repeat(2 ** 20) }))).toMatchObject({ code: 'limit.message', record: { actor: 'picky' } });
    expect(await failureOf(() => flow.run({ numbers: 2 }, { deadline: new Date(0) }))).toMatchObject({ code: 'execution.deadline' });
    const running = slow.run({ in: 1 }, { id: 'same' });
    expect(await failureOf(() => slow.run({ in: 1 }, { id: 'same' }))).toMatchObject({ code: 'execution.duplicate' });
    expect(await running).toMatchObject({ id: 'same', status: 'completed' });
    expect(await slow.run({ in: 1 }, { id: 'same' })).toMatchObject({ id: 'same', status: 'completed' });
  });

  test('hands out payloads undecoded if asked to', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    const { outputs } = await flow.run({ numbers: 8 }, { raw: true });
    expect(outputs.halves).toEqual([{ lane: 'text', text: '4' }]);
  });

  test('carries every lane: bytes and datetimes too', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: { echo: javascript('export const handle = (m) => m;') },
      inputs: { in: 'echo' },
      outputs: { out: 'echo' },
    });
    const message = { bytes: new Uint8Array([0, 255]), at: new Date(0), nothing: null };
    expect((await flow.run({ in: message })).outputs.out).toEqual([message]);
  });

  test('keeps what the actors know of the execution', async () => {
    await using host = await createHost();
    const code = 'export const handle = (_, context) => ({ ...context.execution, deadline: context.execution.deadline?.getTime() ?? null });';
    const flow = await host.deploy({ vivarium: 1, actors: { a: javascript(code) }, inputs: { in: 'a' }, outputs: { out: 'a' } });
    const deadline = new Date(Date.now() + 60_000);
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { outputs } = await flow.run({ in: 1 }, { id: 'mine', parents: ['other'], deadline, trace });
    expect(outputs.out).toEqual([{ id: 'mine', parents: ['other'], attempt: 1, deadline: deadline.getTime(), trace }]);
  });
});

/** Emits `count` messages, one every so often at an await. */
const generator = {
  vivarium: 1,
  actors: {
    count: javascript('export async function* handle({ count, size = 0 }) { for (let n = 0; n < count; n++) yield { n, padding: "x".repeat(size) }; }', {
      // One turn with tens of thousands of messages: its processor time is not what these tests are about.
      policy: { limits: { cpu: '30s', outbound: { messages: 200_000, bytes: '256MiB' } } },
    }),
  },
  inputs: { in: 'count' },
  outputs: { out: 'count' },
} as const;

describe('start', () => {
  test('streams the outputs, then the result', async () => {
    await using host = await createHost();
    const flow = await host.deploy(generator);
    const execution = await flow.start({ in: { count: 3 } });
    const seen: unknown[] = [];
    for await (const { output, message, index } of execution.outputs) seen.push([output, (message as { n: number }).n, index]);
    expect(seen).toEqual([
      ['out', 0, 0],
      ['out', 1, 1],
      ['out', 2, 2],
    ]);
    expect(await execution.result).toMatchObject({ id: execution.id, status: 'completed', outputs: { out: [] } });
  });

  test('keeps the outputs for the result if nobody reads them', async () => {
    await using host = await createHost();
    const flow = await host.deploy(generator);
    const execution = await flow.start({ in: { count: 3 } });
    expect((await execution.result).outputs.out).toHaveLength(3);
  });

  test('fails an execution that holds too many unread outputs', async () => {
    await using host = await createHost({ limits: { outputs: { messages: 100 } }, ceiling: 'unrestricted' });
    const flow = await host.deploy(generator);
    const result = await flow.run({ in: { count: 1_000 } });
    expect(result).toMatchObject({ status: 'failed', errors: [{ code: 'limit.outputs' }] });
    expect(result.outputs.out).toHaveLength(100);
    expect(await flow.run({ in: { count: 100 } })).toMatchObject({ status: 'completed' });
  });

  test('slows the flow down for a slow reader, and lets others pass', async () => {
    await using host = await createHost({ ceiling: 'unrestricted' });
    const flow = await host.deploy(generator);
    const execution = await flow.start({ in: { count: 30_000, size: 1024 } });
    let read = 0;
    for await (const { message } of execution.outputs) {
      expect((message as { n: number }).n).toBe(read++);
      // The reader waits for others of the same cell: they must get past what it has not read.
      if (read % 10_000 === 0) expect((await flow.run({ in: { count: 2 } })).outputs.out).toHaveLength(2);
    }
    expect(read).toBe(30_000);
    expect(await execution.result).toMatchObject({ status: 'completed' });
  });

  test('ends an execution that is cancelled, whatever its code does', async () => {
    await using host = await createHost({ ceiling: 'unrestricted' });
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        stuck: javascript('export const handle = (how) => { if (how === "busy") for (;;); return new Promise(() => {}); };', {
          policy: { limits: { cpu: '30s' } },
        }),
        fine: javascript('export const handle = (m) => m;'),
      },
      inputs: { stuck: 'stuck', fine: 'fine' },
      outputs: { out: 'fine' },
    });
    for (const how of ['waiting', 'busy']) {
      const execution = await flow.start({ stuck: how });
      expect(await flow.ask('fine', 1)).toBe(1);
      const began = performance.now();
      await execution.cancel('enough');
      // Long before a limit of the turn would have ended it. A loaded machine takes its time.
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(await execution.result).toMatchObject({
        status: 'cancelled',
        errors: [{ code: 'execution.cancelled', message: 'the execution was cancelled: enough' }],
      });
    }
    expect((await flow.run({ fine: 2 })).outputs.out).toEqual([2]);
  });

  test('obeys a signal and a deadline', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: { never: javascript('export const handle = () => new Promise(() => {});') },
      inputs: { in: 'never' },
      outputs: { out: 'never' },
    });
    const controller = new AbortController();
    const execution = await flow.start({ in: 1 }, { signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    expect(await execution.result).toMatchObject({ status: 'cancelled', errors: [{ message: 'the execution was cancelled: no longer wanted' }] });
    expect(await flow.run({ in: 1 }, { timeout: 50 })).toMatchObject({ status: 'failed', errors: [{ code: 'execution.deadline' }] });
    expect(await failureOf(() => flow.ask('in', 1, { timeout: 50 }))).toMatchObject({ code: 'execution.deadline' });
    expect(await failureOf(() => flow.actor('never').ask(1, { timeout: 50 }))).toMatchObject({ code: 'execution.deadline' });
  });
});

describe('pipe', () => {
  test('gives results in the order of the inputs, failures among them', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    const seen: unknown[] = [];
    for await (const { status, outputs } of flow.pipe([2, 3, 4, () => 1, 6, 'x'.repeat(2 ** 21), 8], { input: 'numbers', window: 3 }))
      seen.push(status === 'completed' ? outputs.halves[0] : status);
    expect(seen).toEqual([1, 'failed', 2, 'failed', 3, 'failed', 4]);
  });

  test('takes no more inputs than its window while nobody reads', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    let taken = 0;
    function* source() {
      for (;;) yield 2 * ++taken;
    }
    const results = flow.pipe(source(), { input: 'numbers', window: 8 });
    for (let read = 1; read <= 100; read++) {
      expect((await results.next()).value?.outputs.halves).toEqual([read]);
      expect(taken).toBeLessThanOrEqual(read + 8);
    }
    await flow.run({ numbers: 2 });
    expect(taken).toBeLessThanOrEqual(108);
    await results.return?.();
    expect(await flow.run({ numbers: 4 })).toMatchObject({ status: 'completed' });
  });

  test('waits for the source, and ends with it', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    let ended = false;
    async function* source() {
      try {
        for (let n = 2; n < 10; n += 2) {
          await new Promise(setImmediate);
          yield n;
        }
        throw new Error('the source broke');
      } finally {
        ended = true;
      }
    }
    const seen: unknown[] = [];
    await expect(async () => {
      for await (const { outputs } of flow.pipe(source(), { input: 'numbers' })) seen.push(outputs.halves[0]);
    }).rejects.toThrow('the source broke');
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(ended).toBe(true);
  });

  test('cancels what is under way when the reader leaves', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: { slow: javascript('export const handle = (n) => n === 0 ? n : new Promise(() => {});', { concurrency: 8 }) },
      inputs: { in: 'slow' },
      outputs: { out: 'slow' },
    });
    const ends: string[] = [];
    host.on('execution', ({ status }) => ends.push(status));
    for await (const { outputs } of flow.pipe([0, 1, 2, 3], { input: 'in' })) {
      expect(outputs.out).toEqual([0]);
      break;
    }
    await flow.stop({ drain: 2_000 });
    expect(ends).toEqual(['completed', 'cancelled', 'cancelled', 'cancelled']);
  });

  test('ends with what was under way as cancelled when its signal is aborted, though the source never ends', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: { slow: javascript('export const handle = (n) => n === 0 ? n : new Promise(() => {});', { concurrency: 8 }) },
      inputs: { in: 'slow' },
      outputs: { out: 'slow' },
    });
    async function* source(): AsyncGenerator<number> {
      yield* [0, 1, 2];
      await new Promise(() => {});
    }
    const controller = new AbortController();
    const ends: unknown[] = [];
    for await (const { status, errors } of flow.pipe(source(), { input: 'in', signal: controller.signal })) {
      ends.push([status, errors[0]?.message]);
      controller.abort(new Error('enough'));
    }
    const cancelled = ['cancelled', 'the execution was cancelled: enough'];
    expect(ends).toEqual([['completed', undefined], cancelled, cancelled]);
    expect(await Array.fromAsync(flow.pipe([0], { input: 'in', signal: controller.signal }))).toEqual([]);
  });

  test('carries a hundred thousand messages without losing the order', async () => {
    await using host = await createHost();
    const flow = await host.deploy(threeInARow);
    function* source() {
      for (let n = 0; n < 100_000; n++) yield { n };
    }
    let read = 0;
    let wrong = 0;
    for await (const { outputs } of flow.pipe(source(), { input: 'numbers' })) if ((outputs.numbers[0] as { n: number }).n !== read++ + 3) wrong++;
    expect({ read, wrong }).toEqual({ read: 100_000, wrong: 0 });
    expect(flow.live).toBe(0);
  });
});

describe('ask', () => {
  test('resolves with the first output, or rejects with the first error', async () => {
    await using host = await createHost();
    const flow = await host.deploy(picky);
    expect(await flow.ask('numbers', 8)).toBe(4);
    expect(await failureOf(() => flow.ask('numbers', 3))).toMatchObject({ code: 'actor.failed', record: { name: 'RangeError' } });
    expect(await failureOf(() => flow.ask('numbers', 0))).toMatchObject({ code: 'execution.no-answer' });
  });

  test('reaches one actor by its name', async () => {
    await using host = await createHost();
    const flow = await host.deploy({
      vivarium: 1,
      actors: {
        desk: javascript(
          'export const handle = (m) => ["in", m]; export const side = (m) => ["side", m]; export const broken = () => { throw new Error("no") };',
          { inlets: ['in', 'side', 'broken'] },
        ),
      },
    });
    expect(await flow.actor('desk').ask(1)).toEqual(['in', 1]);
    expect(await flow.actor('desk').ask(2, { inlet: 'side' })).toEqual(['side', 2]);
    expect(await failureOf(() => flow.actor('desk').ask(3, { inlet: 'broken' }))).toMatchObject({
      code: 'actor.failed',
      record: { actor: 'desk', message: 'no' },
    });
    expect(await failureOf(() => flow.actor('desk').ask(3, { inlet: 'back' }))).toMatchObject({ code: 'actor.inlet' });
    // @ts-expect-error the compiler knows the names of the actors
    expect(await failureOf(() => flow.actor('door').ask(3))).toMatchObject({ code: 'actor.unknown', record: { hint: 'the actors: desk' } });
  });
});

test('outputs that nobody asked for reach the listener of the flow', async () => {
  await using host = await createHost();
  const outputs = new Map<string, unknown>();
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      clock: javascript('export const start = (context) => { setInterval(() => context.emit("out", "tick"), 20); }; export const handle = (m) => m;'),
      double: javascript('export const handle = (m) => m + m;'),
    },
    connections: ['clock -> double'],
    inputs: { in: 'clock' },
    outputs: { ticks: 'clock', doubles: 'double' },
  });
  const heard = Promise.withResolvers<void>();
  flow.on('output', ({ output, payload, execution }) => {
    outputs.set(output, [payload, typeof execution]);
    if (outputs.size === 2) heard.resolve();
  });
  await heard.promise;
  expect(Object.fromEntries(outputs)).toEqual({
    ticks: [{ lane: 'text', text: '"tick"' }, 'undefined'],
    doubles: [{ lane: 'text', text: '"ticktick"' }, 'string'],
  });
});

test('outputs from before the flow was deployed reach who listens at once', async () => {
  await using host = await createHost();
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      early: javascript('export const start = (context) => { context.emit("out", 1); context.emit("out", 2); }; export const handle = (m) => m;'),
      late: javascript('export const handle = (m) => m;'),
    },
    inputs: { in: 'late' },
    outputs: { early: 'early', late: 'late' },
  });
  const heard: unknown[] = [];
  flow.on('output', ({ output, payload }) => heard.push([output, payload]));
  // What was sent before it was deployed has come before this is answered.
  expect(await flow.ask('in', 3)).toBe(3);
  expect(heard).toEqual([1, 2].map((n) => ['early', { lane: 'text', text: String(n) }]));
});

describe('the life of a flow', () => {
  const slow = {
    vivarium: 1,
    actors: { slow: javascript('export const handle = (wait) => new Promise((done) => setTimeout(done, wait, wait));', { concurrency: 8 }) },
    inputs: { in: 'slow' },
    outputs: { out: 'slow' },
  } as const;

  test('stop lets executions end, and cancels those that do not', async () => {
    await using host = await createHost();
    const flow = await host.deploy(slow);
    const [short, long] = [flow.run({ in: 50 }), flow.run({ in: 20_000 })];
    await flow.stop({ drain: 1_000 });
    expect(await short).toMatchObject({ status: 'completed' });
    expect(await long).toMatchObject({ status: 'cancelled', errors: [{ code: 'host.closed' }] });
    expect(await failureOf(() => flow.run({ in: 1 }))).toMatchObject({ code: 'host.closed' });
    expect(host.flow('default')).toBeUndefined();
  });

  test('deploying again replaces the flow of the namespace', async () => {
    await using host = await createHost();
    const before = await host.deploy(slow);
    const running = before.run({ in: 200 });
    const after = await host.deploy({ ...slow, actors: { slow: javascript('export const handle = () => "new";') } });
    expect(await running).toMatchObject({ status: 'completed', outputs: { out: [200] } });
    expect(await failureOf(() => before.run({ in: 1 }))).toMatchObject({ code: 'host.closed' });
    expect(await after.ask('in', 1)).toBe('new');
    expect(host.flow('default')).toBe(after);
  });

  test('the guests’ own stop runs, and log lines arrive escaped', async () => {
    const host: Host = await createHost();
    const lines: string[] = [];
    host.on('log', ({ actor, level, text }) => lines.push(`${actor} ${level} ${text}`));
    await host.deploy({
      vivarium: 1,
      actors: { a: javascript('export const handle = () => {}; export const stop = (context) => context.log.warn("bye\\u001b[31m\\nb error fake");') },
    });
    await host.close();
    expect(lines).toEqual(['a warn bye\\u001b[31m\\nb error fake']);
    expect(await failureOf(() => host.deploy(slow))).toMatchObject({ code: 'host.closed' });
  });

  test('a flow does not begin with an actor that does not', async () => {
    await using host = await createHost();
    const broken = (code: string, rest: object = {}) =>
      failureOf(() => host.deploy({ vivarium: 1, actors: { fine: addOne, broken: javascript(code, rest) }, connections: ['fine -> broken.extra'] } as never));
    expect(await broken('throw new Error("at the top"); export const extra = () => {};')).toMatchObject({ code: 'actor.start', record: { actor: 'broken' } });
    expect(await broken('export const handle = (')).toMatchObject({ code: 'source.invalid' });
    expect(await broken('export const handle = () => {};')).toMatchObject({ code: 'actor.inlet', record: { actor: 'broken' } });
    expect(
      await broken('export const start = () => new Promise(() => {}); export const extra = () => {};', { policy: { limits: { start: '200ms' } } }),
    ).toMatchObject({ code: 'limit.start', record: { actor: 'broken' } });
    expect(host.report().namespaces).toEqual([]);
  });
});
