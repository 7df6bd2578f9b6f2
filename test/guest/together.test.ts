/** Small messages of one writer are read many at once, and mean what each means by itself; those of several writers never are. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { host, type Writer } from '../../runtimes/cell/batch.ts';
import { slice } from '../../runtimes/guest/wire.ts';
import { textLane } from '../../runtimes/lanes.ts';
import { decode } from '../../sdk/message.ts';
import { describeValue } from '../sdk/message.vectors.ts';
import { type Delivered, TestInstance, type TurnResult } from '../support/isolate.ts';

async function start(handle: string, before = ''): Promise<TestInstance> {
  const payloads = [`${before}\nreturn { handle: ${handle} };`];
  const instance = await TestInstance.start({ source: { runtime: 'javascript', file: 'actor.js' }, payloads });
  onTestFinished(() => instance.dispose());
  return instance;
}

const written = (texts: readonly string[], writer: Writer): Delivered[] => texts.map((text) => ({ lane: textLane, text, writer }));

const meaningOf = ({ error, value }: TurnResult): unknown => (error === undefined ? describeValue(value) : `refused: ${error.code}`);

/** What a payload means by itself. */
function meaning(text: string): unknown {
  try {
    return describeValue(decode({ lane: 'text', text }));
  } catch (error) {
    return `refused: ${(error as { code?: string }).code}`;
  }
}

describe('messages of one writer', () => {
  const payload = fc.oneof(
    { weight: 6, arbitrary: fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }).map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.constantFrom('{}', '{"a":"}{"}', '{"n":12345678901234567}', '{"__proto__":1}', '{"k":1,"k":2}', '{"a":"\\u00e4"}') },
    { weight: 1, arbitrary: fc.constantFrom('1', '"text"', 'null', '[{}]', '[]', `{"long":"${'x'.repeat(200)}"}`) },
  );

  test('mean what each means by itself', async () => {
    const instance = await start('(message) => message');
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { minLength: 1, maxLength: 150 }), async (texts) => {
        const results = await instance.deliverPayloads(written(texts, host));
        expect(results.map(meaningOf)).toEqual(texts.map(meaning));
      }),
      { numRuns: 200 },
    );
  });

  test.each(['{"a":}', '{"a":1', '{"a":"\\ud800"}', '{"a":1}}', '{"a":"\n"}', ''])('among which %j is none: it is refused, and no other', async (text) => {
    const instance = await start('(message) => message');
    const texts = ['{"a":1}', text, '{"b":2}'];
    const results = await instance.deliverPayloads(written(texts, host));
    expect(results.map(meaningOf)).toEqual(texts.map(meaning));
    expect(results[1]?.error?.code).toBe('message.invalid');
  });

  test('are told apart by their turns when some are cancelled before they begin', async () => {
    const instance = await start('(message) => message.n > 0 ? message : new Promise((resolve) => setTimeout(() => resolve(message), 20))');
    const numbers = Array.from({ length: 150 }, (_, n) => ({ n }));
    const results = instance.deliverAll(numbers);
    const dropped = [2, 5, 64, 65, 150];
    await Promise.all(dropped.map((turn) => instance.cancel(turn, { code: 'execution.cancelled', message: 'not wanted any more' })));
    const expected = numbers.map((value, at) => (dropped.includes(at + 1) ? undefined : value));
    expect((await results).map(({ value }) => value)).toEqual(expected);
  });

  test('are told apart by their turns when they are handed back', async () => {
    const instance = await start(`(message) => { const end = Date.now() + ${slice / 2}; while (Date.now() < end); return message; }`);
    const numbers = Array.from({ length: 40 }, (_, n) => ({ n }));
    expect((await instance.deliverAll(numbers)).map(({ value }) => value)).toEqual(numbers);
    expect(instance.batches.length).toBeGreaterThan(5);
  });
});

describe('a reader who has replaced what they are read with', () => {
  const breaks = "String.prototype.replace = String.prototype.charCodeAt = () => { throw new Error('broken'); };";
  const texts = ['{"n":1}', '{"n":2}', '{"n":3}'];
  const expected = texts.map((text) => JSON.parse(text));

  test('before its first message gets each of them nevertheless', async () => {
    const results = await (await start('(message) => message', breaks)).deliverPayloads(written(texts, host));
    expect(results.map(({ value }) => value)).toEqual(expected);
  });

  test('in a turn that goes on later gets those that wait behind it', async () => {
    const instance = await start(`async (message) => { await null; ${breaks} return message; }`);
    const results = await instance.deliverPayloads(written(['1', ...texts], host));
    expect(results.map(({ value }) => value)).toEqual([1, ...expected]);
  });
});

describe('a writer who has broken out of its bootstrap', () => {
  // The first opens a text that the third closes; and the fourth makes up for the two that are gone.
  const [opens, closes, makesUp] = ['{"a":"}', '{"}', '{"forged":true},{},{}'];
  const [one, other] = [{}, {}];
  const seconds = async (...payloads: readonly Delivered[]): Promise<unknown> => {
    const instance = await start('(message) => message');
    return (await instance.deliverPayloads(payloads))[1]?.value;
  };

  test('can put what it likes in the place of what it wrote itself, which is the control', async () => {
    expect(await seconds(...written([opens, '{}', closes, makesUp], one))).toEqual({ forged: true });
  });

  test('reaches no message of another that is delivered with its own', async () => {
    expect(await seconds(...written([opens], one), ...written(['{}'], other), ...written([closes, makesUp], one))).toEqual({});
  });

  test('reaches nothing where it is not known who wrote what', async () => {
    expect(await seconds(...written([opens, '{}', closes, makesUp], undefined))).toEqual({});
  });

  test('makes no message deeper than it may be', async () => {
    const depth = 100;
    const [opensLists, closesLists] = [`{"a":${'['.repeat(depth)}{}`, `{}${']'.repeat(depth)}}`];
    const instance = await start('(message) => "reached"');
    const results = await instance.deliverPayloads(written([opensLists, closesLists, '{},{}'], one));
    expect(results.map(meaningOf)).toEqual(['refused: message.invalid', 'refused: message.invalid', 'refused: message.invalid']);
  });
});
