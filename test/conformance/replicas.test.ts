/** Several instances of an actor keep the order of what belongs together, and share the rest, whatever they are written in. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Flow } from '../../host/index.ts';
import { type Language, languages } from './languages.ts';
import { setStage } from './suite.ts';

const patient = { limits: { wall: '120s', cpu: '60s' } } as const;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Of each language a sender and three receivers, which count what each of them gets; all in two cells. */
const stage = setStage({});
let flow: Flow;

beforeAll(async () => {
  flow = await stage.deploy(
    {
      cells: 2,
      actors: Object.fromEntries(
        languages.flatMap((language) => [
          [`send_${language}`, language.actor('sequence', { policy: patient })],
          [`count_${language}`, language.actor('sequence', { replicas: 3, mailbox: 4, policy: patient })],
        ]),
      ),
      connections: languages.map((language) => `send_${language} -> count_${language}`),
      inputs: Object.fromEntries(
        languages.flatMap((language) => [
          [`burst_${language}`, `send_${language}.burst`],
          [`count_${language}`, `count_${language}`],
        ]),
      ),
      outputs: Object.fromEntries(languages.map((language) => [`out_${language}`, `count_${language}`])),
    },
    'replicas',
  );
});

/** In three replicas those who ask and those who answer, apart from each other. */
const asking = (language: Language) => ({
  cells: 2,
  actors: {
    asker: language.actor('outlets', { replicas: 3, inlets: ['in', 'ask'], policy: patient }),
    peer: language.actor('sequence', { replicas: 3, policy: patient }),
  },
  connections: ['asker.questions -> peer'],
  inputs: { in: 'asker.ask' },
  outputs: { out: 'asker' },
});

describe.each(languages)('replicas in %s', (language) => {
  test('ask replicas: each question is answered once, by the one of its key', async () => {
    const flow = await stage.deploy(asking(language), `asking-${language}`);
    const keys = numbers(12).map((n) => `customer-${n}`);
    const questions = numbers(5).flatMap((round) => keys.map((key) => ({ key, round })));
    const answers = await Promise.all(
      questions.map(async (question) => {
        const { ok } = (await flow.ask('in', question, { partition: question.key })) as { ok: [message: unknown, before: number] };
        expect(ok[0]).toEqual(question);
        return { ...question, before: ok[1] };
      }),
    );
    for (const key of keys) {
      // Whoever answers counts for itself: what has the same key is counted by one of them, in order.
      const befores = answers.filter((answer) => answer.key === key).map(({ before }) => before);
      expect(befores).toEqual(befores.toSorted((a, b) => a - b));
      expect(new Set(befores).size).toBe(befores.length);
    }
    // The control: it is not one that answers all.
    expect(answers.filter(({ before }) => before === 0)).toHaveLength(3);
    await flow.stop();
  });

  test('get what belongs to one execution in order, each execution one of them', async () => {
    const results = await Promise.all(numbers(9).map(() => flow.run({ [`burst_${language}`]: 40 })));
    const counts: number[] = [];
    for (const { status, outputs } of results) {
      const counted = outputs[`out_${language}`] as unknown as [number, number][];
      expect({ status, messages: counted.map(([message]) => message) }).toEqual({ status: 'completed', messages: numbers(40) });
      const befores = counted.map(([, before]) => before);
      expect(befores).toEqual(befores.toSorted((a, b) => a - b));
      counts.push(...befores);
    }
    // Each counts for itself: three of them have had a first message, and a second.
    expect(counts.filter((before) => before === 0)).toHaveLength(3);
    expect(counts.filter((before) => before === 1)).toHaveLength(3);
  });

  test('get what has the same key in order, all of it one of them', async () => {
    const befores = new Map<string, number>();
    const messages = numbers(90).map((n) => ({ key: `customer-${n % 4}`, n }));
    const keyOf = (message: unknown): string => (message as { key: string }).key;
    const others = flow.run({ [`burst_${language}`]: 40 }, { partition: 'somebody else' });
    for await (const { outputs, errors } of flow.pipe(messages, { input: `count_${language}`, partition: keyOf })) {
      expect(errors).toEqual([]);
      const [[message, before]] = outputs[`out_${language}`] as unknown as [[{ key: string }, number]];
      expect(before).toBeGreaterThan(befores.get(message.key) ?? -1);
      befores.set(message.key, before);
    }
    expect((await others).status).toBe('completed');
  });
});
