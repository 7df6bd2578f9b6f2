import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestInstance } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

/** Gives a text back, and says what Python makes of it: its code points, the sum of its bytes in UTF-8, and its last code point. */
const echo = `
def handle(text):
    return [text, len(text), sum(text.encode()), str(ord(text[-1])) if text else ""]
`;

/** Text crosses in pieces of 8192 units. */
const lengths = [0, 1, 2, 15, 16, 17, 8191, 8192, 8193, 20_000];

let actor: TestInstance;
beforeAll(async () => {
  actor = await startPython(echo);
});
afterAll(() => actor.dispose());

describe('strings between JavaScript and Python', () => {
  it.each([
    ['ASCII', 'aZ~ 0'],
    ['Latin-1', 'aéÿ'],
    ['two bytes', 'aé€\uffff'],
    ['what takes four bytes', 'a€😀'],
    ['zeros', '\0\0a'],
  ])('%s, of every length', async (_name, alphabet) => {
    const characters = [...alphabet];
    for (const length of lengths) {
      const points = Array.from({ length }, (_, index) => characters[(index * 7) % characters.length] as string);
      const text = points.join('');
      const { value } = await actor.deliver(text);
      const bytes = Buffer.from(text).reduce((sum, byte) => sum + byte, 0);
      expect(value).toEqual([text, length, bytes, length === 0 ? '' : String(points.at(-1)?.codePointAt(0))]);
    }
  });

  it('bytes, one character each', async () => {
    const bytes = Uint8Array.from({ length: 20_001 }, (_, index) => index * 31);
    const { value } = await (await startPython('def handle(data): return bytes(reversed(data))')).deliver(bytes);
    expect(value).toEqual(bytes.toReversed());
  });
});
