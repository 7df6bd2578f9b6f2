/** The Python codec, in Pyodide, held against the same vectors and against the codec of JavaScript. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { loadPyodide, type PyodideAPI } from 'pyodide';
import { beforeAll, describe, expect, it } from 'vitest';
import { decode, encode, type Payload } from '../../sdk/message.ts';
import { describeValue, vectorsFile } from './message.vectors.ts';

let python: PyodideAPI;
beforeAll(async () => {
  python = await loadPyodide();
  // The package holds the codec alone: it needs nothing else of ours.
  python.FS.mkdirTree('/codec/vivarium');
  python.FS.writeFile('/codec/vivarium/__init__.py', '');
  const place = (target: string, path: string) => python.FS.writeFile(target, readFileSync(new URL(path, import.meta.url), 'utf8'));
  for (const name of ['message', 'message_values', 'message_text', 'message_binary']) place(`/codec/vivarium/${name}.py`, `../../runtimes/python/${name}.py`);
  place('/codec/message_test.py', './message_test.py');
  python.runPython('import sys; sys.path.insert(0, "/codec"); import message_test');
});

const passThroughPython = (payload: Payload): Payload => {
  const passThrough = python.globals.get('message_test').pass_through;
  const [lane, text] = passThrough(...(payload.lane === 'text' ? [0, payload.text] : [1, Buffer.from(payload.bytes).toString('latin1')])).toJs() as [
    number,
    string,
  ];
  return lane === 0 ? { lane: 'text', text } : { lane: 'binary', bytes: new Uint8Array(Buffer.from(text, 'latin1')) };
};

describe('the Python codec', () => {
  it('holds every vector, form, error and refusal', () => {
    const failures = python.globals.get('message_test').run(readFileSync(vectorsFile, 'utf8')).toJs() as string[];
    expect(failures).toEqual([]);
  });

  it('gives back to JavaScript what JavaScript sent', () => {
    const scalar = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
      fc.string({ unit: 'binary' }),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
      fc.uint8Array(),
      fc.date({ min: new Date(-62_135_596_800_000), max: new Date(253_402_300_799_999), noInvalidDate: true }),
    );
    const message = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value')), fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { noNullPrototype: true })),
    })).value;
    fc.assert(
      fc.property(message, (value) => {
        expect(describeValue(decode(passThroughPython(encode(value))))).toEqual(describeValue(value));
      }),
      { numRuns: 200 },
    );
  });
});
