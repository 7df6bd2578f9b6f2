import { expect, it } from 'vitest';
import { functionBody, linesBefore } from '../../host/sources/functionBody.ts';

const module = 'var a = 1;\nvar b = 2;\nexport {\n  a,\n  b as default\n};\n';

it('keeps every line before the exports where it is', () => {
  const body = functionBody(module, ['a', 'default']);
  expect(body.split('\n').slice(linesBefore, 2)).toEqual(['var a = 1;', 'var b = 2;']);
  expect(new Function(body)()).toEqual(Object.assign(Object.create(null), { a: 1, default: 2 }));
});

it('takes the last list of exports for the real one', () => {
  const body = functionBody(`var a = \`\nexport {\n  b\n};\n\`;\nexport {\n  a\n};\n`, ['a']);
  expect(new Function(body)().a).toBe('\nexport {\n  b\n};\n');
});

it('makes a comment of a hashbang', () => {
  expect(new Function(functionBody(`#!/usr/bin/env node\n${module}`, ['a', 'default']))().a).toBe(1);
});

it.each([
  ['another end', 'export default 1;\n', ['default']],
  ['fewer exports than there should be', module, ['a', 'b', 'default']],
  ['more exports than there should be', module, ['a']],
  ['something after the exports', `${module}alert();\n`, ['a', 'default']],
  ['an entry that is no name', 'export {\n  a, alert() as b\n};\n', ['a']],
])('refuses a module with %s', (_what, text, exports) => {
  expect(() => functionBody(text, exports)).toThrow(/bundle/i);
});
