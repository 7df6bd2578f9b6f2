import { describe, expect, test } from 'vitest';
import { grantedServices, grantLines, grantPolicy, refusalText, unrestricted } from '../../host/policy/grant.ts';
import type { PolicyInput } from '../../host/policy/load.ts';
import { defaultLimits } from '../../runtimes/limits.ts';
import { policyOf } from './policies.ts';

interface Levels {
  readonly request: PolicyInput;
  readonly namespace?: PolicyInput;
  readonly ceiling?: PolicyInput | typeof unrestricted;
}

const grantOf = ({ request, namespace, ceiling }: Levels) =>
  grantPolicy({
    actor: 'score',
    runtime: 'javascript',
    request: policyOf(request, 'request'),
    ...(namespace !== undefined && { namespace: policyOf(namespace, 'namespace') }),
    ...(ceiling !== undefined && { ceiling: ceiling === unrestricted ? unrestricted : policyOf(ceiling, 'ceiling') }),
  });

const lines = (levels: Levels): readonly string[] => grantLines(grantOf(levels));

describe('granted = request ∩ namespace ∩ ceiling', () => {
  test.each<Levels & { readonly name: string; readonly granted: readonly string[] }>([
    { name: 'the ceiling is `pure` unless somebody says otherwise', request: { services: ['orders.list'], environment: { A: 'optional' } }, granted: [] },
    { name: 'an unrestricted ceiling cuts nothing away', request: { services: ['orders.list'] }, ceiling: unrestricted, granted: ['services: [orders.list]'] },
    { name: 'a ceiling adds nothing', request: {}, ceiling: { services: ['orders.*'], environment: { A: 'required' }, limits: { wall: '2m' } }, granted: [] },
    {
      name: 'the narrower pattern remains',
      request: { services: ['orders.*', 'stock.count'] },
      ceiling: { services: ['orders.list', 'stock.*'] },
      granted: ['services: [orders.list]', 'services: [stock.count]'],
    },
    {
      name: 'one wide request, two narrow grants',
      request: { services: ['orders.*'] },
      ceiling: { services: ['orders.list', 'orders.find', 'users.*'] },
      granted: ['services: [orders.list]', 'services: [orders.find]'],
    },
    {
      name: 'what two grants allow is granted once',
      request: { services: ['orders.list'] },
      ceiling: { services: ['orders.*', 'orders.list'] },
      granted: ['services: [orders.list]'],
    },
    {
      name: 'the namespace cuts before the ceiling',
      request: { services: ['a.x', 'a.y', 'a.z'] },
      namespace: { services: ['a.x', 'a.y'] },
      ceiling: { services: ['a.y', 'a.z'] },
      granted: ['services: [a.y]'],
    },
    {
      name: 'a namespace that says nothing grants nothing',
      request: { services: ['a.x'] },
      namespace: { limits: { wall: '1s' } },
      ceiling: unrestricted,
      granted: ['limits: { wall: 1s }'],
    },
    {
      name: 'the need of a variable is the affair of the request',
      request: { environment: { A: 'required', B: { default: 'x' } } },
      ceiling: { environment: { A: 'optional', B: 'required' } },
      granted: ['environment: { A: required }', 'environment: { B: { default: x } }'],
    },
    {
      name: 'a folder within a granted folder',
      request: { filesystem: { '/data': '/srv/shop/data' } },
      ceiling: { filesystem: { '/shop': '/srv/shop' } },
      granted: ['filesystem: { /data: /srv/shop/data }'],
    },
    {
      name: 'a folder around a granted folder',
      request: { filesystem: { '/data': '/srv' } },
      ceiling: { filesystem: { '/shop': '/srv/shop' } },
      granted: ['filesystem: { /data/shop: /srv/shop }'],
    },
    {
      name: 'a folder beside a granted folder',
      request: { filesystem: { '/data': '/srv/shop-2' } },
      ceiling: { filesystem: { '/shop': '/srv/shop' } },
      granted: [],
    },
    {
      name: 'writing needs both',
      request: { filesystem: { '/a': { path: '/srv/a', access: 'read-write', quota: '5MiB' } } },
      ceiling: { filesystem: { '/a': '/srv/a' } },
      granted: ['filesystem: { /a: /srv/a }'],
    },
    {
      name: 'of quotas the smaller',
      request: { filesystem: { '/a': { path: '/srv/a', access: 'read-write', quota: '5MiB' } } },
      ceiling: { filesystem: { '/a': { path: '/srv/a', access: 'read-write', quota: '1MiB' } } },
      granted: ['filesystem: { /a: { path: /srv/a, access: read-write, quota: 1MiB } }'],
    },
    {
      name: 'a quota where none was asked for',
      request: { filesystem: { '/a': { path: '/srv/a', access: 'read-write' } } },
      ceiling: { filesystem: { '/a': { path: '/srv/a', access: 'read-write', quota: '1MiB' } } },
      granted: ['filesystem: { /a: { path: /srv/a, access: read-write, quota: 1MiB } }'],
    },
    {
      name: 'the quota of a level for all folders below it together, its own line where it is larger',
      request: {
        filesystem: { '/a': { path: '/srv/t/a', access: 'read-write' }, '/b': { path: '/srv/t/b', access: 'read-write', quota: '1MiB' }, '/c': '/srv/t/c' },
      },
      namespace: { filesystem: { '/t': { path: '/srv/t', access: 'read-write', quota: '5MiB' } } },
      ceiling: { filesystem: { '/': { path: '/srv', access: 'read-write', quota: '9MiB' } } },
      granted: [
        'filesystem: { /a: { path: /srv/t/a, access: read-write, quota: 5MiB } }  # 5MiB for all of /srv/t  # 9MiB for all of /srv',
        'filesystem: { /b: { path: /srv/t/b, access: read-write, quota: 1MiB } }  # 5MiB for all of /srv/t  # 9MiB for all of /srv',
        'filesystem: { /c: /srv/t/c }',
      ],
    },
    {
      name: 'a quota that was asked for the whole for all pieces of it together',
      request: { filesystem: { '/t': { path: '/srv/t', access: 'read-write', quota: '1MiB' } } },
      ceiling: { filesystem: { '/a': { path: '/srv/t/a', access: 'read-write' }, '/b': '/srv/t/b' } },
      granted: ['filesystem: { /t/a: { path: /srv/t/a, access: read-write, quota: 1MiB } }  # 1MiB for all of /srv/t', 'filesystem: { /t/b: /srv/t/b }'],
    },
    {
      name: 'a host below a granted domain',
      request: { network: { allow: ['https://api.example.org/v1/*'] } },
      ceiling: { network: { allow: ['https://*.example.org'] } },
      granted: ['network: { allow: ["https://api.example.org/v1/*"] }'],
    },
    {
      name: 'hosts, paths and methods in common',
      request: { network: { allow: [{ url: 'https://*.example.org/v1/*', methods: ['GET', 'POST'] }] } },
      ceiling: { network: { allow: [{ url: 'https://api.example.org/*', methods: ['GET'] }] } },
      granted: ['network: { allow: [{ url: "https://api.example.org/v1/*", methods: [GET] }] }'],
    },
    {
      name: 'no method in common',
      request: { network: { allow: [{ url: 'https://a.org', methods: ['POST'] }] } },
      ceiling: { network: { allow: [{ url: 'https://a.org', methods: ['GET'] }] } },
      granted: [],
    },
    {
      name: 'another scheme, another port',
      request: { network: { allow: ['http://a.org', 'https://a.org:8443'] } },
      ceiling: { network: { allow: ['https://a.org'] } },
      granted: [],
    },
    {
      name: 'denials unite',
      request: { network: { allow: ['https://*.a.org'], deny: ['https://x.a.org'] } },
      ceiling: { network: { allow: ['https://*'], deny: ['https://y.a.org'] } },
      granted: ['network: { allow: ["https://*.a.org"] }', 'network: { deny: ["https://x.a.org"] }', 'network: { deny: ["https://y.a.org"] }'],
    },
    {
      name: 'a secret as it is granted',
      request: { secrets: { K: { to: ['https://a.org', 'https://b.org'], header: 'Authorization', format: 'Bearer {}' } } },
      ceiling: { secrets: { K: { to: 'https://a.org', header: 'authorization', format: 'Bearer {}' } } },
      granted: ['secrets: { K: { to: "https://a.org", header: authorization, format: "Bearer {}" } }'],
    },
    {
      name: 'the secret of another header',
      request: { secrets: { K: { to: 'https://a.org', header: 'x-key' } } },
      ceiling: { secrets: { K: { to: 'https://a.org', header: 'authorization' } } },
      granted: [],
    },
    {
      name: 'within one level statements unite',
      request: [{ services: ['a.x'] }, { services: ['a.y'], limits: { wall: '1s' } }, { limits: { wall: '3s' } }],
      ceiling: unrestricted,
      granted: ['services: [a.x]', 'services: [a.y]', 'limits: { wall: 3s }'],
    },
  ])('$name', ({ granted, ...levels }) => {
    expect(lines(levels)).toEqual(granted);
  });
});

describe('limits take the minimum', () => {
  test.each<Levels & { readonly name: string; readonly wall: number; readonly memory: number }>([
    { name: 'nothing is said', request: {}, wall: 30_000, memory: 64 },
    { name: 'an author lowers', request: { limits: { wall: '2s', memory: '32MiB' } }, wall: 2000, memory: 32 },
    { name: 'an author cannot raise', request: { limits: { wall: '60s', memory: '1GiB' } }, wall: 30_000, memory: 64 },
    { name: 'an operator can let authors raise', request: { limits: { wall: '60s' } }, ceiling: { limits: { wall: '45s' } }, wall: 45_000, memory: 64 },
    { name: 'an operator lowers what nobody asked for', request: {}, ceiling: { limits: { wall: '1s', memory: '16MiB' } }, wall: 1000, memory: 16 },
    { name: 'a namespace lowers', request: { limits: { wall: '20s' } }, namespace: { limits: { wall: '5s' } }, wall: 5000, memory: 64 },
    { name: 'a namespace cannot raise', request: { limits: { wall: '60s' } }, namespace: { limits: { wall: '50s' } }, wall: 30_000, memory: 64 },
    {
      name: 'the least of three',
      request: { limits: { wall: '40s' } },
      namespace: { limits: { wall: '35s' } },
      ceiling: { limits: { wall: '50s' } },
      wall: 35_000,
      memory: 64,
    },
    { name: 'unrestricted', request: { limits: { wall: '1h', memory: '4GiB' } }, ceiling: unrestricted, wall: 3_600_000, memory: 4096 },
  ])('$name', ({ wall, memory, ...levels }) => {
    const { limits } = grantOf(levels);
    expect([limits.wall, limits.memory / 1024 ** 2]).toEqual([wall, memory]);
  });

  test('each runtime has its defaults', () => {
    const limitsOf = (runtime: 'python' | 'wasm') => grantPolicy({ actor: 'a', runtime, request: policyOf({}) }).limits;
    expect(limitsOf('python')).toEqual(defaultLimits.python);
    expect(limitsOf('wasm')).toEqual(defaultLimits.wasm);
  });

  test('a limit knows who set it', () => {
    const { limitOrigins } = grantOf({ request: { limits: { wall: '2s', cpu: '900ms' } }, ceiling: { limits: { wall: '1s' } } });
    expect([limitOrigins.wall?.file, limitOrigins.cpu?.file, limitOrigins.memory]).toEqual(['ceiling', 'request', undefined]);
  });
});

describe('what is not granted is said', () => {
  test('with its place, the level that refuses, and the line that would allow it', () => {
    const { refused } = grantOf({
      request: { services: ['orders.*', 'users.find'], filesystem: { '/a': { path: './a', access: 'read-write' } }, limits: { wall: '60s' } },
      namespace: { services: ['orders.*'], filesystem: { '/a': { path: '.', access: 'read-write' } } },
      ceiling: { services: ['orders.list'], filesystem: { '/a': '.' }, limits: { wall: '40s' } },
    });
    expect(refused.map(refusalText)).toEqual([
      'request: services: [users.find] is not granted: the policy of the namespace would need `services: [users.find]`',
      'request: services: [orders.*] is granted in part only: the ceiling of the operator would need `services: [orders.*]`',
      'request: filesystem: { /a: { path: ./a, access: read-write } } is granted in part only: the ceiling of the operator would need `filesystem: { /a: { path: /srv/a, access: read-write } }`',
      'request: limits: { wall: 1m } is granted in part only: the ceiling of the operator would need `limits: { wall: 1m }`',
    ]);
  });

  test('nothing is said where all is granted', () => {
    expect(grantOf({ request: { services: ['a.b'], limits: { wall: '1s' } }, ceiling: { services: ['a.*'] } }).refused).toEqual([]);
  });
});

describe('a grant', () => {
  test('is frozen through and through', () => {
    const grant = grantOf({ request: { services: ['a.b'] }, ceiling: unrestricted });
    expect([grant, grant.services, grant.services[0], grant.limits, grant.refused, grant.network.deny].every(Object.isFrozen)).toBe(true);
  });

  test('shows of the offered services those that are granted', () => {
    const grant = grantOf({ request: { services: ['orders.*', 'users.find'] }, ceiling: { services: ['orders.*', 'users.*'] } });
    expect(grantedServices(grant, ['users.find', 'users.drop', 'orders.list', 'orders.find', 'ordersx.list'])).toEqual([
      'orders.find',
      'orders.list',
      'users.find',
    ]);
  });

  test('refuses rules that overlap in thousands of ways', () => {
    const chain = Array.from({ length: 128 }, (_, index) => `https://*/${'a'.repeat(index + 1)}*`);
    const hosts = Array.from({ length: 128 }, (_, index) => `https://h${index}.example.org`);
    expect(() => grantOf({ request: { network: { allow: chain } }, ceiling: { network: { allow: hosts } } })).toThrow(
      expect.objectContaining({ code: 'policy.invalid' }),
    );
  });
});
