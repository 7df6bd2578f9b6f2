/** Actors that wait for each other are found and named, in every language, in one cell and in two. */
import { describe, expect, test } from 'vitest';
import { languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

/** No test waits for it: what ends before was found. Milliseconds. */
const timeout = 60_000;
const patient = { limits: { wall: '120s', cpu: '60s' } };

const stage = setStage({}, (language) => ({
  actors: {
    // Each number becomes as many messages.
    first: language.actor('sequence', { mailbox: 2, inlets: ['in', 'burst'], policy: patient }),
    second: language.actor('sequence', { mailbox: 2, inlets: ['in', 'burst'], policy: patient }),
    peer: language.actor('outlets', { inlets: ['in', 'ask', 'askAway', 'again'], policy: patient }),
    distant: language.actor('outlets', { inlets: ['in', 'ask', 'again'], policy: patient, cell: 'own' }),
  },
  connections: ['first -> second.burst', 'second -> first.burst', 'peer.questions -> distant.ask', 'distant.questions -> peer.askAway'],
  inputs: { ...inputsTo('first', ['in', 'burst']), ask: 'distant.ask', echo: 'peer.again', far: 'distant.again' },
  outputs: { out: ['peer', 'distant'] },
}));

describe.each(languages)('in %s', (language) => {
  test('a circle of mailboxes is named, and its actors go on', async () => {
    const { status, errors } = await stage.flow(language).run({ burst: 12 }, { timeout });
    expect({ status, errors }).toMatchObject({ status: 'failed', errors: [{ code: 'flow.deadlock' }] });
    expect(errors[0]?.message).toMatch(/: (first\.burst -> second\.burst -> first\.burst|second\.burst -> first\.burst -> second\.burst)$/);
    expect(await stage.flow(language).run({ burst: 2 }, { timeout })).toMatchObject({ status: 'completed' });
  });

  test('a circle of questions through two cells is named, and its actors go on', async () => {
    const { status, errors } = await stage.flow(language).run({ ask: 1 }, { timeout });
    expect({ status, errors }).toMatchObject({ status: 'failed', errors: [{ code: 'flow.deadlock', hint: expect.stringContaining('concurrency') }] });
    expect(errors[0]?.message).toMatch(/: (distant\.ask -> peer\.askAway -> distant\.ask|peer\.askAway -> distant\.ask -> peer\.askAway)$/);
    expect(await stage.flow(language).ask('echo', 'x', { timeout })).toBe('x');
    expect(await stage.flow(language).ask('far', 'x', { timeout })).toBe('x');
  });
});
