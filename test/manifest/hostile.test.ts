import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseManifest, parseManifestObject } from '../../host/manifest/parse.ts';

const manifest = `vivarium: 1
namespace: demo
actors:
  clean: { source: ./clean.ts, config: { a: [1, 2] } }
  score: { source: ./score.py, policy: [pure, { network: { allow: ["https://*.example.org/v1/*"] }, limits: { wall: 2s } }] }
connections:
  - clean -> score
inputs: { records: clean }
outputs: { result: score.out }
`;

/** Cuts a piece out and puts another text there. */
const damaged = fc
  .tuple(
    fc.nat(manifest.length),
    fc.nat(20),
    fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('\n', ': ', '- ', '{', '}', '[', ']', '&a ', '*a', '"', '|\n', '\t', '!!x ', '->', '..', '#')),
  )
  .map(([start, length, text]) => manifest.slice(0, start) + text + manifest.slice(start + length));

describe('whatever the text, there is an answer and no exception', () => {
  test('damaged manifests', () => {
    fc.assert(
      fc.property(damaged, (text) => {
        const { flow, diagnostics } = parseManifest(text, 'f.yaml');
        const failed = diagnostics.some(({ severity }) => severity === 'error');
        expect(flow === undefined).toBe(failed);
        for (const { line, column, message } of diagnostics) expect(line > 0 && column > 0 && message.length > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(parseManifest(text, 'f.yaml').flow).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test('any value in any place of an object', () => {
    const keys = fc.constantFrom('source', 'code', 'runtime', 'policy', 'config', 'inlets', 'function', 'mailbox', 'constructor', '__proto__', 'x');
    const value = fc.anything({ maxDepth: 3, withBigInt: true, withDate: true, withMap: true, withSparseArray: true });
    fc.assert(
      fc.property(fc.dictionary(keys, value), value, value, (actor, connections, policy) => {
        const { flow, diagnostics } = parseManifestObject({ vivarium: 1, actors: { a: actor }, connections, policy });
        expect(flow === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 500 },
    );
  });

  test('a file with thousands of mistakes has a short answer', () => {
    const text = `vivarium: 1\nactors:\n${Array.from({ length: 5000 }, (_, index) => `  a${index}: { sauce: x }`).join('\n')}`;
    const { diagnostics } = parseManifest(text, 'f.yaml');
    expect(diagnostics).toHaveLength(101);
    expect(diagnostics.at(-1)?.message).toMatch(/^and \d+ more$/);
  });
});
