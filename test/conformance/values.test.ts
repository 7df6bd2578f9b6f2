/** Every kind of value, made in each language and passed through each: what arrives is the same message. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Flow } from '../../host/index.ts';
import { describeValue } from '../sdk/message.vectors.ts';
import { values } from './actors/values.ts';
import { type ActorEntry, javascript, python, root, wasm } from './languages.ts';
import { setStage } from './suite.ts';
import { type ValueRow, valueTable } from './valueTable.ts';

interface Maker {
  readonly actor: ActorEntry;
  /** What to send for a value. */
  readonly order: (row: ValueRow) => unknown;
}

/** A plugin gives as its result what it is handed: JSON as text, MessagePack as bytes. */
const makers: Readonly<Record<string, Maker>> = {
  javascript: { actor: javascript.actor('values'), order: ({ name }) => name },
  python: { actor: python.actor('values'), order: ({ name }) => name },
  wasm_json: { actor: wasm.actor('echo', { input: 'text', output: 'json' }), order: ({ json }) => json },
  wasm_msgpack: { actor: wasm.actor('echo', { input: 'bytes', output: 'msgpack' }), order: ({ msgpack }) => Buffer.from(msgpack, 'hex') },
};

const passers: Readonly<Record<string, ActorEntry>> = {
  javascript: javascript.actor('echo'),
  python: python.actor('echo'),
  wasm_json: wasm.actor('echo'),
  wasm_msgpack: wasm.actor('echo', { input: 'msgpack', output: 'msgpack' }),
};

const makerNames = Object.keys(makers);
const passerNames = Object.keys(passers);
const prefixed = <Value, Entry>(prefix: string, entries: Readonly<Record<string, Value>>, entryOf: (value: Value) => Entry): Record<string, Entry> =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [`${prefix}_${name}`, entryOf(value)]));

/** Each maker sends to each passer, each passer to its own inlet of the witness, which tells what came from whom. */
const plan = {
  actors: {
    ...prefixed('made', makers, ({ actor }) => actor),
    ...prefixed('passed', passers, (actor) => actor),
    witness: python.actor('witness', { inlets: ['in', ...passerNames] }),
  },
  connections: [
    ...makerNames.flatMap((maker) => passerNames.map((passer) => `made_${maker} -> passed_${passer}`)),
    ...passerNames.map((passer) => `passed_${passer} -> witness.${passer}`),
    ...makerNames.map((maker) => `made_${maker} -> witness`),
  ],
  inputs: Object.fromEntries([...makerNames.map((maker) => [maker, `made_${maker}`]), ...passerNames.map((passer) => [`pass_${passer}`, `passed_${passer}`])]),
  outputs: { witnessed: 'witness', ...Object.fromEntries(passerNames.map((passer) => [passer, `passed_${passer}`])) },
};

const stage = setStage({});
let flow: Flow;
beforeAll(async () => {
  flow = await stage.deploy(plan, 'values');
});

describe.each(makerNames)('values made in %s', (maker) => {
  const { order } = makers[maker] as Maker;
  const rows = valueTable.filter((row) => order(row) !== undefined);
  /** By row: what the witness got from each sender. */
  let witnessed: Map<string, string>[];
  let failures: string[][];

  beforeAll(async () => {
    const results = await Array.fromAsync(flow.pipe(rows.map(order), { input: maker }));
    witnessed = results.map(({ outputs }) => new Map(outputs['witnessed'] as unknown as [string, string][]));
    failures = results.map(({ errors }) => errors.map(({ actor, code }) => `${actor} ${code}`));
  });

  const expected = (row: ValueRow, kept: boolean): string => (kept ? row.is : (row.passed ?? row.is));
  const arrived = (sender: string): Record<string, unknown> => Object.fromEntries(rows.map(({ name }, index) => [name, witnessed[index]?.get(sender)]));

  test('arrive as what they are', () => {
    expect(arrived('maker')).toEqual(Object.fromEntries(rows.map((row) => [row.name, expected(row, maker === 'python')])));
  });

  test.each(passerNames.filter((name) => name !== 'wasm_json'))('pass through %s unharmed', (passer) => {
    expect(arrived(passer)).toEqual(Object.fromEntries(rows.map((row) => [row.name, expected(row, maker === 'python' && passer === 'python')])));
  });

  test('pass through wasm_json unharmed, where JSON can hold them, and are refused where it cannot', () => {
    expect(arrived('wasm_json')).toEqual(Object.fromEntries(rows.map((row) => [row.name, row.json === undefined ? undefined : expected(row, false)])));
    expect(failures).toEqual(rows.map(({ json }) => (json === undefined ? ['passed_wasm_json message.unsupported'] : [])));
  });
});

test.each(passerNames)('values of the embedder come back unharmed from %s', async (passer) => {
  const rows = valueTable.filter(({ json }) => passer !== 'wasm_json' || json !== undefined);
  const made = rows.map(({ name }) => values[name]?.());
  const results = await Array.fromAsync(flow.pipe(made, { input: `pass_${passer}` }), ({ outputs }) => outputs[passer]?.[0]);
  expect(results.map(shown)).toEqual(made.map((value) => shown(Object.is(value, -0) ? 0 : value)));
});

/** An error's stack is that of its sender; only some keep one. */
function shown(value: unknown): unknown {
  return JSON.parse(JSON.stringify(describeValue(value), (_, entry) => (Array.isArray(entry) && entry[0] === 'error' ? entry.slice(0, 4) : entry)));
}

describe('an error as a value', () => {
  test.each(['javascript', 'python', 'wasm_msgpack'])('made in %s arrives as one', async (maker) => {
    const row = valueTable.find(({ name }) => name === 'an error') as ValueRow;
    const { order } = makers[maker] as Maker;
    const { outputs } = await flow.run({ [maker]: order(row) });
    const error = outputs['javascript']?.[0] as Error & { code?: string };
    expect(error).toBeInstanceOf(Error);
    expect({ name: error.name, message: error.message, code: error.code }).toEqual({ name: 'RangeError', message: 'zu weit – 遠', code: 'E_FAR' });
    expect(error.stack ?? '').not.toContain(root);
    expect(error.stack ?? '', 'how an actor is run').not.toMatch(/vivarium|^ {4}at /m);
  });
});

describe('what a plugin is handed', () => {
  const handed = async (input: 'json' | 'msgpack' | 'text' | 'bytes', output: 'text' | 'bytes', message: unknown): Promise<unknown> => {
    const told = await stage.deploy({ actors: { echo: wasm.actor('echo', { input, output }) }, inputs: { in: 'echo' }, outputs: { out: 'echo' } }, 'handed');
    const { outputs, errors } = await told.run({ in: message });
    return errors[0]?.code ?? outputs['out']?.[0];
  };

  test('is JSON, or MessagePack in its shortest form', async () => {
    expect(await handed('json', 'text', { n: 1, big: 2n ** 60n, list: [null, 'ü'] })).toBe('{"n":1,"big":1152921504606846976,"list":[null,"ü"]}');
    expect(await handed('msgpack', 'bytes', { n: 1, at: new Date(0) })).toEqual(new Uint8Array(Buffer.from('82a16e01a26174d6ff00000000', 'hex')));
    expect(await handed('msgpack', 'bytes', [1, 'x'])).toEqual(new Uint8Array(Buffer.from('9201a178', 'hex')));
  });

  test('is text or bytes, and nothing else, if the manifest says so', async () => {
    expect(await handed('text', 'bytes', 'ü')).toEqual(new Uint8Array([0xc3, 0xbc]));
    expect(await handed('bytes', 'text', new Uint8Array([0xc3, 0xbc]))).toBe('ü');
    expect(await handed('text', 'bytes', 1)).toBe('message.unsupported');
    expect(await handed('bytes', 'bytes', 'text')).toBe('message.unsupported');
  });

  test('and what it gives is checked', async () => {
    const actors = Object.fromEntries((['json', 'text', 'msgpack'] as const).map((output) => [output, wasm.actor('echo', { input: 'bytes', output })]));
    const told = await stage.deploy(
      { actors, inputs: { json: 'json', text: 'text', msgpack: 'msgpack' }, outputs: { out: ['json', 'text', 'msgpack'] } },
      'given',
    );
    const codes = async (input: string, bytes: readonly number[]): Promise<unknown> =>
      (await told.run({ [input]: new Uint8Array(bytes) })).errors.map(({ code }) => code);
    expect(await codes('json', [...Buffer.from('{"n":1')])).toEqual(['message.invalid']);
    expect(await codes('json', [...Buffer.from('18446744073709551616')])).toEqual(['message.invalid']);
    expect(await codes('text', [0xff])).toEqual(['message.invalid']);
    expect(await codes('msgpack', [0xc1])).toEqual(['message.invalid']);
    expect(await codes('msgpack', [0x01, 0x02])).toEqual(['message.invalid']);
    expect(await codes('msgpack', [0x01])).toEqual([]);
  });
});

test.each([javascript, python])('what is no message is refused in %s, and its place is told', async (language) => {
  const actors = { values: language.actor('refused') };
  const told = await stage.deploy({ actors, inputs: { in: 'values' }, outputs: { out: 'values' } }, 'refused');
  for (const name of ['function', 'instance', 'key', 'large', 'cycle', 'half']) {
    const { errors } = await told.run({ in: name });
    expect({ name, code: errors[0]?.code, place: errors[0]?.message.includes('items[0]') }).toEqual({ name, code: 'message.unsupported', place: true });
  }
});
