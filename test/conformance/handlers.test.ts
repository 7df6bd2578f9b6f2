/** How messages come in and what a handler gives back. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const anything = { input: z.unknown(), output: z.unknown() };
const services = {
  clock: { pause: { ...anything, handle: (milliseconds: unknown) => new Promise((resolve) => setTimeout(() => resolve(null), Number(milliseconds))) } },
};
const policy = { services: ['clock.pause'] };

const inletsOf = (language: Language): string[] => [
  'in',
  'second',
  'silent',
  'count',
  ...(language.has('asynchronous') ? ['later', 'silentLater'] : []),
  ...(language.has('generators') ? ['generator', 'generatorLater', 'sparse'] : []),
];

const stage = setStage({ services }, (language) => ({
  actors: {
    handlers: language.actor('handlers'),
    single: language.actor('handlers', { inlets: ['together'], policy }),
    several: language.actor('handlers', { inlets: ['together'], policy, concurrency: 3 }),
  },
  inputs: { ...inputsTo('handlers', inletsOf(language)), single: 'single.together', several: 'several.together' },
  outputs: { out: 'handlers', single: 'single', several: 'several' },
}));

describe.each(languages)('a handler in %s', (language) => {
  const outputs = async (inlet: string, message: unknown): Promise<unknown> => {
    const { status, errors, outputs } = await stage.flow(language).run({ [inlet]: message });
    expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
    return outputs['out'];
  };

  test('sends what it returns to `out`', async () => {
    expect(await outputs('handle', { n: 1 })).toEqual([['handled', { n: 1 }]]);
  });

  test('serves the inlet of its name', async () => {
    expect(await outputs('second', 'x')).toEqual([['second', 'x']]);
  });

  test('serves several inlets in one execution', async () => {
    const { outputs } = await stage.flow(language).run({ handle: 1, second: 2 });
    expect(outputs['out']?.map((message) => JSON.stringify(message)).toSorted()).toEqual(['["handled",1]', '["second",2]']);
  });

  test('sends nothing when it returns nothing', async () => {
    expect(await outputs('silent', 1)).toEqual([]);
    expect(await failureOf(() => stage.flow(language).ask('silent', 1))).toMatchObject({ code: 'execution.no-answer' });
    expect(await stage.flow(language).actor('handlers').ask(1, { inlet: 'silent' })).toBe(null);
  });

  test('answers who asks', async () => {
    const flow = stage.flow(language);
    expect(await flow.ask('handle', [1, null])).toEqual(['handled', [1, null]]);
    expect(await flow.actor('handlers').ask('x', { inlet: 'second' })).toEqual(['second', 'x']);
  });

  test('finds again what it kept in the globals of its instance', async () => {
    const [first] = (await outputs('count', null)) as [number];
    expect(await outputs('count', null)).toEqual([first + 1]);
  });

  test('is called once for each message, in their order', async () => {
    const results = await Array.fromAsync(stage.flow(language).pipe(Array(50).keys(), { input: 'second' }), ({ outputs }) => outputs['out']);
    expect(results).toEqual(Array.from({ length: 50 }, (_, n) => [['second', n]]));
  });

  test('has one turn at a time', async () => {
    const running = await Promise.all(Array.from({ length: 6 }, () => stage.flow(language).ask('single', null)));
    expect(running).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test(`has ${language.has('interleaved') ? 'as many turns as its concurrency, where they wait' : 'one turn at a time, whatever its concurrency'}`, async () => {
    const running = await Promise.all(Array.from({ length: 6 }, () => stage.flow(language).ask('several', null)));
    expect(Math.max(...(running as number[]))).toBe(language.has('interleaved') ? 3 : 1);
  });

  test('must be there for every inlet that is used', async () => {
    const actors = { handlers: language.actor('handlers') };
    const failure = await failureOf(() => stage.deploy({ actors, inputs: { in: 'handlers.nowhere' } }, 'unserved'));
    expect(failure).toMatchObject({ code: 'actor.inlet', record: { actor: 'handlers' } });
    expect(failure.message).toContain('nowhere');
    const declared = { handlers: language.actor('handlers', { inlets: ['in', 'elsewhere'] }) };
    expect(await failureOf(() => stage.deploy({ actors: declared, inputs: { in: 'handlers' } }, 'unserved'))).toMatchObject({ code: 'actor.inlet' });
  });

  if (language.has('asynchronous')) {
    test('may be asynchronous', async () => {
      expect(await outputs('later', 1)).toEqual([['later', 1]]);
      expect(await outputs('silentLater', 1)).toEqual([]);
    });
  }

  if (language.has('generators')) {
    test.each(['generator', 'generatorLater'])('may be a %s, whose yields go out one by one', async (inlet) => {
      expect(await outputs(inlet, 4)).toEqual([0, 1, 2, 3]);
      expect(await outputs(inlet, 0)).toEqual([]);
      expect(await stage.flow(language).actor('handlers').ask(2, { inlet })).toBe(0);
    });

    test('may be a generator that yields nothing now and then', async () => {
      expect(await outputs('sparse', 5)).toEqual([1, 3]);
    });
  }
});

test('a handler in javascript may be the default export', async () => {
  const flow = await stage.deploy(
    { actors: { only: { runtime: 'javascript', code: 'export default (message) => [message];' } }, inputs: { in: 'only' } },
    'default-export',
  );
  expect(await flow.actor('only').ask(1)).toEqual([1]);
});

test('a handler in wasm is the function that the manifest names, if it names one', async () => {
  const wasm = languages.find(({ name }) => name === 'wasm') as Language;
  const actors = { plain: wasm.actor('handlers', { function: 'second' }), mapped: wasm.actor('handlers', { inlets: { in: 'second', other: 'handle' } }) };
  const flow = await stage.deploy({ actors, inputs: { plain: 'plain', mapped: 'mapped.other' } }, 'named-functions');
  expect(await flow.actor('plain').ask(1)).toEqual(['second', 1]);
  expect(await flow.actor('mapped').ask(1)).toEqual(['second', 1]);
  expect(await flow.actor('mapped').ask(1, { inlet: 'other' })).toEqual(['handled', 1]);
});
