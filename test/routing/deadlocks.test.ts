/** Actors that wait for each other are found, named and set going again; those that are only slow are left alone. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createHost, type Flow, type HostOptions, type ManifestObject } from '../../host/index.ts';

const javascript = (code: string, rest: object = {}) => ({ runtime: 'javascript', code, ...rest }) as const;

const deploy = async (plan: object, options: HostOptions = {}): Promise<Flow> => {
  const host = await createHost(options);
  onTestFinished(() => host.close());
  return (await host.deploy({ vivarium: 1, ...plan } as ManifestObject)) as unknown as Flow;
};

/** Sends two messages for each that it gets, and waits for room; `plain` messages are only answered. */
const doubles = `
export const handle = async (message, context) => {
  if (message === "plain") return message;
  await context.emit("more", message);
  await context.emit("more", message);
};`;

/** Asks whoever is next. */
const asks = (peer: string): string => `export const handle = (message, { ask }) => (message === "plain" ? message : ask("${peer}", message));`;

/** Actors in a circle, each the next one's sender. @param rest of each actor, by its place */
const circle = (names: readonly string[], source: (next: string) => string, rest: (place: number) => object) => ({
  actors: Object.fromEntries(names.map((name, place) => [name, javascript(source(names[(place + 1) % names.length] as string), rest(place))])),
  connections: names.map((name, place) => `${name}.more -> ${names[(place + 1) % names.length]}`),
  inputs: Object.fromEntries(names.map((name) => [name, name])),
  outputs: { out: 'a.out' },
});

/** Of such messages a cell may send few before some are taken, so what lies between cells is soon full. */
const large = 'double'.repeat(50_000);

/** A deadline that no test waits for: what ends before was found. Milliseconds. */
const timeout = 30_000;

const tight = (): object => ({ mailbox: 4 });
const apart = (): object => ({ mailbox: 4, cell: 'own' });

/** The circle that an error names, from wherever it begins: the first name in the alphabet comes first. */
const named = (message: string | undefined): readonly string[] => {
  const steps = message?.slice(message.lastIndexOf(': ') + 2).split(' -> ') ?? [];
  expect(steps.length).toBeGreaterThan(1);
  expect(steps.at(-1)).toBe(steps[0]);
  const once = steps.slice(1);
  const first = once.indexOf(once.toSorted()[0] as string);
  return [...once.slice(first), ...once.slice(0, first)];
};

const inlets = (names: readonly string[]): readonly string[] => names.map((name) => `${name}.in`);

describe('a circle of actors that wait for room', () => {
  test.each([
    ['of two', ['a', 'b'], tight],
    ['of three', ['a', 'b', 'c'], tight],
    ['of one', ['a'], tight],
    ['of two in two cells', ['a', 'b'], apart],
    ['of three in two cells', ['a', 'b', 'c'], (place: number) => (place === 0 ? apart() : tight())],
    ['of three in three cells', ['a', 'b', 'c'], apart],
  ] as const)('%s is named, and the flow goes on', async (_, names, rest) => {
    const flow = await deploy(circle(names, () => doubles, rest));
    const { status, errors } = await flow.run({ a: large }, { timeout });
    expect(status).toBe('failed');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'flow.deadlock', actor: expect.stringMatching(/^[abc]$/), hint: expect.stringContaining('overflow: reject') });
    expect(named(errors[0]?.message)).toEqual(inlets(names));
    for (const name of names)
      expect(await flow.run({ [name]: 'plain' }, { timeout })).toMatchObject({ status: 'completed', actors: { [name]: { messages: 1 } } });
    expect(flow.live).toBe(0);
  });

  test.each([
    ['in one cell', tight],
    ['in two', apart],
  ] as const)('is named within a second of the last that anybody in it did (%s)', async (_, rest) => {
    const host = await createHost();
    onTestFinished(() => host.close());
    const telling = doubles.replaceAll('await context.emit', 'context.log.info(message.length); await context.emit');
    const flow = (await host.deploy({ vivarium: 1, ...circle(['a', 'b'], () => telling, rest) } as ManifestObject)) as unknown as Flow;
    let last = 0;
    host.on('log', () => {
      last = performance.now();
    });
    const took: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(await flow.run({ a: large }, { timeout })).toMatchObject({ errors: [{ code: 'flow.deadlock' }] });
      took.push(performance.now() - last);
    }
    // The machine may have other things to do now and then.
    expect(Math.min(...took)).toBeLessThan(1_000);
    expect(Math.max(...took)).toBeLessThan(10_000);
  });

  test('that nobody waits in, because they send more than they take and return, is named', async () => {
    const both = 'export const handle = (message, { emit }) => { if (message === "plain") return message; emit("more", message); emit("more", message); };';
    const flow = await deploy(circle(['a', 'b'], () => both, tight));
    const { errors } = await flow.run({ a: 'double' }, { timeout });
    expect(errors).toMatchObject([{ code: 'flow.deadlock' }]);
    expect(await flow.actor('b').ask('plain', { timeout })).toBe('plain');
  });

  test.each([
    ['in one cell', tight, 60],
    ['in two', apart, 12],
  ] as const)('fails the executions that hold it, one after another (%s), and loses none', async (_, rest, count) => {
    const flow = await deploy(circle(['a', 'b'], () => doubles, rest));
    const results = await Promise.all(
      Array.from({ length: count }, (_, n) => flow.run({ [n % 2 === 0 ? 'a' : 'b']: n % 6 === 0 ? 'plain' : large }, { timeout })),
    );
    results.forEach(({ status, errors, outputs }, n) => {
      if (n % 6 === 0) expect({ n, status, out: outputs['out'] }).toEqual({ n, status: 'completed', out: ['plain'] });
      else expect({ n, codes: errors.map(({ code }) => code) }).toEqual({ n, codes: ['flow.deadlock'] });
    });
    expect(flow.live).toBe(0);
  });

  test('ends for whoever only waits behind it, too', async () => {
    const plan = circle(['a', 'b'], () => doubles, tight);
    const flow = await deploy({
      ...plan,
      actors: { ...plan.actors, sender: javascript('export async function* handle(count) { for (let n = 0; n < count; n++) yield "plain"; }') },
      connections: [...plan.connections, 'sender -> a'],
      inputs: { ...plan.inputs, sender: 'sender' },
    });
    const [held, behind] = await Promise.all([flow.run({ a: 'double' }, { timeout }), flow.run({ sender: 50 }, { timeout })]);
    expect(held.errors).toMatchObject([{ code: 'flow.deadlock' }]);
    expect(named(held.errors[0]?.message)).toEqual(['a.in', 'b.in']);
    expect(behind).toMatchObject({ status: 'completed', outputs: { out: Array(50).fill('plain') } });
  });
});

describe('a circle of actors that ask each other', () => {
  test.each([
    ['of two', ['a', 'b'], () => ({})],
    ['of three', ['a', 'b', 'c'], () => ({})],
    ['of one', ['a'], () => ({})],
    ['of two in two cells', ['a', 'b'], () => ({ cell: 'own' })],
    ['of three in two cells', ['a', 'b', 'c'], (place: number) => (place === 1 ? { cell: 'own' } : {})],
  ] as const)('%s is named, and the flow goes on', async (_, names, rest) => {
    const flow = await deploy(circle(names, asks, rest));
    const { status, errors } = await flow.run({ a: 'round' }, { timeout });
    expect(status).toBe('failed');
    expect(errors).toMatchObject([{ code: 'flow.deadlock', hint: expect.stringContaining('concurrency') }]);
    expect(named(errors[0]?.message)).toEqual(inlets(names));
    for (const name of names) expect(await flow.actor(name).ask('plain', { timeout })).toBe('plain');
  });

  test('that is broken by a second turn is none', async () => {
    const twice = (peer: string) =>
      `export const handle = async (message, { ask }) => (message === 0 ? "end" : { answer: await ask("${peer}", message - 1) });`;
    const flow = await deploy(circle(['a', 'b'], twice, () => ({ concurrency: 2 })));
    expect(await flow.actor('a').ask(2, { timeout })).toEqual({ answer: { answer: 'end' } });
  });

  test('rejects the question of whoever asked from outside', async () => {
    const flow = await deploy(circle(['a', 'b'], asks, () => ({})));
    await expect(flow.actor('a').ask('round', { timeout })).rejects.toMatchObject({ code: 'flow.deadlock' });
    await expect(flow.ask('a', 'round', { timeout })).rejects.toMatchObject({ code: 'flow.deadlock' });
  });
});

test('a circle of room and answers is named', async () => {
  const flow = await deploy({
    actors: {
      // Fills the mailbox of `clerk`, whose first message asks back.
      sender: javascript(
        'export const handle = async (message, { emit }) => { if (message === "plain") return message; for (let n = 0; n < 20; n++) await emit("more", n); };',
      ),
      clerk: javascript('export const handle = (message, { ask }) => ask("sender", message);', { mailbox: 2 }),
    },
    connections: ['sender.more -> clerk', 'clerk.questions -> sender'],
    inputs: { in: 'sender' },
    outputs: { out: 'sender.out' },
  });
  const { errors } = await flow.run({ in: 'fill' }, { timeout });
  expect(errors).toMatchObject([{ code: 'flow.deadlock', message: expect.stringMatching(/room in the mailbox or the answer/) }]);
  expect(named(errors[0]?.message)).toEqual(['clerk.in', 'sender.in']);
  expect((await flow.run({ in: 'plain' }, { timeout })).outputs['out']).toEqual(['plain']);
});

describe('no deadlock is', () => {
  /** As many messages in a circle as fit, each handed on so many times. */
  const passes = 'export const handle = async (left, context) => { if (left === 0) return "through"; await context.emit("more", left - 1); };';

  test.each([
    ['in one cell', { mailbox: 2 }],
    ['in two cells', { mailbox: 2, cell: 'own' }],
  ] as const)('a tight circle that goes on (%s)', async (_, rest) => {
    const plan = circle(
      ['a', 'b'],
      () => passes,
      () => rest,
    );
    const flow = await deploy({ ...plan, outputs: { out: ['a.out', 'b.out'] } });
    const results = await Promise.all(['a', 'b'].map((name) => flow.run({ [name]: 2_000 }, { timeout: 60_000 })));
    for (const { status, errors, outputs } of results)
      expect({ status, errors, out: outputs['out'] }).toEqual({ status: 'completed', errors: [], out: ['through'] });
  });

  test.each([
    ['in one cell', {}],
    ['in two cells', { cell: 'own' }],
  ] as const)('a circle in which one waits for the host (%s)', async (_, rest) => {
    // The service answers when the other actors have stood still for ten looks of the cell and two of the host.
    const unchecked = { input: z.unknown(), output: z.unknown() };
    const policy = { services: ['gate.*'] };
    let waited = 0;
    const flow = await deploy(
      {
        actors: {
          a: javascript('export const handle = async (message, { emit }) => { for (let n = 0; n < 30; n++) await emit("more", n); };', { mailbox: 2, ...rest }),
          b: javascript('export const handle = async (n, { services, emit }) => { if (n === 0) await services.gate.wait(); if (n === 29) return "last"; };', {
            mailbox: 2,
            policy,
            ...rest,
          }),
        },
        connections: ['a.more -> b', 'b.back -> a'],
        inputs: { in: 'a' },
        outputs: { out: 'b.out' },
      },
      {
        ceiling: policy,
        services: { gate: { wait: { ...unchecked, handle: () => new Promise((resolve) => setTimeout(() => resolve(++waited), 800)) } } },
      },
    );
    expect(await flow.run({ in: 1 }, { timeout })).toMatchObject({ status: 'completed', outputs: { out: ['last'] } });
    expect(waited).toBe(1);
  });

  test('a circle in which one waits for its own timer', async () => {
    const flow = await deploy({
      actors: {
        a: javascript('export const handle = (message, { ask }) => (message === "back" ? "nobody cares" : ask("b", message));'),
        b: javascript(
          'export const handle = (message, { ask }) => Promise.race([ask("a", "back"), new Promise((resolve) => setTimeout(resolve, 800, "tired"))]);',
        ),
      },
      connections: ['a.questions -> b', 'b.questions -> a'],
      inputs: { in: 'a' },
      outputs: { out: 'a.out' },
    });
    const { outputs } = await flow.run({ in: 1 }, { timeout });
    expect(outputs['out']?.[0]).toBe('tired');
  });

  test('mailboxes that are full of what callers sent', async () => {
    const flow = await deploy(circle(['a', 'b'], () => doubles, tight));
    const results = await Promise.all(Array.from({ length: 200 }, (_, n) => flow.run({ [n % 2 === 0 ? 'a' : 'b']: 'plain' }, { timeout })));
    expect(results.filter(({ status }) => status !== 'completed')).toEqual([]);
  });

  test('a sender whose outputs nobody reads yet', async () => {
    // One turn for all of it: on a busy machine it takes more than the usual.
    const policy = { limits: { cpu: '60s', wall: '120s' } };
    const flow = await deploy(
      {
        actors: {
          a: javascript('export async function* handle(count) { for (let n = 0; n < count; n++) yield n; }', { policy }),
          b: javascript('export const handle = (n) => n;', { mailbox: 2, cell: 'own' }),
        },
        connections: ['a -> b'],
        inputs: { in: 'a' },
        outputs: { out: 'b' },
      },
      { ceiling: policy },
    );
    const execution = await flow.start({ in: 9_000 }, { timeout: 60_000 });
    const first: unknown[] = [];
    for await (const { message } of execution.outputs) {
      if (first.push(message) === 1) await new Promise((resolve) => setTimeout(resolve, 1_200));
    }
    expect(await execution.result).toMatchObject({ status: 'completed', errors: [] });
    expect(first).toEqual(Array.from({ length: 9_000 }, (_, n) => n));
  });
});
