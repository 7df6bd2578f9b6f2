/** What holds for every message, every run of bytes and every text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VivariumError } from '../../sdk/errors.ts';
import { decode, encode } from '../../sdk/message.ts';
import { budgetOf, refusalOf, through } from './message.support.ts';
import { describeValue } from './message.vectors.ts';

describe('properties', () => {
  const scalar = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.uint8Array(),
    fc.date({ min: new Date(-62_135_596_800_000), max: new Date(253_402_300_799_999), noInvalidDate: true }),
    fc.constantFrom('__proto__', 'constructor', '\ufeffbom', 'x'.repeat(300)),
  );
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'toString', 'constructor', 'toJSON'));
  const message = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      scalar,
      fc.array(tie('value')),
      fc.array(fc.tuple(key, tie('value'))).map((entries) => Object.fromEntries(entries)),
    ),
  })).value;

  /** What a passage changes: a bigint that a number holds is a number, -0 is 0. */
  const settled = (value: unknown): unknown => {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    if (Object.is(value, -0)) return 0;
    if (Array.isArray(value)) return value.map(settled);
    if (typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array)) {
      return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, settled(entry)]));
    }
    return value;
  };

  it('a value comes back as it went, in either lane', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(describeValue(through(value))).toEqual(describeValue(settled(value)));
        expect(describeValue(decode(encode([value, 2n ** 60n])))).toEqual(describeValue(settled([value, 2n ** 60n])));
      }),
      { numRuns: 500 },
    );
  });

  it('what is decoded, encodes to what decodes alike', () => {
    fc.assert(
      fc.property(message, (value) => {
        const once = encode(through(value));
        expect(encode(decode(once))).toEqual(once);
      }),
      { numRuns: 300 },
    );
  });

  it('bytes of any kind decode, or are refused with a code', () => {
    const tags = fc.constantFrom(0x80, 0x81, 0x91, 0x92, 0xa1, 0xc4, 0xc7, 0xcb, 0xcf, 0xd3, 0xd4, 0xd6, 0xd7, 0xd9, 0xdc, 0xde, 1, 0xff);
    fc.assert(
      fc.property(fc.array(fc.oneof(tags, fc.integer({ min: 0, max: 255 })), { maxLength: 60 }), (bytes) => {
        let value: unknown;
        try {
          value = decode({ lane: 'binary', bytes: new Uint8Array(bytes) });
        } catch (error) {
          expect((error as VivariumError).code).toBe('message.invalid');
          return;
        }
        expect(describeValue(through(value))).toEqual(describeValue(settled(value)));
      }),
      { numRuns: 3000 },
    );
  });

  it('a text is admitted exactly if JSON.parse admits it', () => {
    const pieces = fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '"a"', '1', '-', '0', 'null', ' ', '\\', '\\"', '\\\\', '\n', 'e5', '.');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        const budget = budgetOf({ depth: 0, keys: 1000 });
        let parsed: unknown;
        try {
          parsed = JSON.parse(text);
        } catch {
          expect(refusalOf(() => decode({ lane: 'text', text })).code).toBe('message.invalid');
          return;
        }
        if (/\d{16}/.test(text)) return;
        expect(decode({ lane: 'text', text })).toEqual(parsed);
        if (typeof parsed !== 'object' || parsed === null) expect(decode({ lane: 'text', text }, budget)).toEqual(parsed);
        else expect(refusalOf(() => decode({ lane: 'text', text }, budget)).code).toBe('message.invalid');
      }),
      { numRuns: 3000 },
    );
  });

  it('depth, values and keys are counted alike by both sides and in both lanes', () => {
    const shape = (value: unknown, depth: number, tally: { depth: number; nodes: number; keys: number }) => {
      tally.nodes++;
      if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return tally;
      tally.depth = Math.max(tally.depth, depth + 1);
      if (!Array.isArray(value)) tally.keys = Math.max(tally.keys, Object.keys(value).length);
      for (const entry of Object.values(value)) shape(entry, depth + 1, tally);
      return tally;
    };
    fc.assert(
      fc.property(message, fc.boolean(), (inner, binary) => {
        const value = binary ? [inner, Number.NaN] : [inner, 'x'];
        const counted = shape(value, 0, { depth: 0, nodes: 0, keys: 0 });
        const exact = budgetOf({ depth: counted.depth, nodes: counted.nodes, keys: counted.keys });
        const payload = encode(value, exact);
        expect(decode(payload, exact)).toBeDefined();
        const tighter = [{ depth: counted.depth - 1 }, { nodes: counted.nodes - 1 }, ...(counted.keys > 0 ? [{ keys: counted.keys - 1 }] : [])];
        for (const part of tighter) {
          expect(refusalOf(() => encode(value, { ...exact, ...part })).code).toBe('limit.message');
          expect(refusalOf(() => decode(payload, { ...exact, ...part })).code).toBe('message.invalid');
        }
      }),
      { numRuns: 300 },
    );
  });
});
