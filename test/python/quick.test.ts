import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestInstance } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

/** Both ways through the codec, for a text and for the value that it is, within several budgets. Gives where they differ. */
const compare = `
from vivarium import message, message_text
from vivarium.quick import codec

budgets = [message.default_budget, message.Budget(64, 3, 6, 2), message.Budget(40, 1, 3, 1), message.Budget(1000, 0, 1, 0)]

def outcome(work, *values):
    try:
        return repr(work(*values))
    except message.MessageUnsupported as error:
        return f"{error.code}: {error}"

def differ(text):
    for budget in budgets:
        encode, decode, *_ = codec(budget)
        yield outcome(decode, 0, text), outcome(message.decode, 0, text, budget)
        try:
            value = message_text.scan(text, 0)[0]
        except (StopIteration, ValueError, RecursionError, message.MessageUnsupported):
            continue
        yield outcome(encode, value), outcome(message.encode, value, budget)

def handle(texts):
    return [[text[:200], short, long] for text in texts for short, long in differ(text) if short != long]
`;

let actor: TestInstance;
beforeAll(async () => {
  actor = await startPython(compare);
});
afterAll(() => actor.dispose());

describe('the short cuts of the codec', () => {
  it('give what the codec gives for its vectors', async () => {
    const vectors = JSON.stringify(JSON.parse(readFileSync(new URL('../sdk/message.vectors.json', import.meta.url), 'utf8')));
    const texts = [...vectors.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(([, text]) => JSON.parse(text as string) as string);
    expect(texts.length).toBeGreaterThan(30);
    expect(await actor.deliver(texts.filter((text) => text.isWellFormed()))).toMatchObject({ is: 'value', value: [] });
  });

  it('give what the codec gives for what stands at a border', async () => {
    const integers = [2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, 2n ** 63n, 10n ** 18n, 10n ** 15n, 10n ** 16n, 10n ** 400n];
    const texts = integers.flatMap((integer) => [`${integer}`, `{"a":${integer}}`, `{"a":"${integer}"}`, `[${integer}]`, `{"a":-${integer}}`]);
    const shapes = [
      '',
      ' {}',
      '{} ',
      '{}x',
      '{"a":1}{"b":2}',
      '[[[]]]',
      '[[[[]]]]',
      '{"a":1,"b":2,"c":3}',
      '{"a":"\\u0041"}',
      '{"a":"\\ud800"}',
      '{"a":NaN}',
      '{"a":1e999}',
      `{"a":"${'x'.repeat(30)}"}`,
      `{"a":"${'ż'.repeat(30)}"}`,
      '{"a":1,"a":2}',
    ];
    expect(await actor.deliver([...texts, ...shapes])).toMatchObject({ is: 'value', value: [] });
  });

  it('give what the codec gives for any JSON', async () => {
    const text = fc.oneof(
      fc.json({ maxDepth: 4, noUnicodeString: false }),
      fc
        .dictionary(fc.string({ maxLength: 6 }), fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null)), { noNullPrototype: true })
        .map((map) => JSON.stringify(map)),
      fc.string({ maxLength: 30 }),
    );
    const texts = fc.sample(text, { numRuns: 600, seed: 7 }).filter((sample) => sample.isWellFormed());
    expect(await actor.deliver(texts)).toMatchObject({ is: 'value', value: [] });
  });
});
