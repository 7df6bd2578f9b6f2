/** Bytes on their way into and out of an isolate: what a guest sees is its own message and nothing beside it, whatever it has replaced. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { asLength } from '../../runtimes/cell/batch.ts';
import { readRecords } from '../../runtimes/cell/records.ts';
import { codeOffset, inBytes, paired, settledWithValue } from '../../runtimes/guest/wire.ts';
import { TestInstance } from '../support/isolate.ts';
import { startPlugin } from '../support/plugin.ts';
import { startPython } from '../support/python.ts';

const started = async (body: string, options: { readonly outlets?: readonly string[] } = {}): Promise<TestInstance> => {
  const instance = await TestInstance.start({
    source: { runtime: 'javascript', file: 'actor.js' },
    payloads: [`${body}\nreturn { handle };`],
    ...options,
  });
  onTestFinished(() => instance.dispose());
  return instance;
};

/** Each byte tells the message and its place in it. */
const patterned = (size: number, seed: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) & 0xff);

const sizes = [0, 1, 2, 3, 255, 256, 257, 1024, 65_535, 65_536, 1_000_000];

describe.each(
  Object.entries({
    javascript: () => started('const handle = (message) => message;'),
    python: () => startPython('def handle(message): return message'),
    wasm: () => startPlugin('echo', { input: 'msgpack' }),
  }),
)('in %s', (_name, start) => {
  test('bytes of every size come back as they went, among texts and in their order', async () => {
    const instance = await start();
    const at = new Date('2026-01-02T03:04:05.678Z');
    const values = sizes.flatMap((size, seed) => [patterned(size, seed), `text ${seed} ü`, { at, bytes: patterned(seed, seed) }, seed]);
    expect((await instance.deliverAll(values)).map(({ value }) => value)).toEqual(values);
  });
});

/** Replaces what reads and copies bytes; each call notes how large the buffers are that it is shown, and then lies. */
const spies = `
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  const bufferOf = Object.getOwnPropertyDescriptor(typed, 'buffer').get;
  const sizeOf = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get;
  const { apply } = Reflect;
  const seen = [];
  const note = (value) => {
    try { seen[seen.length] = apply(sizeOf, apply(bufferOf, value, []), []); } catch {}
    try { seen[seen.length] = apply(sizeOf, value, []); } catch {}
  };
  for (const name of ['set', 'subarray', 'slice', 'fill', 'copyWithin']) {
    const method = typed[name];
    typed[name] = function (...values) { note(this); values.forEach(note); return apply(method, this, values); };
  }
  for (const name of ['toBase64', 'setFromBase64', 'toHex']) Uint8Array.prototype[name] = function () { note(this); return 'AAAA'; };
  Uint8Array.fromBase64 = () => new Uint8Array(3);
  for (const key of ['length', 'byteLength', 'byteOffset', 'buffer']) {
    const { get } = Object.getOwnPropertyDescriptor(typed, key);
    Object.defineProperty(typed, key, { configurable: true, get() { note(this); return apply(get, this, []); } });
  }
  for (const Class of [Object.getPrototypeOf(Uint8Array), ArrayBuffer]) Object.defineProperty(Class, Symbol.species, { configurable: true, get() { return function (...values) { values.forEach(note); return Reflect.construct(Uint8Array, values); }; } });
`;

describe('a guest that replaces what handles bytes', () => {
  test('is shown no buffer that holds more than its own message', async () => {
    const instance = await started(
      `${spies}\nconst handle = (message) => { if (message !== 'tell') return message; const told = seen.slice(); return { told }; };`,
    );
    // Beside each other in one delivery, and in one report: together they would be far larger than each of them.
    const messages = [patterned(3_000, 1), { nested: patterned(3_000, 2) }, patterned(3_000, 3), patterned(3_000, 4)];
    const results = await instance.deliverAll([...messages, 'tell']);
    expect(results.slice(0, 4).map(({ value }) => value)).toEqual(messages);
    const [told] = results.slice(4).map(({ value }) => (value as { told: number[] }).told);
    expect(told).not.toEqual([]);
    // The codec writes into 4 KiB, or into as much as it needs.
    expect(Math.max(...(told ?? [Number.NaN]))).toBeLessThanOrEqual(4_096 * 2);
  });

  test('the spies bite', async () => {
    const instance = await started(`${spies}\nconst handle = () => { new Uint8Array(50_000).slice(0, 3); return { told: seen.slice() }; };`);
    expect(((await instance.deliver(1)).value as { told: number[] }).told).toContain(50_000);
  });

  test('what was sent does not change when its bytes do, or are taken away', async () => {
    const instance = await started(
      `const handle = (message, context) => {
        const bytes = new Uint8Array(70_000).fill(7);
        context.emit('other', bytes);
        bytes.fill(9);
        bytes.buffer.transfer();
        try { context.emit('other', bytes.length); } catch {}
        return new Uint8Array(3).fill(5);
      };`,
      { outlets: ['other'] },
    );
    const { value, sent } = await instance.deliver(1);
    expect(sent).toEqual([
      { outlet: 'other', value: new Uint8Array(70_000).fill(7) },
      { outlet: 'other', value: 0 },
    ]);
    expect(value).toEqual(new Uint8Array(3).fill(5));
  });

  test.each([
    ['goes while it is written', `prototype.set = function (...values) { Reflect.apply(set, this, values); if (spoil) this.buffer.transfer(); };`],
    [
      'becomes integers of eight bytes',
      `prototype.slice = function () { return spoil ? BigInt64Array.of(0x06c4n, 0n, 0n, 0n, 0n, 0n, 0n, 0n) : Reflect.apply(slice, this, arguments); };`,
    ],
    ['becomes an object', `prototype.slice = function () { return spoil ? { length: 5, 0: 1 } : Reflect.apply(slice, this, arguments); };`],
    ['becomes nothing', `prototype.slice = prototype.set = function () {};`],
  ])('what the codec writes into %s: the turn ends, and the next one does', async (_title, lie) => {
    const instance = await started(`
      const prototype = Object.getPrototypeOf(Uint8Array.prototype);
      const { set, slice } = prototype;
      let spoil = true;
      ${lie}
      const handle = (message) => {
        spoil = message === 'spoil';
        if (message === 'mend') Object.assign(prototype, { set, slice });
        return message === 'spoil' ? { bytes: new Uint8Array(100_000).fill(1), at: new Date(0) } : new Uint8Array(10).fill(1);
      };`);
    const [spoilt, , last] = await instance.deliverAll(['spoil', 'go on', 'mend']);
    expect(spoilt?.error ?? spoilt?.value).toBeDefined();
    expect(last?.value).toEqual(new Uint8Array(10).fill(1));
  });

  test('bytes at the limit of the stack: what was sent is whole, and so is what follows', async () => {
    const instance = await started(
      `const handle = (message, context) => {
        let left = 0;
        const dig = (depth) => {
          try { dig(depth + 1); } catch { left = 400; }
          if (left-- > 0) try { context.emit('other', new Uint8Array(depth % 300).fill(depth)); } catch {}
        };
        for (let round = 0; round < 10; round++) try { dig(0); } catch {}
        return new Uint8Array(1_000).fill(5);
      };`,
      { outlets: ['other'] },
    );
    const { value, sent } = await instance.deliver(1);
    expect(value).toEqual(new Uint8Array(1_000).fill(5));
    expect(sent.length).toBeGreaterThan(0);
    for (const message of sent) expect(new Set(message.value as Uint8Array).size).toBeLessThanOrEqual(1);
  });
});

describe('a limit of messages', () => {
  test('counts bytes, not what they cross as', async () => {
    const instance = await TestInstance.start({
      source: { runtime: 'javascript', file: 'actor.js' },
      payloads: ['const handle = (size) => new Uint8Array(size);\nreturn { handle };'],
      limits: { message: 10_000 },
    });
    onTestFinished(() => instance.dispose());
    expect((await instance.deliver(9_997)).value).toEqual(new Uint8Array(9_997));
    expect((await instance.deliver(9_998)).error?.code).toBe('limit.message');
    expect((await instance.deliver(new Uint8Array(9_998))).error?.code).toBe('limit.message');
  });
});

describe('a record', () => {
  const record = (place: number, start: number, count: number): string =>
    String.fromCharCode(1, 0, paired(settledWithValue + codeOffset, place as never), start, start >>> 16, count);
  const read = (records: string, lengths: readonly number[], body: string, bytes: Uint8Array | undefined): string[] => {
    const payloads: string[] = [];
    readRecords(
      records,
      lengths.map(asLength).join(''),
      body,
      bytes,
      ({ body: where, start, end }) => payloads.push(where.slice(start, end).toString('latin1' as never)) > 0,
    );
    return payloads;
  };
  const bytes = Uint8Array.of(200, 201, 202, 203);

  test('is read where its place is', () => {
    expect(read(record(inBytes, 1, 2) + record(0, 0, 1), [1, 2, 2], '{}', bytes)).toEqual(['\u00c9\u00ca\u00cb', '{}']);
    expect(read(record(1, 0, 1), [2], 'ÿþ', undefined)).toEqual(['ÿþ']);
  });

  test.each([
    ['names no place', record(3, 0, 1), [1], '1', bytes],
    ['points outside of the bytes', record(inBytes, 0, 1), [5], '12345', bytes],
    ['begins behind the bytes', record(inBytes, 4, 1), [1], '12345', bytes],
    ['points into bytes that are none', record(inBytes, 0, 1), [4], '12345', new Uint8Array(0)],
    ['points into bytes, and there is only a body', record(inBytes, 0, 1), [1], '12345', undefined],
    ['points into a body, and there are only bytes', record(0, 0, 1), [1], '', bytes],
  ])('is refused that %s', (_title, records, lengths, body, given) => {
    expect(() => read(records, lengths, body, given)).toThrow(Error);
  });

  test.each([[5], ['12345'], [{ length: 5 }], [new ArrayBuffer(5)], [new Uint16Array(5)]])('is refused beside bytes that are none: %s', (given) => {
    expect(() => read(record(inBytes, 0, 1), [1], '', given as never)).toThrow(Error);
  });
});
