import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatDiagnostics } from '../../host/manifest/diagnostic.ts';
import { documentLimits, readDocument } from '../../host/manifest/document.ts';

const mistakes = (text: string): string => formatDiagnostics(readDocument(text, 'file.yaml').diagnostics);

describe('values and places', () => {
  const text = `first: 1
list:
  - a
  - { key: true }
code: |
  line one
  line two
nothing:
`;
  const { document } = readDocument(text, 'file.yaml');

  test('the values are plain and frozen', () => {
    expect(document?.value).toEqual({ first: 1, list: ['a', { key: true }], code: 'line one\nline two\n', nothing: null });
    expect(Object.isFrozen(document?.value)).toBe(true);
  });

  test.each([
    { path: ['first'], part: 'value', place: { line: 1, column: 8 } },
    { path: ['first'], part: 'key', place: { line: 1, column: 1 } },
    { path: ['list', 1, 'key'], part: 'value', place: { line: 4, column: 12 } },
    { path: ['code'], part: 'value', place: { line: 6, column: 3 } },
    { path: ['nothing'], part: 'value', place: { line: 8, column: 1 } },
    { path: ['list', 1, 'missing'], part: 'key', place: { line: 4, column: 5 } },
    { path: [], part: 'value', place: { line: 1, column: 1 } },
  ] as const)('$path.length steps to the $part at $place.line:$place.column', ({ path, part, place }) => {
    expect(document?.locate(path, part)).toEqual(place);
  });

  test('an alias has the value of its anchor, and the place where that was written', () => {
    const aliased = readDocument('a: &shared { x: 1 }\nb: *shared', 'file.yaml').document;
    expect(aliased?.value).toEqual({ a: { x: 1 }, b: { x: 1 } });
    expect(aliased?.locate(['b', 'x'], 'value')).toEqual({ line: 1, column: 17 });
    expect(aliased?.locate(['b'], 'key')).toEqual({ line: 2, column: 1 });
  });

  test('JSON is read too', () => {
    expect(readDocument('{"a": [1, "2"]}', 'file.json').document?.value).toEqual({ a: [1, '2'] });
  });
});

describe('what is not read', () => {
  test.each([
    ['a list that is not closed', 'a: [1, 2', 'not valid YAML: '],
    ['tabs', 'a:\n\tb: 1', 'Tabs are not allowed as indentation\n    Indent with spaces.'],
    ['a tag', 'a: !!js/function "x"', 'file.yaml:1:4: Unresolved tag: tag:yaml.org,2002:js/function\n    Tags are not supported: remove it.'],
    ['a second document', 'a: 1\n---\nb: 2', 'file.yaml:2:1: a file holds one document, here begins a second'],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', 'file.yaml:1:1: YAML 1.1 is not supported'],
    ['a key that is no text', '? [a, b]\n: 1', 'file.yaml:1:3: a key must be a plain text'],
    ['a key twice, quoted once', 'a: 1\n"a": 2', 'file.yaml:2:1: the key `a` is written twice, first on line 1'],
    ['a merge key', 'a: &a { x: 1 }\nb:\n  <<: *a', 'file.yaml:3:3: merge keys are not supported'],
    ['an unknown alias', 'a: *b', 'file.yaml:1:4: `*b` refers to no anchor set before it\n    Write `&b` before the value that is meant.'],
    ['an alias within its own anchor', 'a: &a [*a]', 'file.yaml:1:8: `*a` refers to no anchor set before it'],
    ['an integer that would lose digits', 'a: 9007199254740993', 'file.yaml:1:4: the integer 9007199254740993 would lose digits'],
    ['infinity', 'a: .inf', 'file.yaml:1:4: .inf is no number that JSON has'],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toContain(expected);
  });

  test('the mistakes quote nothing that a terminal would obey', () => {
    const text = mistakes('"\\u001b[31mred\\u202e": 1\n"\\u001b[31mred\\u202e": 2');
    expect(text).toContain('`\\u001b[31mred\\u202e`');
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('hostile documents are refused before they cost', () => {
  test.each([
    ['more than 1 MiB', `a: "${'x'.repeat(documentLimits.bytes)}"`, 'the file is larger than 1048576 bytes'],
    [
      '200,000 keys',
      Array.from({ length: 200_000 }, (_, index) => `a${index}:`)
        .join('\n')
        .slice(0, documentLimits.bytes),
      'the file has more than 100000 words',
    ],
    ['a million brackets', '['.repeat(1_000_000), 'the file has more than 100000 words'],
    ['50,000 lists in one another', `${'['.repeat(49_000)}${']'.repeat(49_000)}`, 'the file is nested too deeply'],
    ['65 lists in one another', `${'['.repeat(66)}${']'.repeat(66)}`, 'lists and maps nest deeper than 64'],
    [
      'nesting by aliases',
      Array.from({ length: 70 }, (_, index) => `- &a${index} ${index === 0 ? '[x]' : `[*a${index - 1}]`}`).join('\n'),
      'lists and maps nest deeper than 64',
    ],
    ['a billion laughs', billionLaughs(), 'more than 100000 values, aliases counted by what they stand for'],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toContain(expected);
  });

  test('control: a plain YAML parser expands aliases far beyond that', () => {
    const doubled = parse(billionLaughs(4), { maxAliasCount: -1 }) as unknown[][];
    expect(JSON.stringify(doubled).length).toBeGreaterThan(10_000);
  });

  test('`__proto__` is a mistake', () => {
    expect(mistakes('config: { __proto__: { admin: true } }')).toBe('file.yaml:1:11: the key `__proto__` is not allowed');
  });

  test('control: a plain YAML parser hands `__proto__` on', () => {
    expect(Object.getOwnPropertyNames(parse('{ __proto__: { admin: true } }'))).toContain('__proto__');
  });
});

/** Ten entries that each stand for ten entries, as often as there are levels. */
function billionLaughs(levels = 9): string {
  const line = (level: number): string => `- &l${level} [${Array.from({ length: 10 }, () => (level === 0 ? 'ha' : `*l${level - 1}`)).join(', ')}]`;
  return Array.from({ length: levels }, (_, level) => line(level)).join('\n');
}
