/** The store by itself: what a file of it keeps, what is counted, and who may share it. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import type { Owner, StateOperation } from '../../host/store/state.ts';
import { Store } from '../../host/store/store.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';

const owner: Owner = { namespace: 'shop', actor: 'counter' };
const quota = 1024 * 1024;

const openStore = (file?: string): Store => {
  const store = new Store({ path: file });
  onTestFinished(() => store.close());
  return store;
};
const put = (store: Store, key: string, value: string | Uint8Array, rest: Partial<Extract<StateOperation, { is: 'put' }>> = {}) =>
  store.perform({ is: 'put', owner, key, value, expected: undefined, quota, ...rest });
const get = (store: Store, key: string, of = owner) => store.perform({ is: 'get', owner: of, key });
const inFolder = (name: string): string => path.join(makeFolder({}), name);

describe('a store in a file', () => {
  test('keeps values and versions, text as text and bytes as bytes, when it is opened again', async () => {
    const file = inFolder('state.db');
    const first = new Store({ path: file });
    await put(first, 'text', '{"a":"\\u0000😀"}');
    await put(first, 'bytes', new Uint8Array([0, 255, 1]));
    await first.close();
    const second = openStore(file);
    expect(await get(second, 'text')).toEqual({ value: '{"a":"\\u0000😀"}', version: 1 });
    expect(await get(second, 'bytes')).toEqual({ value: new Uint8Array([0, 255, 1]), version: 2 });
    expect(await put(second, 'more', '1')).toEqual({ version: 3 });
  });

  test('is readable for its owner alone, what SQLite lays beside it too', async () => {
    const file = inFolder('state.db');
    await put(openStore(file), 'a', '1');
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect((statSync(name).mode & 0o777).toString(8), name).toBe('600');
  });

  test('is shared by two hosts, and the quota holds for both together', async () => {
    const file = inFolder('state.db');
    const stores = [openStore(file), openStore(file)];
    const puts = Array.from({ length: 200 }, (_, index) => put(stores[index % 2] as Store, `key ${index}`, 'x'.repeat(100), { quota: 10_000 }));
    const kept = (await Promise.all(puts)).filter((result) => 'version' in result);
    const database = new DatabaseSync(file, { readOnly: true });
    const { bytes, count } = database.prepare('SELECT sum(size) AS bytes, count(*) AS count FROM entries').get() as { bytes: number; count: number };
    database.close();
    expect(count).toBe(kept.length);
    expect(bytes).toBeLessThanOrEqual(10_000);
    expect(bytes).toBeGreaterThan(10_000 - 110);
    expect(new Set(kept.map((result) => 'version' in result && result.version)).size, 'versions differ').toBe(kept.length);
  });

  test('has one winner where many change the same version', async () => {
    const file = inFolder('state.db');
    const stores = [openStore(file), openStore(file)];
    const results = await Promise.all(Array.from({ length: 40 }, (_, index) => put(stores[index % 2] as Store, 'turn', String(index), { expected: null })));
    expect(results.filter((result) => 'version' in result)).toHaveLength(1);
  });

  test.for([
    ['a folder that is not there', () => inFolder('none/state.db'), 'ENOENT'],
    ['a folder', () => makeFolder({}), 'EISDIR'],
    ['a file that is no database', () => written('no database, '.repeat(100)), 'not a database'],
    ['a database of something else', () => foreign(0), 'something else'],
    ['a store of another version', () => foreign(0x56697661), 'another version'],
  ] as const)('is refused where the path is %s, and the file stays as it was', async ([, make, reason]) => {
    const file = make();
    const before = statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined;
    const error = await failureOf(() => createHost({ store: { path: file }, spare: 0 }));
    expect(error).toMatchObject({ code: 'host.option', message: expect.stringContaining(reason) });
    if (before !== undefined) expect(readFileSync(file).equals(before)).toBe(true);
  });
});

const written = (text: string): string => {
  const file = inFolder('state.db');
  writeFileSync(file, text);
  return file;
};

const foreign = (id: number): string => {
  const file = inFolder('state.db');
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE notes (text); PRAGMA application_id = ${id}; PRAGMA user_version = 99`);
  database.close();
  return file;
};

describe('what an owner keeps', () => {
  test('is apart from that of every other, whatever their names are', async () => {
    const store = openStore();
    const owners: Owner[] = [owner, { namespace: 'shop', actor: 'counter2' }, { namespace: 'shopcounter', actor: '' }, { namespace: '', actor: 'shopcounter' }];
    for (const [index, each] of owners.entries()) await put(store, 'key', String(index), { owner: each });
    for (const [index, each] of owners.entries()) expect(await get(store, 'key', each)).toMatchObject({ value: String(index) });
  });

  test('counts with at least 64 bytes for each key: a million keys do not cost more than the quota says', async () => {
    const store = openStore();
    let kept = 0;
    for (let block = 0; block < 40; block++) {
      const puts = Array.from({ length: 500 }, (_, index) => put(store, (block * 500 + index).toString(36), '1'));
      kept += (await Promise.all(puts)).filter((result) => 'version' in result).length;
    }
    expect(kept).toBe(quota / 64);
  });

  test('is counted, whatever is put, changed and deleted', async () => {
    const key = fc.constantFrom('a', 'b', 'é', '__proto__');
    const step = fc.oneof(fc.record({ key, length: fc.integer({ min: 0, max: 600 }) }), fc.record({ key }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const store = new Store();
        const model = new Map<string, string>();
        const used = () => [...model].reduce((sum, [name, value]) => sum + Math.max(64, Buffer.byteLength(name) + value.length), 0);
        for (const each of steps) {
          if (!('length' in each)) {
            expect(await store.perform({ is: 'delete', owner, key: each.key, expected: undefined })).toEqual({ deleted: model.delete(each.key) });
            continue;
          }
          const before = new Map(model);
          model.set(each.key, 'x'.repeat(each.length));
          const fits = used() <= 1500;
          const result = await put(store, each.key, 'x'.repeat(each.length), { quota: 1500 });
          expect('version' in result).toBe(fits);
          if (!fits) {
            model.clear();
            for (const [name, value] of before) model.set(name, value);
          }
        }
        for (const [name, value] of model) expect(await get(store, name)).toMatchObject({ value });
        await store.close();
      }),
      { numRuns: 15 },
    );
  });

  test('can shrink where the quota became smaller than what is kept', async () => {
    const store = openStore();
    await put(store, 'large', 'x'.repeat(5000));
    expect(await put(store, 'large', 'x'.repeat(4000), { quota: 1024 })).toMatchObject({ version: 2 });
    expect(await put(store, 'large', 'x'.repeat(4001), { quota: 1024 })).toMatchObject({ needed: 4006 });
    expect(await put(store, 'other', 'x', { quota: 1024 })).toMatchObject({ needed: 4069 });
  });
});

test('a host that is started again on the same file finds the state of its actors', async () => {
  const file = inFolder('state.db');
  const visits = async (): Promise<unknown> => {
    await using host = await createHost({ ceiling: 'unrestricted', store: { path: file }, spare: 0 });
    const code = `export async function handle(_, { state }) {
      const { value = 0, version = null } = (await state.get('visits')) ?? {};
      await state.put('visits', value + 1, { if: version });
      return value + 1;
    }`;
    const flow = await host.deploy({ vivarium: 1, actors: { visits: { runtime: 'javascript', code, policy: { state: '1KiB' } } } });
    return await flow.actor('visits').ask(null);
  };
  expect([await visits(), await visits(), await visits()]).toEqual([1, 2, 3]);
});

test('the thread of a store goes with it, and nothing can be asked of it any more', async () => {
  const file = inFolder('state.db');
  mkdirSync(path.dirname(file), { recursive: true });
  const store = new Store({ path: file });
  const pending = put(store, 'a', '1');
  await store.close();
  expect(await pending).toEqual({ version: 1 });
  expect(await failureOf(() => get(store, 'a'))).toMatchObject({ code: 'host.closed' });
});

test('a program waits until its store is closed, and ends then', async () => {
  const file = inFolder('state.db');
  const store = path.join(import.meta.dirname, '../../host/store/store.ts');
  const code = `const { Store } = await import(${JSON.stringify(store)});
    const store = new Store({ path: ${JSON.stringify(file)} });
    const owner = { namespace: 'shop', actor: 'counter' };
    await store.perform({ is: 'put', owner, key: 'a', value: '1', expected: undefined, quota: 1024 });
    await store.close();
    console.log('closed');`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
  expect([stdout, stderr]).toEqual(['closed\n', '']);
});
