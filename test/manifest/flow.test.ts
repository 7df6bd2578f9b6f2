import { describe, expect, test } from 'vitest';
import { parseManifest, requireFlow } from '../../host/manifest/parse.ts';

const text = `vivarium: 1
actors:
  clean: { source: ./clean.ts }
  score:
    source: ./score.py
    policy: [pure, { services: [orders.list] }]
    mailbox: 50
    concurrency: 4
    cell: own
    overflow: reject
    inlets: [correction, in]
  inline:
    runtime: python
    code: |
      def handle(message, context):
          return message
  digest: { source: ./digest.WASM, function: digest, input: text, inlets: { late: digest_late } }
  plain: { source: plain.wasm }
connections:
  - clean -> score
  - score.totals -> digest.late
  - { from: digest.error, to: inline }
  - clean.rejected -> plain.again
inputs: { records: clean, fixes: score.correction }
outputs: { result: digest, all: [digest.out, clean.error, inline.extra] }
`;

const flow = requireFlow(parseManifest(text, 'vivarium.yaml'));
const actor = (name: string) => flow.actors.find((candidate) => candidate.name === name);

describe('the plan of a flow', () => {
  test('actors share one cell, unless it says how many, and where', () => {
    expect(flow.cells).toMatchObject({ count: 1 });
    const spread = parseManifest('vivarium: 1\ncells: 2\nactors: { a: { source: a.ts }, b: { source: b.ts } }', 'vivarium.yaml');
    expect(requireFlow(spread).cells).toEqual({ count: 2, line: 2, column: 8 });
  });

  test('actors have an index, a runtime and defaults', () => {
    expect(flow.actors.map(({ index, name, runtime }) => [index, name, runtime])).toEqual([
      [0, 'clean', 'javascript'],
      [1, 'score', 'python'],
      [2, 'inline', 'python'],
      [3, 'digest', 'wasm'],
      [4, 'plain', 'wasm'],
    ]);
    expect(actor('clean')).toMatchObject({
      concurrency: 1,
      replicas: 1,
      ownCell: false,
      overflow: 'block',
      config: null,
      policy: [],
      wasm: null,
      line: 3,
      column: 3,
    });
    expect(actor('score')).toMatchObject({ concurrency: 4, ownCell: true, overflow: 'reject' });
  });

  test('`in` comes first, then what is declared, else what the flow mentions', () => {
    expect(flow.actors.map(({ inlets }) => inlets)).toEqual([['in'], ['in', 'correction'], ['in'], ['in', 'late'], ['in', 'again']]);
    expect(flow.actors.map(({ inletsDeclared }) => inletsDeclared)).toEqual([false, true, false, true, false]);
  });

  test('`out` and `error` come first, then what the flow mentions', () => {
    expect(flow.actors.map(({ outlets }) => outlets)).toEqual([
      ['out', 'error', 'rejected'],
      ['out', 'error', 'totals'],
      ['out', 'error', 'extra'],
      ['out', 'error'],
      ['out', 'error'],
    ]);
  });

  test('connections, inputs and outputs are indices', () => {
    expect(flow.connections.map(({ from, to, text: written, line }) => [from.actor, from.outlet, to.actor, to.inlet, written, line])).toEqual([
      [0, 0, 1, 0, 'clean.out -> score.in', 20],
      [1, 2, 3, 1, 'score.totals -> digest.late', 21],
      [3, 1, 2, 0, 'digest.error -> inline.in', 22],
      [0, 2, 4, 1, 'clean.rejected -> plain.again', 23],
    ]);
    expect([...flow.inputs]).toEqual([
      ['records', { actor: 0, inlet: 0 }],
      ['fixes', { actor: 1, inlet: 1 }],
    ]);
    expect([...flow.outputs]).toEqual([
      ['result', [{ actor: 3, outlet: 0 }]],
      [
        'all',
        [
          { actor: 3, outlet: 0 },
          { actor: 0, outlet: 1 },
          { actor: 2, outlet: 2 },
        ],
      ],
    ]);
  });

  test('inline code knows where in the manifest it begins', () => {
    expect(actor('inline')?.source).toEqual({
      kind: 'inline',
      code: 'def handle(message, context):\n    return message\n',
      file: 'vivarium.yaml',
      line: 15,
      column: 7,
    });
    expect(actor('clean')?.source).toEqual({ kind: 'file', path: './clean.ts' });
  });

  test('wasm actors know their functions and codecs', () => {
    expect(actor('digest')?.wasm).toEqual({ function: 'digest', functions: { late: 'digest_late' }, input: 'text', output: 'json', wasi: false });
    expect(actor('plain')?.wasm).toEqual({ function: 'handle', functions: { again: 'again' }, input: 'json', output: 'json', wasi: false });
  });

  test('policies keep their places, and `mailbox` is one of them', () => {
    const policy = actor('score')?.policy ?? [];
    expect(policy.map(({ statement }) => statement)).toEqual(['pure', { services: ['orders.list'] }, { limits: { mailbox: 50 } }]);
    expect(policy[1]?.locate(['services', 0], 'value')).toEqual({ line: 6, column: 33 });
    expect(policy[2]?.locate(['limits', 'mailbox'], 'value')).toEqual({ line: 7, column: 14 });
    expect(flow.policy).toBeNull();
  });

  test('the namespace is `default` if nothing is said', () => {
    expect(flow.namespace).toBe('default');
  });
});
