/** State: values that outlive instances, cells and deployments, each actor's its own, up to its quota. */
import { describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../host/index.ts';
import { type Language, languages } from './languages.ts';
import { inputsTo, setStage } from './suite.ts';

const waysOf = (language: Language): readonly string[] => (language.has('blocking') && language.has('asynchronous') ? ['', 'Now'] : ['']);
const operations = ['handle', 'put', 'remove', 'list'] as const;
const inletsOf = (language: Language): string[] => [
  ...waysOf(language).flatMap((way) => operations.map((operation) => operation + way)),
  'many',
  'wrong',
  ...(language.has('asynchronous') ? ['keep'] : []),
];

/** Lines are text in every language. */
const form = (language: Language) => (language.name === 'wasm' ? ({ input: 'text' } as const) : {});
const inputsOf = (actor: string, language: Language) => inputsTo(actor, ['in', ...inletsOf(language).filter((inlet) => inlet !== 'handle')]);
const planOf = (language: Language) => ({
  actors: {
    keeper: language.actor('state', { policy: { state: '100KiB', limits: { calls: 1000 } }, ...form(language) }),
    other: language.actor('state', { policy: { state: '2KiB' }, ...form(language) }),
    stranger: language.actor('state', form(language)),
  },
  inputs: { ...inputsOf('keeper', language), other: 'other', otherMany: 'other.many', otherPut: 'other.put', stranger: 'stranger' },
  outputs: { out: ['keeper', 'other', 'stranger'] },
});
const stage = setStage({}, planOf);

interface Told {
  readonly ok?: { readonly version: number; readonly value?: unknown; readonly entries?: readonly { key: string }[] } | null;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

const ask = async (language: Language, inlet: string, message: unknown): Promise<Told> => (await stage.flow(language).ask(inlet, message)) as Told;

const cases = languages.flatMap((language) => waysOf(language).map((way) => ({ language, way, title: `${language}${way === '' ? '' : ', without await'}` })));

describe.each(cases)('state in $title', ({ language, way }) => {
  const get = (key: string) => ask(language, `handle${way}`, key);
  const put = (key: string, value: unknown, condition = '') => ask(language, `put${way}`, `${key}\n${JSON.stringify(value)}\n${condition}`);
  const remove = (key: string, condition = '') => ask(language, `remove${way}`, `${key}\n${condition}`);
  const list = (range: object | '') => ask(language, `list${way}`, range === '' ? '' : JSON.stringify(range));

  test('is nothing at first, then what was put, then what was put again, then nothing', async () => {
    expect(await get('fruit')).toEqual({ ok: null });
    const first = await put('fruit', { name: 'pear', sizes: [1, 2.5, null], ä: '😀' });
    expect(await get('fruit')).toEqual({ ok: { value: { name: 'pear', sizes: [1, 2.5, null], ä: '😀' }, version: first.ok?.version } });
    const second = await put('fruit', 'apple');
    expect(second.ok?.version).toBeGreaterThan(first.ok?.version as number);
    expect(await get('fruit')).toEqual({ ok: { value: 'apple', version: second.ok?.version } });
    expect(await remove('fruit')).toEqual({ ok: { deleted: true } });
    expect(await remove('fruit')).toEqual({ ok: { deleted: false } });
    expect(await get('fruit')).toEqual({ ok: null });
  });

  test('changes only if the version is the one that was read', async () => {
    expect(await put('turn', 1, '7')).toEqual({ ok: { conflict: true } });
    const { ok } = await put('turn', 1, 'null');
    expect(await put('turn', 2, 'null')).toEqual({ ok: { conflict: true } });
    const again = await put('turn', 2, String(ok?.version));
    expect(await put('turn', 3, String(ok?.version))).toEqual({ ok: { conflict: true } });
    expect(await remove('turn', String(ok?.version))).toEqual({ ok: { conflict: true } });
    expect(await get('turn')).toMatchObject({ ok: { value: 2 } });
    expect(await remove('turn', String(again.ok?.version))).toEqual({ ok: { deleted: true } });
    expect((await put('turn', 9, 'null')).ok?.version, 'no version comes twice').toBeGreaterThan(again.ok?.version as number);
    await remove('turn');
  });

  test('is listed by its beginning, in order, in pages', async () => {
    const keys = ['a/1', 'a/2', 'a/3', 'a0', 'b', 'é', '😀'];
    for (const key of keys.toReversed()) await put(key, 1);
    const keysOf = ({ ok }: Told) => ok?.entries?.map(({ key }) => key);
    expect(keysOf(await list(''))).toEqual(keys);
    expect(keysOf(await list({ prefix: 'a/' }))).toEqual(['a/1', 'a/2', 'a/3']);
    expect(await list({ prefix: 'a/', most: 2 })).toMatchObject({ ok: { entries: [{ key: 'a/1' }, { key: 'a/2' }], more: true } });
    expect(await list({ prefix: 'a/', after: 'a/2', most: 2 })).toMatchObject({ ok: { entries: [{ key: 'a/3' }], more: false } });
    for (const key of keys) await remove(key);
    expect(await list('')).toEqual({ ok: { entries: [], more: false } });
  });

  test('takes any key of up to 512 bytes, and means nothing by it', async () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'a\0b', '../../etc/passwd', "'; DROP TABLE entries; --", '%', '_', '\u202e', 'k'.repeat(512)]) {
      expect(await get(key), key).toEqual({ ok: null });
      expect(await put(key, key.length)).toMatchObject({ ok: {} });
      expect(await get(key)).toMatchObject({ ok: { value: key.length } });
      expect(await get(`${key.slice(0, 500)}x`)).toEqual({ ok: null });
      expect(await remove(key)).toEqual({ ok: { deleted: true } });
    }
    for (const key of ['', 'k'.repeat(513), 'é'.repeat(257)]) expect(await put(key, 1), key).toMatchObject({ error: { code: 'message.invalid' } });
  });

  test('survives the death of its cell, and a new deployment', async () => {
    const { ok } = await put('lasting', [1, 2]);
    process.kill(stage.processOf(language.name), 'SIGKILL');
    expect(await get('lasting')).toEqual({ ok: { value: [1, 2], version: ok?.version } });
    await remove('lasting');
  });
});

describe.each(languages)('the state of an actor in %s', (language) => {
  test('is not seen by another actor, nor in another namespace', async () => {
    await ask(language, 'put', 'own\n1');
    expect(await ask(language, 'other', 'own')).toEqual({ ok: null });
    await using elsewhere = await stage.deploy(planOf(language), `${language.name}-elsewhere`);
    expect(await elsewhere.ask('handle', 'own')).toEqual({ ok: null });
    expect(await ask(language, 'handle', 'own')).toMatchObject({ ok: { value: 1 } });
  });

  test('is there again after the flow was stopped and deployed anew', async () => {
    await using first = await stage.deploy(planOf(language), `${language.name}-again`);
    await first.ask('put', 'kept\n"for long"');
    await first.stop();
    await using second = await stage.deploy(planOf(language), `${language.name}-again`);
    expect(await second.ask('handle', 'kept')).toMatchObject({ ok: { value: 'for long' } });
  });

  test('ends at its quota, however many put at once; what makes room goes on', async () => {
    // 2 KiB hold 10 keys of 5 bytes and 9 of 6, with values of 102: 2042.
    expect(await ask(language, 'otherMany', '50')).toBe(19);
    const told = await ask(language, 'otherPut', `more\n"${'x'.repeat(120)}"`);
    expect(told).toMatchObject({ error: { code: 'limit.quota', message: expect.stringContaining('2KiB'), hint: expect.stringContaining('state:') } });
    for (const key of ['key 0', 'key 1']) expect(await ask(language, 'otherPut', `${key}\n1`)).toMatchObject({ ok: {} });
    expect(await ask(language, 'otherPut', 'more\n"there is room"')).toMatchObject({ ok: {} });
  });

  test('is denied without a rule, with the line that would allow it, and audited', async () => {
    const audit: AuditEvent[] = [];
    const off = stage.host.on('audit', (event) => audit.push(event));
    const told = await ask(language, 'stranger', 'a');
    off();
    expect(told).toEqual({
      error: {
        code: 'policy.denied',
        message: '`stranger` may not keep state: no rule of its policy allows it',
        hint: 'Add `state: 1MiB` to the policy of `stranger`.',
      },
    });
    expect(audit).toMatchObject([{ actor: 'stranger', capability: 'state', operation: 'get', resource: 'a', allowed: false, rule: null }]);
  });

  test('says what is wrong with a request', async () => {
    const told = (await stage.flow(language).ask('wrong', '')) as unknown as Told[];
    expect(told.map(({ error }) => error?.code)).toEqual(['message.invalid', 'message.invalid', 'message.invalid']);
    for (const { error } of told) expect(error?.message).toMatch(/^state\.(put|get|list): /);
  });

  if (language.has('asynchronous')) {
    test('keeps every kind of message', async () => {
      const values = [null, true, 2n ** 60n, Number.NaN, 'naïve \0 😀', new Uint8Array([0, 255]), new Date(5), { list: [1.5, [{}]] }, 'x'.repeat(90_000)];
      for (const value of values) expect(await stage.flow(language).ask('keep', value)).toEqual([value]);
    });
  }
});
