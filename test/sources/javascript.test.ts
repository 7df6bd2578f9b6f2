import { symlinkSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';
import { runInThisContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { type LoadOptions, type JavaScriptSource, loadSource } from '../../host/sources/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Content, makeFolder } from '../support/folder.ts';
import { availableLevels } from '../support/levels.ts';

type Exports = Record<string, unknown>;

async function load(files: Readonly<Record<string, Content>>, options?: LoadOptions): Promise<JavaScriptSource> {
  const base = makeFolder(files);
  return (await loadSource({ name: 'actor', runtime: 'javascript', source: './main.ts' }, base, options)) as JavaScriptSource;
}

/** Evaluates a source as a guest does. */
const evaluate = ({ code }: JavaScriptSource): Promise<Exports> => runInThisContext(`(async function () { "use strict";\n${code}\n})`)() as Promise<Exports>;

const evaluated = async (files: Readonly<Record<string, Content>>): Promise<Exports> => await evaluate(await load(files));

/** What esbuild makes of the same entry when nobody confines it. */
async function naive(entry: string): Promise<string> {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: 'esm' });
  return outputFiles[0]?.text ?? '';
}

describe.each(await availableLevels())('a bundle at level %s', (level) => {
  it('holds the entry and what it imports, in TypeScript, JavaScript and JSON', async () => {
    const source = await load(
      {
        'main.ts': `
          import type { Handler } from 'vivarium/actor';
          import { double } from './lib/double.js';
          import add from './lib/add';
          import table from './table.json';
          import { folder } from './lib';
          enum Kind { first = 1, second }
          export const handle: Handler<number, number> = (message) => add(double(message), table.offset) + Kind.second + folder;`,
        'lib/double.ts': 'export const double = (value: number): number => value * 2;',
        'lib/add.mjs': 'export default (a, b) => a + b;',
        'lib/index.ts': 'export const folder = 1000;',
        'table.json': '{ "offset": 100 }',
      },
      { level },
    );
    const { handle } = await evaluate(source);
    expect((handle as (message: number) => number)(5)).toBe(1112);
    expect(source).toMatchObject({ file: 'main.ts', exports: ['handle'], warnings: [] });
    expect(source.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('asks for what is imported, however it is written', async () => {
    const { handle } = await evaluated({ 'main.ts': "export * from './other';", 'other.ts': 'export const handle = () => 7;' });
    expect((handle as () => number)()).toBe(7);
    const outside = await failureOf(() => load({ 'main.ts': 'export const handle = () => r\\u0065quire("/etc/hostname");' }, { level }));
    expect(outside).toMatchObject({ code: 'source.invalid', record: { file: 'main.ts', line: 1, column: 42 } });
    const missing = await failureOf(() => load({ 'main.ts': 'export const handle = () => r\\u0065quire("./missing");' }, { level }));
    expect(missing.code).toBe('source.missing');
  });

  it('says all mistakes with their places', async () => {
    const error = await failureOf(() =>
      load({ 'main.ts': "import './other';\nimport './third';\n", 'other.ts': 'const größe = "ü";  let 1;\n', 'third.ts': '\nfunction (' }, { level }),
    );
    expect(error.code).toBe('source.invalid');
    expect(error.message.split('\n')).toEqual(['other.ts:1:25: Expected ";" but found "1"', expect.stringMatching(/^third\.ts:2:10: /)]);
    expect(error.record).toMatchObject({ file: 'other.ts', line: 1, column: 25 });
  });

  it('has nothing from outside the base folder', async () => {
    const files = {
      'base/main.ts': "export { secret } from './link';",
      'base/link.ts': { linkTo: '../secret.ts' },
      'secret.ts': 'export const secret = "token-4711";',
    };
    const folder = makeFolder(files);
    const error = await failureOf(() => loadSource({ name: 'actor', runtime: 'javascript', source: './main.ts' }, path.join(folder, 'base'), { level }));
    expect(error.record).toMatchObject({ code: 'source.outside', file: 'main.ts', line: 1, column: 24 });
    expect(error.message).not.toContain(folder);
    expect(await naive(path.join(folder, 'base/main.ts')), 'control: esbuild alone follows the link').toContain('token-4711');
  });

  it('ends in a typed error when it takes too long', async () => {
    const error = await failureOf(() => load({ 'main.ts': 'export const handle = 1;' }, { level, time: 5 }));
    expect(error.code).toBe('source.invalid');
    expect(error.message).toContain('took more time');
  });
});

describe('the base folder', () => {
  it.each([
    ['a path that leads out', "import '../secret';", {}],
    ['an absolute link', "import './link';", { 'base/link.ts': { linkTo: '/etc/hostname' } }],
    ['a linked folder', "import './folder/secret';", { 'base/folder': { linkTo: '..' } }],
    ['a link to a link', "import './a';", { 'base/a.ts': { linkTo: './b.ts' }, 'base/b.ts': { linkTo: '../secret.ts' } }],
    ['a link to nothing outside', "import './link';", { 'base/link.ts': { linkTo: '../nothing.ts' } }],
    ['require', "export const a = require('./link');", { 'base/link.cjs': { linkTo: '../secret.ts' } }],
    ['import()', "export const a = () => import('./link');", { 'base/link.ts': { linkTo: '../secret.ts' } }],
    ['JSON', "import a from './link.json'; export { a };", { 'base/link.json': { linkTo: '../secret.ts' } }],
  ])('is not left by %s', async (_name, main, files) => {
    const folder = makeFolder({ 'base/main.ts': main, 'secret.ts': 'export const secret = 1;', ...(files as Record<string, Content>) });
    const error = await failureOf(() => loadSource({ name: 'actor', runtime: 'javascript', source: './main.ts' }, path.join(folder, 'base')));
    expect(error.code).toBe('source.outside');
  });

  it('may hold links that stay inside, also by its own absolute path', async () => {
    const folder = makeFolder({
      'main.ts': "export { a } from './near'; export { b } from './far';",
      'real/a.ts': 'export const a = 1; export const b = 2;',
      'near.ts': { linkTo: 'real/a.ts' },
    });
    symlinkSync(path.join(folder, 'real/a.ts'), path.join(folder, 'far.ts'));
    const source = await loadSource({ name: 'actor', runtime: 'javascript', source: 'main.ts' }, folder);
    expect(await evaluate(source as JavaScriptSource)).toEqual({ a: 1, b: 2 });
  });

  it('is where the imports of an inline actor start', async () => {
    const base = makeFolder({ 'lib/one.ts': 'export const one: number = 1;' });
    const source = await loadSource(
      { name: 'sum', runtime: 'javascript', code: "import { one } from './lib/one';\nexport const handle = (n: number) => n + one;" },
      base,
    );
    expect(source.file).toBe('sum.inline.ts');
    const { handle } = await evaluate(source as JavaScriptSource);
    expect((handle as (n: number) => number)(1)).toBe(2);
  });
});

describe('imports', () => {
  it.each([
    ['lodash', 'only relative imports'],
    ['@scope/name', 'only relative imports'],
    ['node:http', 'no Node in a guest'],
    ['child_process', 'no Node in a guest'],
    ['node:fs/promises/x', 'no'],
    ['data:text/javascript,export default 1', 'not a relative import'],
    ['https://example.com/a.js', 'not a relative import'],
    ['file:///etc/passwd', 'not a relative import'],
    ['/etc/passwd', 'not a relative import'],
    ['vivarium/actor', 'only types'],
    ['#inner', 'only relative imports'],
  ])('refuses %s', async (specifier, reason) => {
    const error = await failureOf(() => load({ 'main.ts': `import * as it from ${JSON.stringify(specifier)};\nexport const handle = it;` }));
    expect(error.record).toMatchObject({ code: 'source.invalid', file: 'main.ts', line: 1, hint: expect.any(String) });
    expect(error.message).toContain(reason);
  });

  it('names what is missing, and lets the gravest mistake lead', async () => {
    const error = await failureOf(() => load({ 'main.ts': "import './lost';\nimport '../away';\nimport 'lodash';" }));
    expect(error.record).toMatchObject({ code: 'source.outside', line: 2 });
    expect(error.message.split('\n')).toHaveLength(3);
    expect((await failureOf(() => load({ 'main.ts': "import './lost';" }))).record).toMatchObject({ code: 'source.missing', line: 1, column: 8 });
  });

  it('refuses files that are no source', async () => {
    const error = await failureOf(() => load({ 'main.ts': "import './view.tsx';", 'view.tsx': '' }));
    expect(error.record).toMatchObject({ code: 'source.invalid', hint: expect.stringContaining('.mts') });
  });

  it('does not let patterns list the file system', async () => {
    const error = await failureOf(() =>
      load({ 'main.ts': 'export const get = (n: string) => import("./data/" + n + ".json");', 'data/a.json': '1' }, { level: 'process' }),
    );
    expect(error.code).toBe('source.invalid');
  });

  it('takes CommonJS beside the entry, but no CommonJS entry', async () => {
    const { value } = await evaluated({
      'main.ts': "import old from './old.cjs';\nexport const value = old.value;",
      'old.cjs': 'module.exports = { value: 7 };',
    });
    expect(value).toBe(7);
    expect((await failureOf(() => load({ 'main.ts': 'module.exports = { handle() {} };' }))).message).toContain('CommonJS');
  });
});

describe('what an author writes beside the source', () => {
  const secret = { 'secret.ts': 'export const value = "token-4711";' };

  it('tsconfig.json and package.json change nothing', async () => {
    const files = {
      'main.ts': "export { value } from './value';",
      'value.ts': 'export const value = "own";',
      'package.json': '{ "browser": { "./value.ts": "./secret.ts" }, "sideEffects": false, "type": "commonjs", "main": "secret.ts" }',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "./value": ["./secret.ts"] }, "jsxFactory": "evil" } }',
      ...secret,
    };
    expect(await evaluated(files)).toEqual({ value: 'own' });
    expect(await naive(path.join(makeFolder(files), 'main.ts')), 'control: esbuild alone obeys the configuration').toContain('token-4711');
  });

  it('source maps out of the base folder are not read', async () => {
    const map = JSON.stringify({ version: 3, sources: ['token-4711.ts'], names: [], mappings: 'AAAA;AACA' });
    const folder = makeFolder({ 'outside.map': map, 'base/main.ts': 'export const a = 1;\n//# sourceMappingURL=../outside.map\n' });
    const source = await loadSource({ name: 'actor', runtime: 'javascript', source: 'main.ts' }, path.join(folder, 'base'), { level: 'process' });
    expect((source as JavaScriptSource).map).not.toContain('token-4711');
    const control = await build({ entryPoints: [path.join(folder, 'base/main.ts')], bundle: true, write: false, sourcemap: 'external', outdir: folder });
    expect(control.outputFiles.map(({ text }) => text).join(), 'control: esbuild alone reads it').toContain('token-4711');
  });
});

describe('the function body', () => {
  it.each<[string, Record<string, string>, Exports]>([
    ['export const', { 'main.ts': 'export const a = 1, b = 2;' }, { a: 1, b: 2 }],
    ['export default expression', { 'main.ts': 'export default 1 + 1;' }, { default: 2 }],
    ['export default arrow', { 'main.ts': 'export default (() => 3)();' }, { default: 3 }],
    [
      'a name of a reserved word',
      { 'main.ts': 'const a = 1; export { a as class, a as default, a as await, a as return };' },
      { class: 1, default: 1, await: 1, return: 1 },
    ],
    ['names that objects have', { 'main.ts': 'const a = 1; export { a as constructor, a as toString };' }, { constructor: 1, toString: 1 }],
    [
      'names that are strings',
      { 'main.ts': 'const a = 1; export { a as "a b", a as "\\"", a as "\'\\n", a as "é\\u{1F600}", a as "};", a as ", b as c" };' },
      { 'a b': 1, '"': 1, "'\n": 1, 'é😀': 1, '};': 1, ', b as c': 1 },
    ],
    ['a name in Unicode', { 'main.ts': 'export const größe = 1;' }, { größe: 1 }],
    ['re-exports', { 'main.ts': "export { a as x, default as y } from './other';", 'other.ts': 'export const a = 1; export default 2;' }, { x: 1, y: 2 }],
    [
      'export *',
      {
        'main.ts': "export * from './other'; export * from './third';",
        'other.ts': 'export const a = 1; export default 2;',
        'third.ts': 'export const b = 3;',
      },
      { a: 1, b: 3 },
    ],
    ['top-level await', { 'main.ts': 'export const a = await Promise.resolve(5); export let b: number; b = await 6;' }, { a: 5, b: 6 }],
    ['top-level await in an import', { 'main.ts': "export { a } from './other';", 'other.ts': 'export const a = await 7;' }, { a: 7 }],
    ['for await', { 'main.ts': 'export let sum = 0; for await (const n of [1, Promise.resolve(2)]) sum += n;' }, { sum: 3 }],
    ['using', { 'main.ts': 'export let gone = 0; { using x = { [Symbol.dispose]() { gone = 1; } }; void x; }' }, { gone: 1 }],
    [
      'a circle of imports',
      {
        'main.ts': "import { b } from './other'; export const a = 1; export function sum() {} export { b };",
        'other.ts': "import { sum } from './main'; export const b = typeof sum;",
      },
      { a: 1, b: 'function', sum: expect.any(Function) },
    ],
    ['a module that imports itself', { 'main.ts': "export const a = 1; export const self = () => import('./main');" }, { a: 1, self: expect.any(Function) }],
    [
      'names that collide',
      { 'main.ts': "import { a as other } from './other'; export const a = 1; export const b = other;", 'other.ts': 'export const a = 2;' },
      { a: 1, b: 2 },
    ],
    ['text that looks like the end of a module', { 'main.ts': 'export const a = `\nexport {\n  a as b\n};\n`;' }, { a: '\nexport {\n  a as b\n};\n' }],
    ['such text and no exports', { 'main.ts': 'globalThis.seen = `\nexport {\n  a as b\n};\n`;' }, {}],
    ['nothing at all', { 'main.ts': '' }, {}],
    ['only types', { 'main.ts': 'export interface A { a: number } export type B = A;' }, {}],
    [
      'strict mode and no `this`',
      { 'main.ts': 'export const self = this; export const strict = (function () { return this === undefined; })();' },
      { self: undefined, strict: true },
    ],
    [
      'declare, namespace and decorators',
      {
        'main.ts':
          'namespace N { export const n = 1 } const seen: string[] = []; function mark(_: unknown, { name }: { name: unknown }) { seen.push(String(name)); } class A { @mark m() {} } export const a = N.n; export { seen };',
      },
      { a: 1, seen: ['m'] },
    ],
  ])('returns the exports of: %s', async (_shape, files, expected) => {
    const source = await load(files);
    const exports = await evaluate(source);
    expect(Object.getPrototypeOf(exports)).toBeNull();
    expect({ ...exports }).toEqual(expected);
    expect([...source.exports].sort()).toEqual(Object.keys(expected).sort());
  });

  it.each(['function', 'async function', 'function*', 'async function*', 'class'])('returns export default %s', async (kind) => {
    const exports = await evaluated({ 'main.ts': kind === 'class' ? 'export default class { x = 1 }' : `export default ${kind} () { return 1; }` });
    expect(exports['default']).toBeTypeOf('function');
  });

  it('takes __proto__ for a name like any other', async () => {
    const exports = await evaluated({ 'main.ts': 'const a = { evil: true }; export { a as __proto__ };' });
    expect(Object.getOwnPropertyNames(exports)).toEqual(['__proto__']);
    expect('evil' in exports).toBe(false);
  });

  it('keeps the lines: a source map leads from the code back to the author', async () => {
    const source = await load({
      'lib/deep.ts': '\n\nexport const fail = (n: number): never => {\n  throw new Error(String(n));\n};\n',
      'main.ts': "import { fail } from './lib/deep';\n\nexport const handle = (n: number) => fail(n);\n",
    });
    const map = JSON.parse(source.map) as SourceMapPayload;
    expect(map.sources).toEqual(['lib/deep.ts', 'main.ts']);
    expect(map.mappings.startsWith(';'), 'nothing of the first line is mapped, so a prefix there moves nothing').toBe(true);
    const lines = source.code.split('\n');
    const line = lines.findIndex((text) => text.includes('throw new Error'));
    const entry = new SourceMap(map).findEntry(line, lines[line]?.indexOf('throw') ?? -1);
    expect(entry).toMatchObject({ originalSource: 'lib/deep.ts', originalLine: 3, originalColumn: 2 });
  });

  it('warns of import.meta, which is empty in a guest', async () => {
    const source = await load({ 'main.ts': 'export const url = import.meta.url;' });
    expect(source.warnings).toEqual([expect.stringMatching(/^main\.ts:1:20: "import\.meta"/)]);
    expect(await evaluate(source)).toEqual({ url: undefined });
  });
});

it('tells lines of the bundler from line separators in a source', async () => {
  const forged = '\u2028{"type":"resolved","question":1,"name":"secret.ts"}\u2029';
  const { text } = await evaluated({ 'main.ts': `import './other';\nexport const text = ${JSON.stringify(forged)}; /* ${forged} */`, 'other.ts': '' });
  expect(text).toBe(forged);
});

describe('caps', () => {
  it('holds the number of files', async () => {
    const names = Array.from({ length: 501 }, (_, index) => `part${index}`);
    const files = Object.fromEntries(names.map((name) => [`${name}.ts`, `export const ${name} = 1;`]));
    const error = await failureOf(() => load({ 'main.ts': names.map((name) => `export * from './${name}';`).join('\n'), ...files }));
    expect(error.record).toMatchObject({ code: 'source.invalid', message: expect.stringContaining('more than 500 files') });
  });

  it('holds the bytes of all files together', async () => {
    const large = `/* ${'x'.repeat(5 * 1024 * 1024)} */ export const a = 1;`;
    const error = await failureOf(() => load({ 'main.ts': "import './one'; import './two';", 'one.ts': large, 'two.ts': large }));
    expect(error.record).toMatchObject({ code: 'source.invalid', message: expect.stringContaining('bytes') });
  });

  it('holds the number of imports', async () => {
    // Each of seventy-one is asked for by the entry, and by seventy of them, or thirty: those of one file are asked for one after another.
    const names = Array.from({ length: 71 }, (_, index) => `./part${index}.ts`);
    const importsOf = (count: number): string =>
      names
        .slice(0, count)
        .map((name) => `import '${name}';`)
        .join('');
    const files = Object.fromEntries(names.map((name, index) => [name.slice(2), importsOf(index < 70 ? 70 : 30)]));
    const error = await failureOf(() => load({ 'main.ts': importsOf(71), ...files }));
    expect(error.record).toMatchObject({ code: 'source.invalid', message: expect.stringContaining('more than 5000 imports') });
  });

  it('lists fifty mistakes and counts the rest', async () => {
    const error = await failureOf(() => load({ 'main.ts': Array.from({ length: 70 }, (_, index) => `import './lost${index}';`).join('\n') }));
    expect(error.message.split('\n')).toHaveLength(51);
    expect(error.message).toContain('… and 20 more');
  });

  it('refuses a source that becomes more than it was', async () => {
    const error = await failureOf(() => load({ 'main.ts': `export const a = "${'\u2028'.repeat(1_500_000)}";` }));
    expect(error.message).toMatch(/^main\.ts becomes \d+ characters/);
  });

  it('refuses text that is not UTF-8', async () => {
    const error = await failureOf(() => load({ 'main.ts': Uint8Array.of(0x2f, 0x2f, 0xff, 0xfe) }));
    expect(error.message).toContain('not UTF-8');
  });
});
