import { getHeapStatistics } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Packr, unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { VivariumError } from '../../sdk/errors.ts';
import { type Budget, decode, encode, type Payload } from '../../sdk/message.ts';
import { budgetOf, refusalOf, textOf, through } from './message.support.ts';
import { describeValue, payloadOf, fromNotation, vectors } from './message.vectors.ts';

describe('vectors', () => {
  it.each(vectors.valid)('decodes $lane: $name', (vector) => {
    expect(describeValue(decode(payloadOf(vector)))).toEqual(describeValue(fromNotation(vector.value)));
  });

  it.each(vectors.valid.filter(({ encodedBy }) => encodedBy?.includes('javascript') ?? true))('encodes $lane: $name', (vector) => {
    expect(encode(fromNotation(vector.value))).toEqual(payloadOf(vector));
  });

  it.each(vectors.edges)('decodes at the edge of a budget, $lane: $name', (vector) => {
    expect(decode(payloadOf(vector))).toBeDefined();
  });

  it.each(vectors.edges)('encodes at the edge of a budget, $lane: $name', (vector) => {
    const value = decode(payloadOf(vector));
    const again = encode(vector.lane === 'text' ? value : [value, 1n], budgetOf({ bytes: 2 ** 21, depth: 65, nodes: 100_002 }));
    expect(again.lane).toBe(vector.lane);
  });

  it.each(vectors.invalid)('refuses $lane: $name', (vector) => {
    expect(refusalOf(() => decode(payloadOf(vector))).code).toBe(vector.code);
  });

  it('bites: msgpackr alone admits most of what is refused here', () => {
    const admitted = vectors.invalid.filter((vector) => {
      const payload = payloadOf(vector);
      if (payload.lane === 'text') return false;
      try {
        unpack(payload.bytes);
        return true;
      } catch {
        return false;
      }
    });
    expect(admitted.length).toBeGreaterThan(30);
    expect(admitted.map(({ name }) => name)).toEqual(expect.arrayContaining(['equal keys', 'a record of msgpackr', '4 MiB of empty maps', 'an overlong NUL']));
  });
});

describe('the binary lane is MessagePack', () => {
  it('says to msgpackr what it says to us', () => {
    const value = {
      when: new Date(1_795_178_096_789),
      bytes: new Uint8Array([1, 2]),
      large: 2n ** 60n,
      text: 'é'.repeat(300),
      list: [1, -1, 300, -300, 70_000, 1.5, null, true],
    };
    const { bytes } = encode(value) as { bytes: Uint8Array };
    expect(new Packr({ useRecords: false, mapsAsObjects: true }).unpack(bytes)).toEqual(value);
  });

  it('reads what msgpackr writes', () => {
    const value = {
      when: new Date(-1),
      large: -(2n ** 60n),
      text: 'x'.repeat(70_000),
      list: Array.from({ length: 70_000 }, (_, index) => index),
      nothing: null,
    };
    const bytes = new Packr({ useRecords: false }).pack(value);
    expect(decode({ lane: 'binary', bytes })).toEqual(value);
  });
});

describe('encode', () => {
  it('takes what JavaScript has more than one form of', () => {
    expect(textOf(-0)).toBe('0');
    expect(textOf({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(textOf(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
    expect(textOf(runInNewContext('({ a: [1, { b: 2 }] })'))).toBe('{"a":[1,{"b":2}]}');
    expect(
      textOf({
        a: new Map<string, unknown>([
          ['b', new Map()],
          ['__proto__', 1],
          ['c', undefined],
        ]),
      }),
    ).toBe('{"a":{"b":{},"__proto__":1}}');
    expect(textOf(Object.defineProperty({ [Symbol('a')]: 1, b: 2 }, 'hidden', { value: 3 }))).toBe('{"b":2}');
    expect(
      through(
        new Map<string, unknown>([
          ['a', 1n],
          ['b', undefined],
        ]),
      ),
    ).toEqual({ a: 1 });
    expect(through({ a: undefined, b: 2n ** 60n })).toEqual({ b: 2n ** 60n });
    expect(through(Buffer.from('ab'))).toEqual(new Uint8Array([97, 98]));
    expect(through(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toEqual(new Uint8Array([2, 3]));
    expect(through(new Uint8Array([1, 2]).buffer)).toEqual(new Uint8Array([1, 2]));
    for (const foreign of ['new Date(5)', 'new Uint8Array([7])', 'new Map([["a", 1]])', 'Object.assign(new RangeError("no"), { stack: "at x" })']) {
      expect(describeValue(through([runInNewContext(foreign)]))).toEqual(describeValue(through([new Function(`return ${foreign}`)()])));
    }
  });

  it('shares nothing with what it encoded', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const payload = encode(bytes);
    bytes.fill(0);
    expect(decode(payload)).toEqual(new Uint8Array([1, 2, 3]));
    const first = encode([1n]);
    encode(['another', 2n]);
    expect(decode(first)).toEqual([1]);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'The value is undefined.'],
    ['a function', { order: { items: [0, 1, 2, { price: () => 1 }] } }, 'order.items[3].price is a function.'],
    ['a symbol', { 'a b': [Symbol('x')] }, '["a b"][0] is a symbol.'],
    ['undefined in a list', { list: [1, undefined] }, 'list[1] is undefined.'],
    ['a gap in a list', { list: new Array(2) }, 'list[0] is undefined.'],
    [
      'a class instance',
      {
        at: new (class Point {
          x = 1;
        })(),
      },
      'at is an instance of Point.',
    ],
    ['a Set', { tags: new Set() }, 'tags is an instance of Set.'],
    ['a Promise', { later: Promise.resolve() }, 'later is an instance of Promise.'],
    ['a RegExp', [/x/], '[0] is an instance of RegExp.'],
    ['a boxed number', [Object(1)], '[0] is an instance of Number.'],
    ['another typed array', { data: new Float64Array(1) }, 'data is an instance of Float64Array.'],
    ['a DataView', { data: new DataView(new ArrayBuffer(1)) }, 'data is an instance of DataView.'],
    ['shared memory', { data: new SharedArrayBuffer(1) }, 'data is an instance of SharedArrayBuffer.'],
    ['a Map with other keys', { map: new Map([[1, 1]]) }, 'map is a Map with a key that is no string but a number.'],
    [
      'a nested Map with other keys',
      { map: new Map<string, unknown>([['a', new Map([[1, 1]])]]) },
      'map.a is a Map with a key that is no string but a number.',
    ],
    ['an integer beyond 64 bits', { id: 2n ** 63n }, 'id is an integer beyond 64 bits.'],
    ['an integer below 64 bits', { id: -(2n ** 63n) - 1n }, 'id is an integer beyond 64 bits.'],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'at is an invalid Date.'],
    ['a Date before the year 1', { at: new Date(-62_135_596_800_001) }, 'at is a Date outside the years 1 to 9999.'],
    ['a Date after the year 9999', { at: new Date(253_402_300_800_000) }, 'at is a Date outside the years 1 to 9999.'],
    ['half of a surrogate pair', { text: 'a\ud800' }, 'text is a string with half of a surrogate pair.'],
    ['half of a surrogate pair in a key', { 'a\udc00': 1 }, '["a\\udc00"] is a string with half of a surrogate pair.'],
    ['a function beside bytes', { bytes: new Uint8Array(1), run: () => 1 }, 'run is a function.'],
    ['half of a surrogate pair beside bytes', [new Uint8Array(1), 'a\ud800'], '[1] is a string with half of a surrogate pair.'],
    ['an imitation of bytes', [Object.setPrototypeOf({ length: 9 }, Uint8Array.prototype)], '[0] is an instance of Uint8Array.'],
    ['an imitation of a Date', [Object.create(Date.prototype)], '[0] is an instance of Date.'],
  ])('refuses %s and says where', (_, value, message) => {
    const refusal = refusalOf(() => encode(value));
    expect(refusal.message).toBe(message);
    expect(refusal.code).toBe('message.unsupported');
    expect(refusal.record.hint).toMatch(/^[A-Z].+\.$/);
  });

  it('names a cycle by the first place that leads back', () => {
    const order: Record<string, unknown> = { items: [{}] };
    Object.assign((order['items'] as object[])[0] ?? {}, { order });
    const refusal = refusalOf(() => encode({ order }));
    expect(refusal.code).toBe('message.unsupported');
    expect(refusal.message).toBe('order.items[0].order is a container that lies in itself.');
    expect(refusalOf(() => encode([1n, order])).message).toBe('[1].items[0].order is a container that lies in itself.');
  });

  it.each<[string, unknown, Partial<Budget>, RegExp]>([
    ['65 levels', JSON.parse('['.repeat(65) + ']'.repeat(65)), {}, /^\[0\].* is nested deeper than the 64 levels/],
    ['65 levels of binary', [...JSON.parse('['.repeat(65) + ']'.repeat(65)), 1n].reverse(), {}, /^\[1\].* is nested deeper than the 64 levels/],
    ['100,001 values', Array.from({ length: 100_000 }, () => 0), {}, /more than the 100,000 values/],
    ['100,001 values of binary', [1n, ...Array.from({ length: 99_999 }, () => 0)], {}, /more than the 100,000 values/],
    ['10,001 keys', { map: Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, 0])) }, {}, /^map has more than the 10,000 keys/],
    ['10,001 keys of a Map', { map: new Map(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, 0])) }, {}, /^map has more than the 10,000 keys/],
    [
      '10,001 keys of binary',
      { a: 1n, map: Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, 0])) },
      {},
      /^map has more than the 10,000 keys/,
    ],
    ['one byte too many', 'x'.repeat(1024 * 1024 - 1), {}, /has 1,048,577 bytes, more than the 1,048,576/],
    ['one byte too many in UTF-8', `${'é'.repeat(512 * 1024 - 1)}x`, {}, /has 1,048,577 bytes, more than the 1,048,576/],
    ['one byte too many of binary', new Uint8Array(1024 * 1024 - 4), {}, /more than the 1,048,576 bytes/],
    ['a text that escapes make too large', '\u0000'.repeat(200), { bytes: 1000 }, /has 1,202 bytes, more than the 1,000/],
    ['one string said a thousand times', new Array(1000).fill('x'.repeat(100_000)), {}, /more than the 1,048,576 bytes/],
    ['an error with a long message', new Error('x'.repeat(2 ** 21)), {}, /more than the 1,048,576 bytes/],
  ])('refuses %s', (_, value, budget, message) => {
    const refusal = refusalOf(() => encode(value, budgetOf(budget)));
    expect(refusal.message).toMatch(message);
    expect(refusal.code).toBe('limit.message');
  });

  it('takes exactly what the budget admits', () => {
    expect(textOf('x'.repeat(1024 * 1024 - 2))).toHaveLength(1024 * 1024);
    expect(encode(new Uint8Array(1024 * 1024 - 5))).toHaveProperty('bytes.byteLength', 1024 * 1024);
    expect(textOf(JSON.parse('['.repeat(64) + ']'.repeat(64)))).toHaveLength(128);
    expect(through(Array.from({ length: 99_999 }, () => 0))).toHaveLength(99_999);
  });

  it('passes on errors: name, message, code and stack, however they are written', () => {
    class DeniedError extends Error {
      override name = 'DeniedError';
      code = 'policy.denied';
      detail = 'not passed on';
    }
    const error = new DeniedError('no', { cause: 'not passed on' });
    const received = through({ error }) as { error: Error & { code: string } };
    expect(received.error).toBeInstanceOf(Error);
    expect({ name: received.error.name, message: received.error.message, code: received.error.code }).toEqual({
      name: 'DeniedError',
      message: 'no',
      code: 'policy.denied',
    });
    expect(received.error.stack).toBe(error.stack);
    expect(Object.keys(received.error)).toEqual(['code']);
    expect(received.error.cause).toBeUndefined();
    expect(through(Object.assign(new Error('a\ud800'), { name: 7, stack: undefined, code: 20 }))).toMatchObject({
      name: 'Error',
      message: 'a\ufffd',
      stack: undefined,
    });
    expect(through(new DOMException('late', 'TimeoutError'))).toMatchObject({ name: 'TimeoutError', message: 'late' });
  });
});

describe('encode, from a hostile value', () => {
  it('reads every property of a binary message once more than the survey, and writes only what it checked', () => {
    let looks = 0;
    const value = {
      at: new Date(0),
      get shifty() {
        return looks++ === 0 ? 1 : () => 1;
      },
    };
    expect(decode(encode(value))).toEqual({ at: new Date(0), shifty: 1 });
    const late = {
      get shifty() {
        return looks++ > 1 ? 1n : 1;
      },
      at: new Date(0),
    };
    looks = 0;
    expect(() => decode(encode(late))).not.toThrow();
  });

  it.each<[string, () => unknown]>([
    ['a function', () => () => 1],
    ['a bigint', () => 1n],
    ['NaN', () => Number.NaN],
    ['a deep list', () => JSON.parse('['.repeat(5000) + ']'.repeat(5000))],
    ['a long string', () => 'x'.repeat(2 ** 21)],
    [
      'a value that throws',
      () => {
        throw new TypeError('mine');
      },
    ],
    [
      'a cycle',
      () => {
        const list: unknown[] = [];
        list.push(list);
        return list;
      },
    ],
    ['a toJSON', () => ({ toJSON: () => 'x'.repeat(2 ** 21) })],
  ])('that turns into %s when it is looked at again, gives valid JSON within the size or a refusal', (_, second) => {
    let looks = 0;
    const shifty = {
      get value() {
        return looks++ === 0 ? 1 : second();
      },
    };
    let payload: Payload;
    try {
      payload = encode(shifty);
    } catch (error) {
      expect((error as VivariumError).code).toMatch(/^(message\.unsupported|limit\.message)$/);
      return;
    }
    expect(payload.lane).toBe('text');
    expect(() => JSON.parse((payload as { text: string }).text)).not.toThrow();
  });

  it('that is a list without end, is refused', () => {
    const endless = new Proxy([], { get: (_, key) => (key === 'length' ? Number.MAX_SAFE_INTEGER : 0) });
    expect(refusalOf(() => encode(endless)).code).toBe('limit.message');
    expect(refusalOf(() => encode([1n, endless])).code).toBe('limit.message');
  });

  it('that encodes while it is encoded, disturbs neither message', () => {
    let inner: unknown;
    const outer = {
      large: 1n,
      get nested() {
        inner = through({ x: [2n ** 62n, 'inner'] });
        return 'outer';
      },
    };
    expect(through(outer)).toEqual({ large: 1, nested: 'outer' });
    expect(inner).toEqual({ x: [2n ** 62n, 'inner'] });
  });

  it('that lies about its bytes, is written by what the engine knows', () => {
    class Liar extends Uint8Array {
      override get length() {
        return 1_000_000;
      }
      override get byteLength() {
        return 1_000_000;
      }
    }
    expect(through(new Liar([1, 2]))).toEqual(new Uint8Array([1, 2]));
  });

  it('passes the author’s own exception on', () => {
    const value = {
      get price() {
        throw new RangeError('no price');
      },
    };
    expect(() => encode(value)).toThrow(new RangeError('no price'));
  });
});

describe('decode', () => {
  it('never sets a prototype', () => {
    for (const payload of [{ lane: 'text', text: '{"__proto__":{"polluted":1}}' }, encode({ ['__proto__']: { polluted: 1 }, at: new Date(0) })] as Payload[]) {
      const value = decode(payload) as Record<string, unknown>;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.hasOwn(value, '__proto__')).toBe(true);
      expect(value['polluted']).toBeUndefined();
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('keeps nothing of the payload', () => {
    const payload = encode({ bytes: new Uint8Array([1, 2, 3]) }) as { lane: 'binary'; bytes: Uint8Array };
    const value = decode(payload) as { bytes: Uint8Array };
    payload.bytes.fill(0);
    expect(value.bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect(value.bytes.buffer.byteLength).toBe(3);
    expect(Object.keys(payload.bytes)).not.toContain('dataView');
  });

  it('keeps every digit of an integer', () => {
    const text = '{"id":1234567890123456789,"list":[9007199254740993,12345678901234567890.5,1e30,"9007199254740993"]}';
    expect(decode({ lane: 'text', text })).toEqual({
      id: 1234567890123456789n,
      list: [9007199254740993n, Number('12345678901234567890.5'), 1e30, '9007199254740993'],
    });
  });

  it('refuses a bomb before it allocates for it', () => {
    const budget = budgetOf({ bytes: 16 * 1024 * 1024 });
    const bombs = vectors.invalid.filter(({ name }) => /100,00|4 MiB|huge/.test(name)).map(payloadOf);
    expect(bombs.length).toBeGreaterThan(10);
    const allocatedBy = (work: () => void) => {
      const before = getHeapStatistics();
      work();
      const after = getHeapStatistics();
      return after.total_allocated_bytes + after.external_memory - before.total_allocated_bytes - before.external_memory;
    };
    const refused = allocatedBy(() => {
      for (const payload of bombs) expect(refusalOf(() => decode(payload, budget)).code).toBe('message.invalid');
    });
    const bomb = bombs.find((payload) => payload.lane === 'binary' && payload.bytes.length > 2 ** 22) as { bytes: Uint8Array };
    const naive = allocatedBy(() => expect(unpack(bomb.bytes)).toHaveLength(4_194_304));
    expect(naive).toBeGreaterThan(64 * 1024 * 1024);
    expect(refused).toBeLessThan(16 * 1024 * 1024);
  });
});
