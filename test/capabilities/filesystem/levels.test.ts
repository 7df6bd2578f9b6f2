/** What the levels above a request bound, when its folders lie within theirs: where links lead, and how much is written. */
import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPolicyInput, type PolicyInput } from '../../../host/policy/load.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { type FileGuest, FileHost } from './guest.ts';

const ceilingOf = (input: PolicyInput) => loadPolicyInput(input, 'ceiling.policy.yaml', { from: '/srv/ceiling.policy.yaml' });
const written = (path: string, quota?: string) => ({ path, access: 'read-write' as const, ...(quota !== undefined && { quota }) });

describe('a requested folder that is a link, within a folder that a level grants', () => {
  const stage = () => {
    const folder = makeFolder({ 'tenant/plain/file': 'inside', 'tenant/plain/private/key': 'TOKEN', 'outside/file': 'TOKEN', 'tenants/file': 'TOKEN' });
    return { folder, tenant: join(folder, 'tenant'), host: new FileHost() };
  };

  test.each([
    ['relative', '../outside'],
    ['absolute', (folder: string) => join(folder, 'outside')],
    ['to a folder whose name begins alike', '../tenants'],
    ['to the folder above', '..'],
    ['to the top', '/'],
  ])('is no way out of it: %s', async (_, target) => {
    const { folder, tenant, host } = stage();
    symlinkSync(typeof target === 'string' ? target : target(folder), join(tenant, 'link'));
    const guest = host.guest({ filesystem: { '/x': written(join(tenant, 'link')) } }, ceilingOf({ filesystem: { '/t': written(tenant) } }));
    for (const [operation, request] of [
      ['readFile', { path: '/x/file' }],
      ['list', { path: '/x' }],
      ['stat', { path: '/x' }],
      ['writeFile', { path: '/x/new', data: new Uint8Array(1) }],
    ] as const)
      expect([operation, await guest.refusal(operation, request)]).toEqual([operation, 'EACCES']);
    expect(readdirSync(join(folder, 'outside'))).toEqual(['file']);
  });

  test('nor is a link on the way to it', async () => {
    const { folder, tenant, host } = stage();
    mkdirSync(join(folder, 'outside/deep'));
    symlinkSync('../outside', join(tenant, 'link'));
    const ceiling = ceilingOf({ filesystem: { '/t': tenant } });
    expect(await host.guest({ filesystem: { '/x': join(tenant, 'link/deep') } }, ceiling).refusal('list', { path: '/x' })).toBe('EACCES');
  });

  test('leads where the level lets it lead: further inside, or wherever the level itself names it', async () => {
    const { tenant, host } = stage();
    symlinkSync('plain', join(tenant, 'current'));
    symlinkSync('../outside', join(tenant, 'named'));
    const ceiling = ceilingOf({ filesystem: { '/t': tenant, '/n': join(tenant, 'named') } });
    const guest = host.guest({ filesystem: { '/c': join(tenant, 'current'), '/n': join(tenant, 'named') } }, ceiling);
    expect(await guest.text('/c/file')).toBe('inside');
    expect(await guest.text('/n/file')).toBe('TOKEN');
  });

  test('is no way to write what the level grants for reading only', async () => {
    const { tenant, host } = stage();
    symlinkSync('plain/private', join(tenant, 'within'));
    symlinkSync('plain', join(tenant, 'around'));
    const ceiling = ceilingOf({ filesystem: { '/t': written(tenant), '/p': join(tenant, 'plain/private') } });
    const guest = host.guest({ filesystem: { '/w': written(join(tenant, 'within')), '/a': written(join(tenant, 'around')), '/t': written(tenant) } }, ceiling);
    expect(await guest.refusal('writeFile', { path: '/w/key', data: new Uint8Array(1) })).toBe('EACCES');
    expect(await guest.refusal('writeFile', { path: '/a/private/key', data: new Uint8Array(1) })).toBe('EACCES');
    // What was asked for without a detour is granted as the level says.
    expect(await guest.text('/t/plain/private/key')).toBe('TOKEN');
    expect(await guest.refusal('writeFile', { path: '/t/plain/private/key', data: new Uint8Array(1) })).toBe('policy.denied');
    expect(await guest.refusal('writeFile', { path: '/t/plain/new', data: new Uint8Array(1) })).toMatch(/^done/);
  });

  test('control: without a level above, it is the requester’s own affair', async () => {
    const { tenant, host } = stage();
    symlinkSync('../outside', join(tenant, 'link'));
    expect(await host.guest({ filesystem: { '/x': join(tenant, 'link') } }).text('/x/file')).toBe('TOKEN');
  });
});

describe('the quota of a level', () => {
  const numbers = [0, 1, 2, 3, 4];
  const stage = () => {
    const tenant = makeFolder(Object.fromEntries(numbers.map((n) => [`${n}/empty`, ''])));
    const request = (quota?: string) => ({ filesystem: Object.fromEntries(numbers.map((n) => [`/${n}`, written(join(tenant, String(n)), quota)])) });
    const used = () =>
      numbers.flatMap((n) => readdirSync(join(tenant, String(n))).map((name) => statSync(join(tenant, `${n}/${name}`)).size)).reduce((sum, size) => sum + size);
    return { tenant, request, used, host: new FileHost() };
  };
  const write = (guest: FileGuest, path: string, bytes: number) => guest.refusal('writeFile', { path, data: new Uint8Array(bytes) });

  test('holds for all requested folders below it together, whoever writes', async () => {
    const { tenant, request, used, host } = stage();
    const ceiling = ceilingOf({ filesystem: { '/t': written(tenant, '10KiB') } });
    const guests = [host.guest(request(), ceiling), host.guest(request('5KiB'), ceiling)];
    const told = await Promise.all(guests.flatMap((guest, who) => numbers.map((n) => write(guest, `/${n}/${who}`, 2_000))));
    expect(told.filter((each) => each.startsWith('done'))).toHaveLength(5);
    expect(new Set(told)).toEqual(new Set(['done: null', 'limit.quota']));
    expect(used()).toBe(10_000);
    expect(host.defects).toEqual([]);
  });

  test('is told as that of a level, without where it lies', async () => {
    const { tenant, request, host } = stage();
    const guest = host.guest(request(), ceilingOf({ filesystem: { '/t': written(tenant, '10KiB') } }));
    await write(guest, '/0/a', 9_000);
    expect(await failureOf(() => guest.call('writeFile', { path: '/1/a', data: new Uint8Array(5_000) }))).toMatchObject({
      code: 'limit.quota',
      message: 'what lies around `/1` may hold 10KiB: 9000 bytes are taken, and 5000 more were to be written',
      record: { name: 'EDQUOT', hint: 'Remove files; or raise the quota of the level above that grants the folder around it.' },
    });
    await guest.call('remove', { path: '/0/a' });
    expect(await write(guest, '/1/a', 5_000)).toMatch(/^done/);
  });

  test('each of several levels keeps its own', async () => {
    const { tenant, host } = stage();
    const namespace = ceilingOf({ filesystem: { '/n': written(join(tenant, '0'), '4KiB'), '/m': written(join(tenant, '1')) } });
    const ceiling = ceilingOf({ filesystem: { '/t': written(tenant, '6KiB') } });
    mkdirSync(join(tenant, '0/deep'));
    const guest = host.guest({ filesystem: { '/d': written(join(tenant, '0/deep')), '/1': written(join(tenant, '1')) } }, ceiling, namespace);
    expect(await write(guest, '/d/a', 5_000)).toBe('limit.quota');
    expect(await write(guest, '/d/a', 4_000)).toMatch(/^done/);
    expect(await write(guest, '/1/a', 3_000)).toBe('limit.quota');
    expect(await write(guest, '/1/a', 2_000)).toMatch(/^done/);
  });

  test('so does a request of which a level grants several pieces', async () => {
    const { tenant, used, host } = stage();
    const ceiling = ceilingOf({ filesystem: { '/0': written(join(tenant, '0')), '/1': written(join(tenant, '1')) } });
    const guest = host.guest({ filesystem: { '/t': written(tenant, '1KiB') } }, ceiling);
    expect(await write(guest, '/t/0/a', 1_000)).toMatch(/^done/);
    expect(await write(guest, '/t/1/a', 1_000)).toBe('limit.quota');
    expect(used()).toBe(1_000);
  });
});
