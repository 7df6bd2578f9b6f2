import { describe, expect, test } from 'vitest';
import { type Diagnostic, formatDiagnostics } from '../../host/manifest/diagnostic.ts';
import { parseManifest } from '../../host/manifest/parse.ts';

const errors = (text: string): string =>
  formatDiagnostics(parseManifest(text, 'vivarium.yaml').diagnostics.filter(({ severity }: Diagnostic) => severity === 'error'));

/** A manifest with one actor, `score`, whose keys are the lines given. */
const withActor = (...lines: string[]): string =>
  ['vivarium: 1', 'actors:', '  score:', ...lines.map((line) => `    ${line}`), 'inputs: { in: score }'].join('\n');

/** A manifest with the actors `clean` and `score`, followed by the lines given. */
const withFlow = (...lines: string[]): string =>
  ['vivarium: 1', 'actors:', '  clean: { source: clean.ts }', '  score: { source: score.py, inlets: [in, correction] }', ...lines].join('\n');

describe('every mistake has its place and its mending', () => {
  test.each<{ name: string; text: string; expected: string }>([
    {
      name: 'the file is empty',
      text: '# nothing\n',
      expected: 'vivarium.yaml:1:1: the file is empty',
    },
    {
      name: 'no map',
      text: '- vivarium',
      expected: 'vivarium.yaml:1:1: expected a map, found a list',
    },
    {
      name: 'no version',
      text: 'actors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:1:1: `vivarium` is missing\n    For example: `vivarium: 1`.',
    },
    {
      name: 'another version',
      text: 'vivarium: 2\nactors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:1:11: expected `1`, found 2\n    For example: `vivarium: 1`.',
    },
    {
      name: 'no actors',
      text: 'vivarium: 1\nactors: {}',
      expected: 'vivarium.yaml:2:9: a flow has at least one actor\n    For example: `actors: { score: { source: ./score.ts } }`.',
    },
    {
      name: 'an unknown key that looks like one',
      text: 'vivarium: 1\nactor: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:2:1: unknown key `actor`\n    Did you mean `actors`?',
    },
    {
      name: 'an unknown key that looks like none',
      text: 'vivarium: 1\nactors: { a: { source: a.ts } }\nzzz: 1',
      expected: 'vivarium.yaml:3:1: unknown key `zzz`\n    The keys here: vivarium, namespace, policy, cells, actors, connections, inputs, outputs.',
    },
    {
      name: 'a namespace in capitals',
      text: 'vivarium: 1\nnamespace: Demo\nactors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:2:12: a namespace has lower-case letters, digits and `-` inside, 63 characters at most\n    For example: `namespace: demo`.',
    },
    {
      name: 'no cells',
      text: 'vivarium: 1\ncells: 0\nactors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:2:8: expected at least 1\n    For example: `cells: 2`.',
    },
    {
      name: 'more cells than anybody should have',
      text: 'vivarium: 1\ncells: 65\nactors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:2:8: expected at most 64\n    For example: `cells: 2`.',
    },
    {
      name: 'more cells than actors to share them',
      text: 'vivarium: 1\ncells: 3\nactors:\n  a: { source: a.ts }\n  b: { source: b.ts }\n  c: { source: c.ts, cell: own }\ninputs: { a: a, b: b, c: c }',
      expected: 'vivarium.yaml:2:8: 3 cells, and only 2 actors, replicas counted, to share them\n    Write `cells: 2` at most.',
    },
    {
      name: 'cells that nobody shares',
      text: 'vivarium: 1\ncells: 2\nactors: { a: { source: a.ts, cell: own } }\ninputs: { a: a }',
      expected: 'vivarium.yaml:2:8: 2 cells, and no actor to share them\n    Remove `cells`.',
    },
    {
      name: 'a number where a text belongs',
      text: 'vivarium: 1\nnamespace: 12\nactors: { a: { source: a.ts } }',
      expected: 'vivarium.yaml:2:12: expected a text, found 12\n    For example: `namespace: demo`.',
    },
    {
      name: 'an actor name with a space',
      text: 'vivarium: 1\nactors:\n  my actor: { source: a.ts }',
      expected: 'vivarium.yaml:3:3: a name begins with a letter and goes on with letters, digits, `_` and `-`, 64 characters at most',
    },
    {
      name: 'an actor named like an inherited property',
      text: 'vivarium: 1\nactors:\n  constructor: { source: a.ts }',
      expected: 'vivarium.yaml:3:3: `constructor` is the name of something that every JavaScript object has',
    },
    {
      name: 'a key written twice',
      text: 'vivarium: 1\nactors:\n  a: { source: a.ts }\n  a: { source: b.ts }',
      expected: 'vivarium.yaml:4:3: the key `a` is written twice, first on line 3',
    },
    {
      name: 'neither source nor code',
      text: withActor('concurrency: 2'),
      expected: 'vivarium.yaml:3:3: `score` has neither `source` nor `code`\n    Add the file with its code: `source: ./file.ts`.',
    },
    {
      name: 'source and code',
      text: withActor('source: a.ts', 'code: x'),
      expected: 'vivarium.yaml:5:5: `score` has both `source` and `code`\n    Keep one of them.',
    },
    {
      name: 'code without runtime',
      text: withActor('code: x'),
      expected: 'vivarium.yaml:4:5: the runtime of `score` is not stated\n    Beside `code` write `runtime: javascript` or `runtime: python`.',
    },
    {
      name: 'wasm as code',
      text: withActor('runtime: wasm', 'code: x'),
      expected: 'vivarium.yaml:5:5: a wasm module cannot be written as `code`\n    Put it into a file: `source: ./module.wasm`.',
    },
    {
      name: 'an extension of no runtime',
      text: withActor('source: ./score.rb'),
      expected:
        'vivarium.yaml:4:13: the extension .rb does not tell the runtime\n    Add `runtime: javascript`, `python` or `wasm`; known extensions: .js .mjs .ts .mts .py .wasm.',
    },
    {
      name: 'CommonJS',
      text: withActor('source: ./score.cjs'),
      expected:
        'vivarium.yaml:4:13: .cjs is CommonJS; an actor is an ES module\n    Add `runtime: javascript`, `python` or `wasm`; known extensions: .js .mjs .ts .mts .py .wasm.',
    },
    {
      name: 'no extension',
      text: withActor('source: ./score'),
      expected:
        'vivarium.yaml:4:13: the source has no extension that tells its runtime\n    Add `runtime: javascript`, `python` or `wasm`; known extensions: .js .mjs .ts .mts .py .wasm.',
    },
    {
      name: 'a URL as source',
      text: withActor('source: https://example.com/score.ts'),
      expected: 'vivarium.yaml:4:13: a source is a file, not a URL\n    Put it into the folder of the manifest.',
    },
    {
      name: 'a runtime against the extension',
      text: withActor('source: a.ts', 'runtime: python'),
      expected: 'vivarium.yaml:5:14: `runtime: python` contradicts the extension .ts, which is javascript\n    Remove `runtime`, or rename the file.',
    },
    {
      name: 'a runtime that does not exist',
      text: withActor('source: a.ts', 'runtime: pyton'),
      expected: 'vivarium.yaml:5:14: expected `javascript` or `python` or `wasm`, found the text "pyton"\n    Did you mean `python`?',
    },
    {
      name: 'wasm keys on a script',
      text: withActor('source: a.ts', 'function: f', 'input: json', 'output: text', 'wasi: true'),
      expected: ['5:5: `function`', '6:5: `input`', '7:5: `output`', '8:5: `wasi`']
        .map((key) => `vivarium.yaml:${key} is for wasm actors, and \`score\` is javascript\n    Remove it.`)
        .join('\n'),
    },
    {
      name: 'a map of inlets on a script',
      text: withActor('source: a.py', 'inlets: { in: f, right: g }'),
      expected:
        'vivarium.yaml:5:13: a map of inlets is for wasm actors; in python the export of its name serves an inlet\n    Write a list: `inlets: [in, right]`.',
    },
    {
      name: '`in` served twice',
      text: withActor('source: a.wasm', 'function: f', 'inlets: { in: g }'),
      expected: 'vivarium.yaml:6:15: `in` is served by `function` already\n    Keep one of them.',
    },
    {
      name: 'an inlet listed twice',
      text: withActor('source: a.py', 'inlets: [in, left, left]'),
      expected: 'vivarium.yaml:5:24: the inlet `left` is listed twice\n    Remove one of them.',
    },
    {
      name: 'a reserved inlet',
      text: withActor('source: a.py', 'inlets: [in, stop]'),
      expected: 'vivarium.yaml:5:18: `stop` is reserved and cannot name a port',
    },
    {
      name: 'no replicas',
      text: withActor('source: a.py', 'replicas: 0'),
      expected: 'vivarium.yaml:5:15: expected at least 1\n    For example: `replicas: 2`.',
    },
    {
      name: 'more replicas than anybody should have',
      text: withActor('source: a.py', 'replicas: 65'),
      expected: 'vivarium.yaml:5:15: expected at most 64\n    For example: `replicas: 2`.',
    },
    {
      name: 'more cells than replicas',
      text: `cells: 4\n${withActor('source: a.py', 'replicas: 3')}`,
      expected: 'vivarium.yaml:1:8: 4 cells, and only 3 actors, replicas counted, to share them\n    Write `cells: 3` at most.',
    },
    {
      name: 'no concurrency',
      text: withActor('source: a.py', 'concurrency: 0'),
      expected: 'vivarium.yaml:5:18: expected at least 1\n    For example: `concurrency: 4`.',
    },
    {
      name: 'half a turn',
      text: withActor('source: a.py', 'concurrency: 1.5'),
      expected: 'vivarium.yaml:5:18: expected a whole number, found 1.5\n    For example: `concurrency: 4`.',
    },
    {
      name: 'a cell of another kind',
      text: withActor('source: a.py', 'cell: shared'),
      expected: 'vivarium.yaml:5:11: expected `own`, found the text "shared"\n    For example: `cell: own`.',
    },
    {
      name: 'a config that JSON cannot hold',
      text: withActor('source: a.py', 'config: { threshold: .nan }'),
      expected: 'vivarium.yaml:5:26: .nan is no number that JSON has\n    Write it in quotes if it is meant as text.',
    },
    {
      name: 'a config whose integer would lose digits',
      text: withActor('source: a.py', 'config: { account: 12345678901234567890 }'),
      expected: 'vivarium.yaml:5:24: the integer 12345678901234567890 would lose digits\n    Write it in quotes.',
    },
    {
      name: 'a policy written in place',
      text: withActor('source: a.py', 'policy: [pure, pure, { servces: [orders.list], limits: { wall: 2 s } }, 5]'),
      expected: [
        'vivarium.yaml:5:20: `pure` is listed twice\n    Remove one of them.',
        'vivarium.yaml:5:28: unknown key `servces`\n    Did you mean `services`?',
        'vivarium.yaml:5:68: a duration is a number with ms, s, m or h, like `2s`\n    For example: `wall: 2s`.',
        'vivarium.yaml:5:77: expected a text or a map, found 5',
      ].join('\n'),
    },
    {
      name: 'a connection without an arrow',
      text: withFlow('connections:', '  - clean > score'),
      expected: 'vivarium.yaml:6:5: write `a -> b`, or with ports `a.out -> b.in`',
    },
    {
      name: 'a connection of three',
      text: withFlow('connections:', '  - clean -> score -> clean'),
      expected: 'vivarium.yaml:6:5: write `a -> b`, or with ports `a.out -> b.in`',
    },
    {
      name: 'a connection that is a list',
      text: withFlow('connections:', '  - [clean, score]'),
      expected: 'vivarium.yaml:6:5: expected a text or a map, found a list',
    },
    {
      name: 'half a connection',
      text: withFlow('connections:', '  - { from: clean }'),
      expected: 'vivarium.yaml:6:5: `to` is missing\n    For example: `to: report`.',
    },
    {
      name: 'a connection from and to actors that do not exist',
      text: withFlow('connections:', '  - cleen -> xyz'),
      expected:
        'vivarium.yaml:6:5: there is no actor `cleen`\n    Did you mean `clean`?\nvivarium.yaml:6:5: there is no actor `xyz`\n    The actors: clean, score.',
    },
    {
      name: 'an inlet that is not served',
      text: withFlow('connections:', '  - clean -> score.corection'),
      expected: 'vivarium.yaml:6:5: `score` has no inlet `corection`\n    Did you mean `correction`?',
    },
    {
      name: 'a reserved outlet',
      text: withFlow('connections:', '  - clean.start -> score'),
      expected: 'vivarium.yaml:6:5: `start` is reserved and cannot name a port\n    Choose another name.',
    },
    {
      name: 'an inlet named like the handler',
      text: withFlow('connections:', '  - score -> clean.handle'),
      expected: 'vivarium.yaml:6:5: `handle` is reserved and cannot name a port\n    The inlet that `handle` serves is `in`.',
    },
    {
      name: 'a connection written twice, in two ways',
      text: withFlow('connections:', '  - clean -> score', '  - { from: clean.out, to: score.in }'),
      expected: 'vivarium.yaml:7:5: the connection `clean.out -> score.in` is written twice, first on line 6\n    Remove one of them.',
    },
    {
      name: 'an input to nobody',
      text: withFlow('inputs: { orders: clan }'),
      expected: 'vivarium.yaml:5:19: there is no actor `clan`\n    Did you mean `clean`?',
    },
    {
      name: 'an input to an inlet that is not served',
      text: withFlow('inputs: { orders: score.left }'),
      expected: 'vivarium.yaml:5:19: `score` has no inlet `left`\n    The inlets of `score`: in, correction.',
    },
    {
      name: 'an output of nobody, and one that is listed twice',
      text: withFlow('outputs:', '  result: scor', '  all: [clean, score, clean.out]'),
      expected:
        'vivarium.yaml:6:11: there is no actor `scor`\n    Did you mean `score`?\nvivarium.yaml:7:23: `clean.out` is listed twice\n    Remove one of them.',
    },
    {
      name: 'an output without a value',
      text: withFlow('outputs:', '  result:'),
      expected: 'vivarium.yaml:6:3: expected a text or a list, found nothing',
    },
  ])('$name', ({ text, expected }) => {
    expect(errors(text)).toBe(expected);
  });

  test('all mistakes of a file come at once, in the order of the text', () => {
    const text = `vivarium: 1
namespace: Demo
actors:
  clean: { source: ./clean.rb, concurency: 2 }
  score: { source: ./score.py, mailbox: none }
connections:
  - clean -> scor
  - clean > score
inputs: { records: clen }
extra: true
`;
    const places = parseManifest(text, 'vivarium.yaml').diagnostics.map(({ line, column, path }) => `${line}:${column} ${path}`);
    expect(places).toEqual([
      '2:12 namespace',
      '4:20 actors.clean.source',
      '4:32 actors.clean.concurency',
      '5:41 actors.score.mailbox',
      '7:5 connections[0]',
      '8:5 connections[1]',
      '9:20 inputs.records',
      '10:1 extra',
    ]);
  });

  test('a manifest with errors has no flow, and one with warnings has one', () => {
    expect(parseManifest('vivarium: 1', 'vivarium.yaml').flow).toBeUndefined();
    const { flow, diagnostics } = parseManifest('vivarium: 1\nactors:\n  score: { source: score.ts }', 'vivarium.yaml');
    expect(flow?.actors.map(({ name }) => name)).toEqual(['score']);
    expect(formatDiagnostics(diagnostics)).toBe(
      "vivarium.yaml:3:3: warning: nothing leads to `score`\n    Add an input or a connection, unless the embedder asks it by name: `flow.actor('score')`.",
    );
  });
});
