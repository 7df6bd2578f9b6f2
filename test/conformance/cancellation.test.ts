/** An execution that is cancelled stops, whatever its code does, and the actor answers the next message. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Flow } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

/** What the claim is, and what a test can demand of a machine that has other things to do. Milliseconds. */
const claimed = 100;
const demanded = 2_000;

let entered: PromiseWithResolvers<void>;
const aborted: string[] = [];
beforeEach(() => {
  entered = Promise.withResolvers();
  aborted.length = 0;
});

const anything = { input: z.unknown(), output: z.unknown() };
const services = {
  gate: {
    enter: { ...anything, handle: () => void entered.resolve() },
    wait: {
      ...anything,
      handle: (_: unknown, { signal }: { signal: AbortSignal }) => {
        entered.resolve();
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push((signal.reason as { code: string }).code);
            resolve('too late');
          });
        });
      },
    },
  },
};

/** What the code does when it is cancelled; whether it says that it has begun. */
const waysOf = (language: Language): readonly (readonly [inlet: string, tells: boolean])[] => [
  ['spin', false],
  ['spinAfterCall', true],
  ['call', true],
  ...(language.has('asynchronous') ? ([['wait', true]] as const) : []),
  ...(language.has('signal') ? ([['listen', true]] as const) : []),
  ...(language.has('asynchronous') && language.has('blocking')
    ? ([
        ['callNow', true],
        ['sleep', true],
      ] as const)
    : []),
];

const inletsOf = (language: Language): string[] => ['in', ...waysOf(language).map(([inlet]) => inlet), ...(language.has('signal') ? ['remaining'] : [])];
const policy = { services: ['gate.*'], limits: { wall: '60s', cpu: '60s' } };

const stage = setStage({ services }, (language) => ({
  actors: { it: language.actor('waiting', { policy }), neighbour: language.actor('echo') },
  inputs: { ...inputsTo('it', inletsOf(language)), neighbour: 'neighbour' },
  outputs: { out: ['it', 'neighbour'] },
}));

describe.each(languages)('in %s', (language) => {
  const flow = (): Flow => stage.flow(language);

  /** Starts what never ends, and waits until it has begun. */
  const begun = async (inlet: string, tells: boolean, options: object = {}) => {
    const execution = await flow().start({ [inlet]: null }, options);
    if (tells) await entered.promise;
    // What was sent to the cell later has been answered: so this has been delivered, and its call has been answered.
    await flow().ask('neighbour', 1);
    return execution;
  };

  /** What computes, or sleeps with its thread, stops when its isolate is given up; what waits stops with its turn. */
  const stops = (inlet: string): (() => boolean) => {
    let stopped = !inlet.startsWith('spin') && inlet !== 'sleep';
    const off = stage.host.on('cell', ({ namespace, event, actor, reason }) => {
      stopped ||= namespace === language.name && event === 'violation' && actor === 'it' && reason?.code === 'execution.cancelled';
    });
    onTestFinished(off);
    return () => stopped;
  };

  test.each(waysOf(language))('code that never ends (%s) is stopped by `cancel`', async (inlet, tells) => {
    const execution = await begun(inlet, tells);
    const stopped = stops(inlet);
    const began = performance.now();
    await execution.cancel('enough');
    expect(await execution.result).toMatchObject({
      status: 'cancelled',
      errors: [{ code: 'execution.cancelled', message: 'the execution was cancelled: enough' }],
    });
    expect(stopped(), 'its code has stopped').toBe(true);
    const millis = performance.now() - began;
    expect(await flow().ask('handle', inlet)).toEqual(['fine', inlet]);
    const answered = performance.now() - began;
    process.stdout.write(
      `${language} ${inlet}: stopped after ${millis.toFixed(1)} ms (claimed: ${claimed}), the next message was answered after ${answered.toFixed(1)} ms\n`,
    );
    expect(millis).toBeLessThan(demanded);
  });

  test.each(waysOf(language).filter(([inlet]) => inlet.startsWith('call')))('a service that it waits for (%s) learns of it', async (inlet, tells) => {
    const execution = await begun(inlet, tells);
    await execution.cancel();
    await flow().ask('handle', null);
    expect(aborted).toEqual(['call.cancelled']);
  });

  test('a message that waits behind another is never begun', async () => {
    const running = await begun('call', true);
    const queued = await flow().start({ handle: 'queued' });
    await queued.cancel();
    expect(await queued.result).toMatchObject({ status: 'cancelled', outputs: { out: [] } });
    await running.cancel();
    expect(await flow().ask('handle', 'next')).toEqual(['fine', 'next']);
  });

  test('nor is one that was delivered together with another', async () => {
    const [running, queued, last] = await Promise.all([flow().start({ call: null }), flow().start({ handle: 'queued' }), flow().start({ handle: 'last' })]);
    await entered.promise;
    await queued.cancel();
    expect(await queued.result).toMatchObject({ status: 'cancelled', outputs: { out: [] } });
    expect((await queued.result).actors['it']?.messages ?? 0).toBe(0);
    await running.cancel();
    expect((await running.result).actors['it']?.messages).toBe(1);
    expect(await last.result).toMatchObject({ status: 'completed', outputs: { out: [['fine', 'last']] } });
  });

  test('only the execution that is cancelled stops', async () => {
    const running = await begun('call', true);
    const other = flow().run({ handle: 'other' });
    const elsewhere = await flow().ask('neighbour', 'x');
    await running.cancel();
    expect({ other: (await other).outputs['out'], elsewhere }).toEqual({ other: [['fine', 'other']], elsewhere: 'x' });
  });

  test('a signal of the embedder cancels too', async () => {
    const controller = new AbortController();
    const execution = await begun('call', true, { signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    expect(await execution.result).toMatchObject({ status: 'cancelled', errors: [{ message: 'the execution was cancelled: no longer wanted' }] });
    expect(await flow().ask('handle', null)).toEqual(['fine', null]);
  });

  test.each(waysOf(language))('a deadline stops what never ends (%s)', async (inlet) => {
    const began = performance.now();
    const { status, errors } = await flow().run({ [inlet]: null }, { timeout: 250 });
    const millis = performance.now() - began;
    expect({ status, errors }).toMatchObject({ status: 'failed', errors: [{ code: 'execution.deadline' }] });
    expect(millis).toBeGreaterThan(240);
    expect(millis).toBeLessThan(250 + demanded);
    expect(await flow().ask('handle', inlet)).toEqual(['fine', inlet]);
  });

  test('so does a timeout of who asks', async () => {
    expect(await failureOf(() => flow().actor('it').ask(null, { inlet: 'call', timeout: 100 }))).toMatchObject({ code: 'execution.deadline' });
    expect(await failureOf(() => flow().ask('spin', null, { timeout: 100 }))).toMatchObject({ code: 'execution.deadline' });
    expect(await flow().ask('handle', null)).toEqual(['fine', null]);
  });

  if (language.has('signal')) {
    test('the code of a turn hears that it was cancelled', async () => {
      /** What it logs, unless it does not come to that in the time that it has: then its isolate is given up. */
      const heard = async (): Promise<readonly string[]> => {
        entered = Promise.withResolvers();
        const execution = await begun('listen', true);
        const before = stage.logs().length;
        await execution.cancel();
        await flow().ask('handle', null);
        return stage
          .logs()
          .slice(before)
          .map(({ actor, text, execution: of }) => `${actor} ${text}, in ${of === execution.id ? 'its' : of} execution`);
      };
      let lines = await heard();
      for (let tries = 1; lines.length === 0 && tries < 10; tries++) lines = await heard();
      expect(lines).toEqual(['it aborted execution.cancelled, in its execution']);
    });

    test('the code of a turn knows its deadline', async () => {
      const left = (await flow().ask('remaining', null, { timeout: 30_000 })) as number;
      expect(left).toBeGreaterThan(10_000);
      expect(left).toBeLessThanOrEqual(30_000);
      expect(await flow().actor('it').ask(null, { inlet: 'remaining', timeout: 30_000 })).toBeGreaterThan(10_000);
    });
  }
});
