/** How actors send to each other, and ask each other. */
import { describe, expect, test } from 'vitest';
import { failureOf } from '../support/failure.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const sending = ['in', 'nowhere', 'many', 'again'];
const askingOf = (language: Language): string[] => [
  'ask',
  'askAway',
  'askNobody',
  ...(language.has('blocking') && language.has('asynchronous') ? ['askNow', 'askAwayNow'] : []),
];
const inletsOf = (language: Language): string[] => [
  ...sending,
  ...askingOf(language),
  ...(language.has('parallel') ? ['askAll'] : []),
  ...(language.has('contexts') ? ['keep', 'stale'] : []),
];

/** Askers in all languages, with peers in one: one in the same cell, one in a cell of its own. */
const stage = setStage({}, (language) => ({
  actors: {
    ...Object.fromEntries(languages.map((asker) => [asker.name, asker.actor('outlets', { inlets: inletsOf(asker) })])),
    peer: language.actor('peer'),
    distant: language.actor('peer', { cell: 'own' }),
    stranger: language.actor('peer'),
  },
  connections: languages.flatMap(({ name }) => [`${name}.questions -> peer`, `${name}.questions -> distant`]),
  inputs: { ...inputsTo(language.name, inletsOf(language)), stranger: 'stranger' },
  outputs: { out: language.name, left: `${language.name}.left`, right: `${language.name}.right` },
}));

describe.each(languages)('an actor in %s', (language) => {
  const flow = () => stage.flow(language);

  test('sends to the outlets that it names', async () => {
    const { status, outputs } = await flow().run({ handle: { n: 1 } });
    expect({ status, outputs }).toEqual({ status: 'completed', outputs: { out: [{ n: 1 }], left: [{ n: 1 }], right: [{ n: 1 }] } });
  });

  test('sends as many messages as it likes, in their order', async () => {
    expect((await flow().run({ many: 500 })).outputs['left']).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  test('sends to `out` beside what it returns, and answers with what it returns', async () => {
    expect((await flow().run({ again: 'x' })).outputs['out']).toEqual(['x', 'x']);
    expect(await flow().actor(language.name).ask('x', { inlet: 'again' })).toBe('x');
  });

  test('cannot send to an outlet that it does not have', async () => {
    const { status, errors } = await flow().run({ nowhere: 1 });
    expect({ status, errors }).toMatchObject({
      status: 'failed',
      errors: [{ code: 'actor.outlet', actor: language.name, hint: expect.stringContaining('connection') }],
    });
    expect(errors[0]?.message).toContain('nowhere');
  });

  test.each(languages)('is asked by one in %s, and answers', async (asker) => {
    for (const inlet of askingOf(asker).filter((name) => name !== 'askNobody')) {
      const ask = (message: unknown): Promise<unknown> => flow().actor(asker.name).ask(message, { inlet });
      expect({ inlet, answer: await ask({ n: [1, 'ü'] }) }).toEqual({ inlet, answer: { ok: ['answered', { n: [1, 'ü'] }] } });
      expect({ inlet, answer: await ask('nothing') }).toEqual({ inlet, answer: { ok: null } });
      expect({ inlet, answer: await ask('fail') }).toEqual({ inlet, answer: { error: { code: 'actor.failed', message: 'not that' } } });
    }
  });

  test('asks only whom a connection leads to', async () => {
    expect(await flow().actor(language.name).ask(1, { inlet: 'askNobody' })).toMatchObject({
      error: { code: 'actor.unknown', message: expect.stringContaining('stranger') },
    });
    expect(
      await flow()
        .ask('stranger' as never, 1)
        .catch(({ code }) => code),
    ).toBe('execution.no-answer');
  });

  if (language.has('parallel')) {
    test('asks several times at once', async () => {
      expect(await flow().actor(language.name).ask([1, 2, 3], { inlet: 'askAll' })).toEqual([1, 2, 3].map((n) => ['answered', n]));
      expect(await failureOf(() => flow().actor(language.name).ask([1, 'fail', 3], { inlet: 'askAll' }))).toMatchObject({ message: 'not that' });
    });
  }

  if (language.has('contexts')) {
    test('cannot use the context of a turn that has ended', async () => {
      await flow().run({ keep: 1 });
      const answers = (await flow().actor(language.name).ask(1, { inlet: 'stale' })) as { error?: { code: string } }[];
      expect(answers.map(({ error }) => error?.code)).toEqual(['actor.turn-ended', 'actor.turn-ended', 'actor.turn-ended']);
    });
  }
});
