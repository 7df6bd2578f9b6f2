/** What the suite takes for granted of each language is what the reference promises. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { allowedImports } from '../../runtimes/wasm/imports.ts';
import { type Ability, abilities, languages, root } from './languages.ts';

/** What the reference says beside yes and no. */
const conditions: Readonly<Record<string, string>> = { 'wasm print': 'with `wasi: true`' };

test('docs/reference/languages.md shows the abilities of each language', () => {
  const rows = readFileSync(path.join(root, 'docs/reference/languages.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  const cell = (ability: Ability, language: (typeof languages)[number]): string =>
    conditions[`${language} ${ability}`] ?? (language.has(ability) ? 'yes' : '–');
  const expected = (Object.keys(abilities) as Ability[]).map(
    (ability) => `| ${[abilities[ability], ...languages.map((language) => cell(ability, language))].join(' | ')} |`,
  );
  expect(rows).toEqual(expected);
});

test('a plugin has nothing by which it could set timers, hear of a cancellation or go on beside its call', () => {
  const functions = [...allowedImports({ wasi: true })].flatMap(([, names]) => [...names.keys()]);
  expect(functions.filter((name) => /timer|timeout|signal|cancel|spawn|thread|callback|promise/i.test(name))).toEqual([]);
});
