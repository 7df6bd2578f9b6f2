/** What happens before the first message, after the last one, and when an instance is replaced. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Flow } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { type FlowPlan, setStage } from './suite.ts';

const services = { orders: { list: { input: z.unknown(), output: z.unknown(), handle: (input: unknown) => ['listed', input] } } };
const stage = setStage({ services });

/** One actor `it`, with its own config. */
const planOf = (language: Language, config: object = {}, rest: object = {}): FlowPlan => {
  const timing = language.has('timers') ? { ticking: 'it.ticking', leave: 'it.leave', left: 'it.left' } : {};
  return {
    actors: { it: language.actor('lifecycle', { config, policy: { services: ['orders.*'], limits: { cpu: '1s' } }, ...rest }) },
    inputs: { handle: 'it', spin: 'it.spin', ...timing },
    outputs: { out: 'it' },
  };
};

describe.each(languages)('in %s', (language) => {
  let deployed = 0;
  /** Deploys, does something, stops; and tells what was logged. */
  const living = async (config: object, use: (flow: Flow) => Promise<void>): Promise<string[]> => {
    const namespace = `${language}-${deployed++}`;
    const flow = await stage.deploy(planOf(language, config), namespace);
    await use(flow);
    await flow.stop({ drain: 5_000 });
    return stage
      .logs()
      .filter((event) => event.namespace === namespace)
      .map(({ level, text }) => `${level} ${text}`);
  };

  test('`start` runs once, before the first message, outside any execution; `stop` runs after the last', async () => {
    const logs = await living({}, async (flow) => {
      expect(await flow.ask('handle', null)).toEqual({ starts: 1, calls: 1, got: null });
      expect(await flow.ask('handle', null)).toEqual({ starts: 1, calls: 2, got: null });
    });
    expect(logs).toEqual(['info start outside', 'info stop 2']);
  });

  test('an actor that is never used is started and stopped all the same', async () => {
    expect(await living({}, async () => {})).toEqual(['info start outside', 'info stop 0']);
  });

  test('a `start` that fails fails the deployment, and says why', async () => {
    const failure = await failureOf(() => stage.deploy(planOf(language, { start: 'fail' }), `${language}-fails`));
    expect(failure).toMatchObject({ code: 'actor.start', message: 'cannot start', record: { actor: 'it' } });
    if (language.has('places')) expect(failure.record.file).toBe(language.file('lifecycle'));
    expect(stage.host.flow(`${language}-fails`)).toBe(undefined);
  });

  test('a flow that cannot start leaves the one before it as it was', async () => {
    const namespace = `${language}-kept`;
    const before = await stage.deploy(planOf(language), namespace);
    await failureOf(() => stage.deploy(planOf(language, { start: 'fail' }), namespace));
    expect(stage.host.flow(namespace)).toBe(before);
    expect(await before.ask('handle', null)).toMatchObject({ calls: 1 });
  });

  test('a `stop` that fails is logged, and stops the actor all the same', async () => {
    const logs = await living({ stop: 'fail' }, async () => {});
    expect(logs).toEqual(['info start outside', 'info stop 0', expect.stringMatching(/^error .*cannot stop/)]);
  });

  test('`start` may send messages and call services', async () => {
    await living({ start: 'call' }, async (flow) => expect(await flow.ask('handle', null)).toMatchObject({ got: ['listed', 1] }));
    const plan = planOf(language, { start: 'emit' });
    const keeper = {
      runtime: 'javascript',
      code: 'const heard = []; export const handle = (message) => { heard.push(message); }; export const told = () => heard;',
    } as const;
    const emitting = { ...plan, actors: { ...plan.actors, keeper }, connections: ['it -> keeper'], inputs: { ...plan.inputs, told: 'keeper.told' } };
    const flow = await stage.deploy(emitting, `${language}-emits`);
    await flow.run({ handle: null });
    expect(await flow.actor('keeper').ask(null, { inlet: 'told' })).toEqual(['early', { starts: 1, calls: 1, got: null }]);
    await flow.stop();
  });

  test('a fresh instance starts anew, after a limit was broken', async () => {
    const logs = await living({}, async (flow) => {
      expect(await flow.ask('handle', null)).toEqual({ starts: 1, calls: 1, got: null });
      expect((await flow.run({ spin: null })).errors).toMatchObject([{ code: 'limit.cpu' }]);
      expect(await flow.ask('handle', null)).toEqual({ starts: 1, calls: 1, got: null });
    });
    expect(logs).toEqual(['info start outside', 'info start outside', 'info stop 1']);
  });

  if (language.has('asynchronous')) {
    test('messages wait until an asynchronous `start` is over, and an asynchronous `stop` is waited for', async () => {
      const logs = await living({ start: 'later', stop: 'later' }, async (flow) => expect(await flow.ask('handle', null)).toMatchObject({ got: 'later' }));
      expect(logs.at(-1)).toBe('info stop 1');
    });
  }

  if (language.has('timers')) {
    test('what `start` began goes on between turns', async () => {
      await living({ start: 'tick' }, async (flow) => {
        expect(await flow.ask('ticking', null)).toBe('ticks');
        expect(await flow.ask('ticking', null)).toBe('ticks');
      });
    });

    test('what a turn began ends with it', async () => {
      await living({}, async (flow) => {
        await flow.run({ leave: null });
        expect(await flow.ask('left', null)).toBe(false);
      });
    });
  }
});
