import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formsOf } from '../../../host/capabilities/secrets/forms.ts';
import { Redaction } from '../../../host/capabilities/secrets/redaction.ts';

const value = 'sk_live_"4eC39\\HqLy/jWD+ar k&jtT1';
const redaction = new Redaction(new Map([['KEY', value]]));
const mark = '[secret KEY]';

/** What a reader gets of a stream, and after which chunk. */
function read(stream: Redaction, chunks: readonly Uint8Array[]): readonly string[] {
  const redactor = stream.stream();
  if (redactor === undefined) throw new Error('nothing is redacted');
  return [...chunks.map((chunk) => redactor.push(chunk)), redactor.end()].map((bytes) => Buffer.from(bytes).toString('latin1'));
}

/** The same bytes, cut at some of its places. */
const cut = (bytes: Uint8Array, places: readonly number[]): readonly Uint8Array[] => {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((left, right) => left - right), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
};

const places = fc.array(fc.nat(), { maxLength: 40 });
/** As a secret may be: printable ASCII. */
const secret = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 8, maxLength: 60 });

describe('the forms of a value', () => {
  test.each([
    ['as it is', value],
    ['in JSON', JSON.stringify({ authorization: value })],
    ['in JSON that escapes slashes', JSON.stringify({ authorization: value }).replaceAll('/', '\\/')],
    ['percent-encoded', encodeURIComponent(value)],
    ['percent-encoded in small letters', encodeURIComponent(value).replace(/%../g, (escaped) => escaped.toLowerCase())],
    ['in a URL', encodeURI(value)],
    ['in a form', new URLSearchParams({ key: value }).toString()],
    ['in base64', Buffer.from(value).toString('base64')],
    ['in base64 for URLs', Buffer.from(value).toString('base64url')],
    ['in base64 behind one byte', Buffer.from(`u${value}`).toString('base64')],
    ['in base64 between others', Buffer.from(`user:${value}:and so on`).toString('base64')],
    ['in base64 for URLs, between others', Buffer.from(`me:${value}!`).toString('base64url')],
  ])('%s', (_, text) => {
    const shown = redaction.text(`before ${text} after`);
    expect(shown).toContain(mark);
    for (const form of formsOf(value)) expect(shown).not.toContain(form);
    // No run of the value worth anything is left, in whatever encoding it was: less than the six bits of a character at each end.
    expect(shown.length).toBeLessThan(`before ${text} after`.length - value.length + mark.length + 8);
  });

  test('every value is found wherever it begins in base64', () => {
    fc.assert(
      fc.property(secret, fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ maxLength: 5 }), (text, before, after) => {
        const encoded = Buffer.concat([before, Buffer.from(text), after]).toString('base64');
        expect(new Redaction(new Map([['KEY', text]])).text(encoded)).toContain(mark);
      }),
    );
  });
});

describe('a stream', () => {
  test('is the same, however it is cut, as its text redacted at once', () => {
    const pieces = fc.array(
      fc.oneof(
        { weight: 2, arbitrary: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)) },
        fc.constantFrom(...formsOf(value)).map((form) => Buffer.from(form)),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, places, (all, at) => {
        const bytes = Buffer.concat(all);
        expect(read(redaction, cut(bytes, at)).join('')).toBe(redaction.text(bytes.toString('latin1')));
      }),
      { numRuns: 500 },
    );
  });

  test('holds no value, however it is cut, of several secrets that overlap', () => {
    fc.assert(
      fc.property(secret, secret, places, (first, second, at) => {
        const values = [first, second, first.slice(0, 8) + second];
        const several = new Redaction(new Map(values.map((text, index) => [`KEY${index}`, text])));
        const told = read(several, cut(Buffer.from(`${first}${second}x${values[2]}\n${second}`), at)).join('');
        for (const text of values) expect(told.replaceAll(/\[secret KEY\d\]/g, '')).not.toContain(text);
      }),
    );
  });

  test('is held back by lengths and line breaks alone, never by what it has in common with a value', () => {
    const plain = (text: string): string => text.replaceAll(/[^\n]/g, '.');
    const guess = fc.tuple(fc.nat({ max: value.length - 1 }), fc.constantFrom('', '\n', ' ', '\u00ff')).map(([right, end]) => `${value.slice(0, right)}${end}`);
    const lengths = (chunks: readonly string[]): readonly number[] =>
      read(
        redaction,
        chunks.map((chunk) => Buffer.from(chunk, 'latin1')),
      ).map(({ length }) => length);
    fc.assert(
      fc.property(fc.array(guess, { maxLength: 10 }), (chunks) => {
        fc.pre(!redaction.text(chunks.join('')).includes(mark));
        expect(lengths(chunks)).toEqual(lengths(chunks.map((chunk) => (chunk.includes('\u00ff') ? plain(chunk).replace(/.$/, '\u00ff') : plain(chunk)))));
      }),
    );
  });

  test('control: a stream that holds back only what looks like a value tells how much of a guess is right', () => {
    const naive = (chunk: string): number => {
      for (let common = Math.min(chunk.length, value.length - 1); common > 0; common--)
        if (chunk.endsWith(value.slice(0, common))) return chunk.length - common;
      return chunk.length;
    };
    expect(naive('sk_live_')).not.toBe(naive('sk_lives'));
  });

  test('goes on at once at the end of a line', () => {
    expect(read(redaction, [Buffer.from('data: one\n\n'), Buffer.from('data: two\n\n')])).toEqual(['data: one\n\n', 'data: two\n\n', '']);
  });

  test('has nothing to hold back where there are no secrets', () => {
    expect(new Redaction(new Map()).stream()).toBeUndefined();
    expect(new Redaction(new Map()).text(value)).toBe(value);
  });
});
