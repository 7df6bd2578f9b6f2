/** Messages keep their order along a connection, and nobody is flooded: a slow receiver slows its senders down. */
import { setImmediate as nextRound } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Flow } from '../../host/index.ts';
import { languages } from './languages.ts';
import { setStage } from './suite.ts';

const anything = { input: z.unknown(), output: z.unknown() };
let entered = Promise.withResolvers<void>();
const services = {
  gate: {
    enter: { ...anything, handle: () => null },
    wait: {
      ...anything,
      handle: () => {
        entered.resolve();
        return new Promise(() => {});
      },
    },
  },
};

const names = languages.map(({ name }) => name);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const patient = { limits: { wall: '120s', cpu: '60s' } } as const;

/** Senders of all languages to receivers of all languages, near ones in the same cell and far ones each in its own. */
const stage = setStage({ services });
let flow: Flow;

beforeAll(async () => {
  flow = await stage.deploy(
    {
      actors: Object.fromEntries(
        languages.flatMap((language) => [
          [`send_${language}`, language.actor('sequence', { policy: patient })],
          [`near_${language}`, language.actor('echo', { policy: patient })],
          [`far_${language}`, language.actor('echo', { cell: 'own', policy: patient })],
          [`tight_${language}`, language.actor('sequence', { mailbox: 4, policy: patient })],
          [
            `full_${language}`,
            language.actor('waiting', { mailbox: 1, overflow: 'reject', inlets: ['in', 'call'], policy: { ...patient, services: ['gate.*'] } }),
          ],
        ]),
      ),
      connections: names.flatMap((from) => names.flatMap((to) => [`send_${from} -> near_${to}`, `send_${from} -> far_${to}`])),
      inputs: Object.fromEntries(
        names.flatMap((name) => [
          [name, `send_${name}.burst`],
          [`tight_${name}`, `tight_${name}`],
          [`hold_${name}`, `full_${name}.call`],
          [`full_${name}`, `full_${name}`],
        ]),
      ),
      outputs: {
        ...Object.fromEntries(names.flatMap((name) => [`near_${name}`, `far_${name}`].map((place) => [place, place]))),
        tight: names.map((name) => `tight_${name}`),
        full: names.map((name) => `full_${name}`),
      },
    },
    'order',
  );
});

test.each(names)('a thousand messages of one sender in %s arrive in order, in each language, near and far', async (from) => {
  const { status, errors, outputs } = await flow.run({ [from]: 1_000 });
  expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
  for (const to of names) {
    expect({ to, near: outputs[`near_${to}`] }).toEqual({ to, near: numbers(1_000) });
    expect({ to, far: outputs[`far_${to}`] }).toEqual({ to, far: numbers(1_000) });
  }
});

describe.each(names)('a receiver in %s', (name) => {
  test('gets a stream of 5,000 messages in order, however small its mailbox and however slow the reader', async () => {
    let taken = 0;
    let furthest = 0;
    function* source() {
      while (taken < 5_000) yield taken++;
    }
    let read = 0;
    let offset: number | undefined;
    const wrong: unknown[] = [];
    for await (const { outputs, errors } of flow.pipe(source(), { input: `tight_${name}`, window: 256 })) {
      const [[message, before]] = outputs['tight'] as unknown as [[number, number]];
      offset ??= before;
      if (message !== read || before !== offset + read || errors.length > 0) wrong.push({ read, message, before, errors });
      read++;
      furthest = Math.max(furthest, taken - read);
      if (read % 50 === 0) await nextRound();
    }
    expect({ read, wrong }).toEqual({ read: 5_000, wrong: [] });
    expect(furthest).toBeLessThanOrEqual(256);
  });

  test('refuses what does not fit into its mailbox, if it is told to', async () => {
    entered = Promise.withResolvers();
    const holding = await flow.start({ [`hold_${name}`]: null });
    await entered.promise;
    const waiting = await flow.start({ [`full_${name}`]: 1 });
    const refused = await flow.run({ [`full_${name}`]: 2 });
    expect(refused).toMatchObject({ status: 'failed', errors: [{ code: 'mailbox.full', actor: `full_${name}` }] });
    await holding.cancel();
    expect((await waiting.result).outputs['full']).toEqual([['fine', 1]]);
  });
});

describe.each(languages)('a sender in %s', (sender) => {
  test('loses nothing to receivers with small mailboxes', async () => {
    const receivers = Object.fromEntries(
      languages.map((language) => [
        `slow_${language}`,
        language.actor('echo', { mailbox: 2, policy: patient, ...(language.name === 'python' ? {} : { cell: 'own' }) }),
      ]),
    );
    const narrow = await stage.deploy(
      {
        actors: { sender: sender.actor('sequence', { policy: patient }), ...receivers },
        connections: names.map((to) => `sender -> slow_${to}`),
        inputs: { in: 'sender.burst' },
        outputs: Object.fromEntries(names.map((to) => [to, `slow_${to}`])),
      },
      `narrow-${sender}`,
    );
    const { status, outputs } = await narrow.run({ in: 3_000 });
    expect({ status, ...outputs }).toEqual({ status: 'completed', ...Object.fromEntries(names.map((to) => [to, numbers(3_000)])) });
    await narrow.stop();
  });

  test('waits for a receiver that does not come on, while another goes its way', async () => {
    entered = Promise.withResolvers();
    const stuck = { inlets: ['in', 'call'], policy: { ...patient, services: ['gate.*'] } };
    const held = await stage.deploy(
      {
        actors: {
          slowed: sender.actor('sequence', { policy: patient }),
          tight: sender.actor('waiting', { ...stuck, mailbox: 2 }),
          free: sender.actor('sequence', { policy: patient }),
          roomy: sender.actor('waiting', { ...stuck, mailbox: 10_000 }),
        },
        connections: ['slowed -> tight.call', 'free -> roomy.call'],
        inputs: { slowed: 'slowed.burst', free: 'free.burst' },
        outputs: { sent: ['slowed', 'free'] },
      },
      `held-${sender}`,
    );
    const slowed = await held.start({ slowed: 3_000 });
    await entered.promise;
    const free = await held.start({ free: 3_000 });
    let sent = 0;
    for await (const _ of free.outputs) if (++sent === 3_000) break;
    expect(sent).toBe(3_000);
    await Promise.all([slowed.cancel(), free.cancel()]);
    const before = (await slowed.result).outputs['sent'] as unknown as number[];
    expect(before).toEqual(numbers(before.length));
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(20);
    await held.stop();
  });
});
