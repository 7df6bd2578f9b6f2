import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createHost } from '../../host/index.ts';
import { CacheFolder, type JavaScriptSource, loadJavaScriptTogether, loadSource, openBase, SourceCache } from '../../host/sources/index.ts';
import { failureOf } from '../support/failure.ts';
import { type Content, makeFolder } from '../support/folder.ts';

const plenty = 64 * 1024 * 1024;

/** No bundler does anything in a millisecond: what is loaded then was there already. */
const withoutBundling = { time: 1 };

const load = async (base: string, cache: SourceCache | undefined, options: { time?: number } = {}): Promise<JavaScriptSource> =>
  (await loadSource({ name: 'actor', runtime: 'javascript', source: './main.ts' }, base, { cache, ...options })) as JavaScriptSource;

const files: Readonly<Record<string, Content>> = {
  'main.ts': "import { factor } from './lib/factor';\nexport const handle = (n: number) => n * factor;\n",
  'lib/factor.ts': 'export const factor: number = 41;\n',
};

describe('a cache of bundles', () => {
  it('has what was made of the same files, wherever they lie', async () => {
    const cache = new SourceCache(plenty);
    const made = await load(makeFolder(files), cache);
    expect(await load(makeFolder(files), cache, withoutBundling)).toEqual(made);
    // Control: without it there is something to do.
    expect(await failureOf(() => load(makeFolder(files), undefined, withoutBundling))).toMatchObject({ code: 'source.invalid' });
  });

  it.each<readonly [string, Readonly<Record<string, Content>>, string]>([
    ['the entry', { ...files, 'main.ts': `${files['main.ts']}export const other = () => 7;` }, '7'],
    ['a file that is imported', { ...files, 'lib/factor.ts': 'export const factor = 43;' }, '43'],
    [
      'which file is imported',
      { ...files, 'lib/factor': 'not this', 'lib/factor.js': 'export const factor = 1;', 'lib/factor.ts': 'export const factor = 45;' },
      '45',
    ],
  ])('does not take what was made before a change of %s', async (_, changed, wanted) => {
    const cache = new SourceCache(plenty);
    await load(makeFolder(files), cache);
    const base = makeFolder(changed);
    if (wanted === '45') unlinkSync(path.join(base, 'lib/factor'));
    expect(await failureOf(() => load(base, cache, withoutBundling))).toMatchObject({ code: 'source.invalid' });
    expect((await load(base, cache)).code).toContain(wanted);
    expect((await load(base, cache, withoutBundling)).code).toContain(wanted);
  });

  it('is no way around the base folder', async () => {
    const cache = new SourceCache(plenty);
    const folder = makeFolder({ 'base/main.ts': files['main.ts'] as string, 'base/lib/factor.ts': files['lib/factor.ts'] as string });
    const base = path.join(folder, 'base');
    await load(base, cache);
    // The same text, by a link that leads out.
    renameSync(path.join(base, 'lib/factor.ts'), path.join(folder, 'factor.ts'));
    symlinkSync('../../factor.ts', path.join(base, 'lib/factor.ts'));
    expect(await failureOf(() => load(base, cache))).toMatchObject({ code: 'source.outside' });
  });

  it('tells a file that went', async () => {
    const cache = new SourceCache(plenty);
    const base = makeFolder(files);
    await load(base, cache);
    rmSync(path.join(base, 'lib'), { recursive: true });
    expect(await failureOf(() => load(base, cache))).toMatchObject({ code: 'source.missing', record: { file: 'main.ts', line: 1 } });
    rmSync(path.join(base, 'main.ts'));
    expect(await failureOf(() => load(base, cache))).toMatchObject({ code: 'source.missing' });
  });

  it('keeps no mistakes', async () => {
    const cache = new SourceCache(plenty);
    for (let time = 0; time < 2; time++)
      expect(await failureOf(() => load(makeFolder({ 'main.ts': 'let 1;' }), cache))).toMatchObject({ code: 'source.invalid' });
    expect(cache.characters).toBe(0);
  });

  it('has of actors that were bundled together what was made beside the same', async () => {
    const cache = new SourceCache(plenty);
    const base = openBase(makeFolder({}));
    const actors = ['a', 'b', 'c'].map((name, n) => ({ name, runtime: 'javascript', code: `export const handle = () => ${n + 100};` }) as const);
    const made = await loadJavaScriptTogether(actors, base, { cache });
    expect(made.size).toBe(3);
    expect([...(await loadJavaScriptTogether(actors, base, { cache, ...withoutBundling })).values()]).toEqual([...made.values()]);
    // A companion that changes may have been hostile: nothing is taken that was made beside another.
    const changed = actors.with(2, { ...(actors[2] as (typeof actors)[number]), code: 'export const handle = () => 109;' });
    expect((await loadJavaScriptTogether(changed, base, { cache, ...withoutBundling })).size).toBe(0);
    expect((await loadJavaScriptTogether(changed, base, { cache })).size).toBe(3);
  });

  it('holds no more than its bound, and what was used last', async () => {
    const cache = new SourceCache(100);
    for (const key of ['a', 'b', 'c', 'd']) await cache.put(key, key.repeat(25));
    await cache.get('a');
    await cache.put('e', 'e'.repeat(25));
    expect(cache.characters).toBe(100);
    expect(await cache.get('b')).toBeUndefined();
    expect(await cache.get('a')).toBe('a'.repeat(25));
    await cache.put('huge', 'x'.repeat(101));
    expect(await cache.get('huge')).toBeUndefined();
    expect(await cache.get('e')).toBe('e'.repeat(25));
  });
});

describe('a cache in a folder', () => {
  let folder = '';
  let warnings: string[] = [];

  beforeEach(() => {
    folder = path.join(makeFolder({}), 'deep/cache');
    warnings = [];
  });

  const open = async (bytes = plenty): Promise<CacheFolder> => (await CacheFolder.open(folder, bytes, (text) => warnings.push(text))) as CacheFolder;
  const cacheOf = async (bytes?: number): Promise<SourceCache> => new SourceCache(plenty, await open(bytes));
  const inside = (): string[] => readdirSync(folder);
  const only = (): string => path.join(folder, inside()[0] as string);
  const key = (n: number): string => n.toString(16).padStart(64, '0');

  it('lasts from one host to the next, for nobody but its owner', async () => {
    const base = makeFolder(files);
    const made = await load(base, await cacheOf());
    expect(await load(base, await cacheOf(), withoutBundling)).toEqual(made);
    expect(inside()).toHaveLength(1);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(only()).mode & 0o777).toBe(0o600);
    expect(warnings).toEqual([]);
  });

  it.each<readonly [string, (content: Buffer) => Buffer]>([
    ['cut off', (content) => content.subarray(0, content.length - 20)],
    ['empty', () => Buffer.alloc(0)],
    ['changed in one bit', (content) => Buffer.from(content.toString('latin1').replace('factor', 'fActor'), 'latin1')],
    ['of another form, and whole', () => Buffer.from('no')],
  ])('does not take a file that is %s, and makes it anew', async (_, damage) => {
    const base = makeFolder(files);
    const made = await load(base, await cacheOf());
    writeFileSync(only(), damage(readFileSync(only())));
    expect(await failureOf(async () => load(base, await cacheOf(), withoutBundling))).toMatchObject({ code: 'source.invalid' });
    expect(await load(base, await cacheOf())).toEqual(made);
    expect(await load(base, await cacheOf(), withoutBundling)).toEqual(made);
  });

  it('does not take a file that was made under another name, or a link', async () => {
    const cache = await open();
    await cache.write(key(1), 'one');
    renameSync(path.join(folder, key(1)), path.join(folder, key(2)));
    expect(await cache.read(key(2))).toBeUndefined();
    await cache.write(key(3), 'three');
    renameSync(path.join(folder, key(3)), path.join(folder, 'elsewhere'));
    symlinkSync('elsewhere', path.join(folder, key(3)));
    expect(await cache.read(key(3))).toBeUndefined();
  });

  it('is shared by hosts that write at once', async () => {
    const [one, two] = [await open(), await open()];
    const text = (n: number): string => `${n}`.repeat(10_000);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => Promise.all([one.write(key(n), text(n)), two.write(key(n), text(n)), one.read(key(n)), two.read(key(n))])),
    );
    for (let n = 0; n < 20; n++) expect(await two.read(key(n))).toBe(text(n));
    expect(inside()).toHaveLength(20);
    expect(warnings).toEqual([]);
  });

  it('stays below its bound', async () => {
    const cache = await open(10_000);
    for (let n = 0; n < 30; n++) await cache.write(key(n), 'x'.repeat(1_000));
    const bytes = inside().reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(10_000);
    expect(bytes).toBeGreaterThan(5_000);
    expect(await cache.read(key(29))).toBe('x'.repeat(1_000));
    await cache.write(key(99), 'x'.repeat(20_000));
    expect(await cache.read(key(99))).toBeUndefined();
  });

  it('that goes away is warned of once, and done without', async () => {
    const cache = await cacheOf();
    rmSync(folder, { recursive: true });
    await load(makeFolder(files), cache);
    await load(makeFolder({ 'main.ts': 'export const handle = () => 1;' }), cache);
    expect(warnings).toEqual([expect.stringContaining(`the cache folder ${folder} cannot be written: ENOENT`)]);
  });

  it('that cannot be used is warned of, and the host does without', async () => {
    const parent = makeFolder({ file: '', 'open/x': '' });
    chmodSync(path.join(parent, 'open'), 0o755);
    for (const [unusable, reason] of [
      ['file/cache', 'ENOTDIR'],
      ['open', 'others have access to it'],
    ] as const) {
      const told: string[] = [];
      const logger = { debug: () => undefined, info: () => undefined, warn: (text: string) => told.push(text), error: () => undefined };
      await using host = await createHost({ cache: { folder: path.join(parent, unusable) }, logger });
      expect(told).toEqual([expect.stringContaining(reason)]);
      const flow = await host.deploy({ vivarium: 1, actors: { a: { runtime: 'javascript', code: 'export const handle = (n) => n;' } }, inputs: { in: 'a' } });
      expect(await flow.actor('a').ask(3)).toBe(3);
    }
  });

  it('is granted to no actor, nor what it lies in', async () => {
    await using host = await createHost({ cache: { folder }, ceiling: 'unrestricted' });
    const deploy = (granted: string) =>
      host.deploy({
        vivarium: 1,
        actors: { a: { runtime: 'javascript', code: 'export const handle = (n) => n;', policy: { filesystem: { '/data': granted } } } },
        inputs: { in: 'a' },
      });
    const link = path.join(makeFolder({ link: { linkTo: path.dirname(folder) } }), 'link');
    for (const granted of [folder, path.dirname(folder), path.join(folder, 'inner'), link])
      expect(await failureOf(() => deploy(granted))).toMatchObject({ code: 'host.option', record: { actor: 'a' } });
    const flow = await deploy(makeFolder({}));
    expect(await flow.actor('a').ask(3)).toBe(3);
    expect(inside()).toHaveLength(1);
  });
});
