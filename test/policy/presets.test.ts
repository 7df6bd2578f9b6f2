/** The presets: what an actor may do that asks for one of them and nothing else, under a ceiling that cuts nothing away. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Access, decide, type Grant, grantPolicy, loadPolicyInput, presetNames, unrestricted } from '../../host/policy/index.ts';
import { makeFolder } from '../support/folder.ts';

const folder = path.join(import.meta.dirname, '../../sandbox-policies');
const grantOf = (preset: string, from = '/flow/vivarium.yaml'): Grant =>
  grantPolicy({ actor: 'actor', runtime: 'javascript', request: loadPolicyInput(preset, 'preset', { from }), ceiling: unrestricted });

const read = (resource: string): Access => ({ capability: 'filesystem', operation: 'read', resource });
const write = (resource: string): Access => ({ capability: 'filesystem', operation: 'write', resource });
const connect = (operation: string, resource: string): Access => ({ capability: 'network', operation, resource });
const variable = (resource: string): Access => ({ capability: 'environment', resource });
const state: Access = { capability: 'state', operation: 'put', resource: 'key' };

/** What no preset allows. */
const never: readonly Access[] = [
  read('/etc/passwd'),
  read('/'),
  write('/data/new.csv'),
  write('/work/vivarium.yaml'),
  variable('PATH'),
  variable('AWS_SECRET_ACCESS_KEY'),
  { capability: 'services', resource: 'orders.list' },
  { capability: 'secrets', resource: 'STRIPE_KEY' },
  connect('GET', 'file:///etc/passwd'),
  connect('GET', 'https://user:password@example.com/'),
  connect('GET', 'https://example.com:8443/'),
];

const get = connect('GET', 'https://example.com/a?b=c');
const post = connect('POST', 'https://example.com/');
const files = [read('/data/a/b.csv'), read('/out/report.csv'), write('/out/report.csv')];

const table: Readonly<Record<string, { readonly allowed: readonly Access[]; readonly denied: readonly Access[]; readonly limits: object }>> = {
  pure: { allowed: [], denied: [get, state, ...files], limits: { wall: 30_000, cpu: 1_000 } },
  'web-reader': {
    allowed: [get, connect('HEAD', 'https://sub.example.org/x')],
    denied: [post, connect('DELETE', 'https://example.com/'), connect('GET', 'http://example.com/'), connect('GET', 'wss://example.com/'), state, ...files],
    limits: { wall: 60_000, cpu: 1_000 },
  },
  'data-worker': { allowed: files, denied: [get, post, state, read('/work/a')], limits: { wall: 600_000, cpu: 300_000, memory: 512 * 1024 ** 2 } },
  'service-client': {
    allowed: [get, post, connect('PATCH', 'https://api.example.com/v1/orders/7'), connect('GET', 'wss://example.com/'), state],
    denied: [connect('GET', 'http://example.com/'), ...files],
    limits: { wall: 60_000, cpu: 1_000 },
  },
  'trusted-local': {
    allowed: [get, post, connect('GET', 'http://example.com/'), read('/work/notes.txt'), write('/out/report.csv'), variable('LANG'), variable('USER'), state],
    denied: [read('/data/a'), variable('HOME'), connect('GET', 'ws://example.com/')],
    limits: { wall: 3_600_000, cpu: 1_800_000, memory: 1024 ** 3 },
  },
};

test('the table has every preset', () => {
  expect(Object.keys(table).toSorted()).toEqual(presetNames());
});

describe.each(Object.entries(table))('%s', (preset, { allowed, denied, limits }) => {
  const grant = grantOf(preset);

  test.each(allowed.map((access) => [access.capability, access.resource, access] as const))('allows %s %s', (_capability, _resource, access) => {
    expect(decide(grant, access)).toMatchObject({ allowed: true, rule: { file: `${preset} (preset)` } });
  });

  test.each([...denied, ...never].map((access) => [access.capability, access.resource, access] as const))('denies %s %s', (_capability, _resource, access) => {
    expect(decide(grant, access)).toMatchObject({ allowed: false });
  });

  test('has limits that do not contradict each other', () => {
    expect(grant.limits).toMatchObject(limits);
    expect(grant.limits.cpu).toBeLessThanOrEqual(grant.limits.wall);
  });

  test('says what it is for, and is listed in the documentation', () => {
    expect(readFileSync(path.join(folder, `${preset}.yaml`), 'utf8')).toMatch(new RegExp(`^# ${preset}: .+\\.\\n#\\n(# .+\\n){2,}`));
    expect(readFileSync(path.join(import.meta.dirname, '../../docs/reference/policy.md'), 'utf8')).toContain(`| \`${preset}\` |`);
  });
});

describe('folders of a preset', () => {
  const hostsOf = (grant: Grant): readonly string[] => grant.filesystem.map(({ host }) => host);

  test('lie beside the manifest that names it', () => {
    expect(hostsOf(grantOf('data-worker', '/flows/shop/vivarium.yaml'))).toEqual(['/flows/shop/data', '/flows/shop/out']);
  });

  test('lie beside the policy file that extends it, also where both name it', () => {
    const base = makeFolder({ 'policies/worker.yaml': 'extends: data-worker\nlimits: { wall: 1h }\n' });
    const from = path.join(base, 'vivarium.yaml');
    const load = (input: string) =>
      grantPolicy({ actor: 'a', runtime: 'python', request: loadPolicyInput(input, 'test', { from }), ceiling: unrestricted }).filesystem;
    expect(load('./policies/worker.yaml').map(({ host }) => host)).toEqual([path.join(base, 'policies/data'), path.join(base, 'policies/out')]);
    expect(load('data-worker').map(({ host }) => host)).toEqual([path.join(base, 'data'), path.join(base, 'out')]);
    expect(() => loadPolicyInput(['./policies/worker.yaml', 'data-worker'], 'test', { from })).toThrow('mounted twice');
  });
});
