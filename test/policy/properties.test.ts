import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Access, decide } from '../../host/policy/decide.ts';
import { type Grant, grantPolicy, unrestricted } from '../../host/policy/grant.ts';
import { type LimitName, limitKinds, limitNames } from '../../host/policy/limits.ts';
import type { ResolvedPolicy } from '../../host/policy/resolve.ts';
import type { PolicyStatement } from '../../host/policy/schema.ts';
import { defaultLimits } from '../../runtimes/limits.ts';
import { policyOf } from './policies.ts';

// Few names, so that policies meet often.
const segment = fc.constantFrom('a', 'b', 'c');
const service = fc.oneof(
  fc.tuple(segment, fc.oneof(segment, fc.constant('*'))).map(([group, name]) => `${group}.${name}`),
  fc.tuple(segment, segment, fc.oneof(segment, fc.constant('*'))).map((parts) => parts.join('.')),
);
const folder = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const mount = fc.oneof(
  folder,
  fc.record({ path: folder, access: fc.constantFrom('read' as const, 'read-write' as const) }),
  fc.record({ path: folder, access: fc.constant('read-write' as const), quota: fc.integer({ min: 1, max: 9 }) }),
);
const host = fc.constantFrom('x.org', 'a.x.org', 'b.a.x.org', '*.x.org', '*.a.x.org', '*');
const path = fc.constantFrom('', '/', '/v1', '/v1/*', '/v1/a', '/v*', '/*', '/%76%31/a');
const url = fc
  .tuple(fc.constantFrom('https', 'http'), host, fc.constantFrom('', ':8443'), path)
  .map(([scheme, name, port, rest]) => `${scheme}://${name}${port}${rest}`);
const networkRule = fc.oneof(url, fc.record({ url, methods: fc.uniqueArray(fc.constantFrom('GET', 'POST', 'PUT'), { minLength: 1 }) }));
const limits = fc.record(
  { wall: fc.integer({ min: 1000, max: 100_000 }), memory: fc.integer({ min: 16, max: 512 }).map((size) => `${size}MiB`), timers: fc.nat(5000) },
  { requiredKeys: [] },
);

const statement: fc.Arbitrary<PolicyStatement> = fc.record(
  {
    services: fc.uniqueArray(service, { maxLength: 4 }),
    environment: fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('required' as const, 'optional' as const)),
    filesystem: fc.dictionary(folder, mount, { maxKeys: 3 }),
    network: fc.record({ allow: fc.array(networkRule, { maxLength: 4 }) }),
    limits,
  },
  { requiredKeys: [] },
);

/** A policy; a set of rules that contradict each other is no policy, and is left out. */
const policy: fc.Arbitrary<ResolvedPolicy> = statement
  .map((written) => {
    try {
      return policyOf(written);
    } catch {
      return null;
    }
  })
  .filter((candidate) => candidate !== null);

const access: fc.Arbitrary<Access> = fc.oneof(
  fc.array(segment, { minLength: 2, maxLength: 3 }).map((parts): Access => ({ capability: 'services', resource: parts.join('.') })),
  fc.constantFrom('A', 'B', 'C').map((resource): Access => ({ capability: 'environment', resource })),
  fc
    .tuple(folder, fc.constantFrom('read' as const, 'write' as const))
    .map(([resource, operation]): Access => ({ capability: 'filesystem', resource, operation })),
  fc
    .tuple(
      fc.constantFrom('https', 'http'),
      fc.constantFrom('x.org', 'a.x.org', 'c.b.a.x.org', 'X.org.', 'y.org'),
      fc.constantFrom('', ':8443'),
      fc.constantFrom('', '/v1', '/v1/a', '/v1/../w', '/%761/a'),
      fc.constantFrom('GET', 'POST'),
    )
    .map(([scheme, name, port, rest, operation]): Access => ({ capability: 'network', resource: `${scheme}://${name}${port}${rest}`, operation })),
);

const grantOf = (request: ResolvedPolicy, namespace: ResolvedPolicy | null, ceiling: ResolvedPolicy | typeof unrestricted): Grant =>
  grantPolicy({ actor: 'a', runtime: 'javascript', request, namespace, ceiling });

const allows = (grant: Grant, wanted: Access): boolean => decide(grant, wanted).allowed;

/** What a level would allow by itself: the grant of a request that says the same, with nothing above it. */
const alone = (level: ResolvedPolicy): Grant => grantOf(level, null, unrestricted);

describe('composition only ever shrinks', () => {
  test('what is granted was requested', () => {
    fc.assert(
      fc.property(policy, policy, policy, access, (request, namespace, ceiling, wanted) => {
        if (allows(grantOf(request, namespace, ceiling), wanted)) expect(allows(alone(request), wanted)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a folder leads where the request led', () => {
    fc.assert(
      fc.property(policy, policy, policy, folder, (request, namespace, ceiling, resource) => {
        const grant = grantOf(request, namespace, ceiling);
        if (allows(grant, { capability: 'filesystem', operation: 'read', resource }))
          expect(placeOnHost(grant, resource)).toBe(placeOnHost(alone(request), resource));
      }),
      { numRuns: 3000 },
    );
  });

  test('what is granted is granted by each level; of folders, by host path', () => {
    fc.assert(
      fc.property(policy, policy, policy, access, (request, namespace, ceiling, wanted) => {
        const grant = grantOf(request, namespace, ceiling);
        if (!allows(grant, wanted)) return;
        for (const level of [namespace, ceiling]) expect(grantedBy(level, grant, wanted)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('what every level allows is granted', () => {
    fc.assert(
      fc.property(policy, policy, access, (request, ceiling, wanted) => {
        if (wanted.capability === 'filesystem' || !allows(alone(request), wanted) || !allows(alone(ceiling), wanted)) return;
        expect(allows(grantOf(request, null, ceiling), wanted)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a level more never allows more', () => {
    fc.assert(
      fc.property(policy, policy, policy, access, (request, namespace, ceiling, wanted) => {
        if (allows(grantOf(request, namespace, ceiling), wanted)) expect(allows(grantOf(request, null, ceiling), wanted)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('control: uniting the levels instead would be found out', () => {
    const united = fc.property(policy, policy, access, (request, ceiling, wanted) => {
      expect(!(allows(alone(request), wanted) || allows(alone(ceiling), wanted)) || allows(alone(request), wanted)).toBe(true);
    });
    expect(fc.check(united, { numRuns: 2000 }).failed).toBe(true);
  });
});

describe('limits', () => {
  const bound = (level: ResolvedPolicy, name: LimitName): number => level.limits[name]?.value ?? Number.POSITIVE_INFINITY;

  test('no limit exceeds the least of the levels', () => {
    fc.assert(
      fc.property(policy, policy, policy, (request, namespace, ceiling) => {
        const { limits: granted } = grantOf(request, namespace, ceiling);
        for (const name of limitNames) {
          const usual = defaultLimits.javascript[name];
          const asked = request.limits[name]?.value ?? usual;
          const most = ceiling.limits[name]?.value ?? usual;
          expect(granted[name]).toBe(Math.min(asked, bound(namespace, name), most));
          expect(granted[name]).toBeLessThanOrEqual(limitKinds[name].most);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('every limit that was lowered is said', () => {
    fc.assert(
      fc.property(policy, policy, (request, ceiling) => {
        const { limits: granted, refused } = grantOf(request, null, ceiling);
        const lowered = limitNames.filter((name) => granted[name] < bound(request, name) && request.limits[name] !== undefined);
        expect(refused.filter(({ capability }) => capability === 'limits')).toHaveLength(lowered.length);
      }),
      { numRuns: 500 },
    );
  });
});

/** Whether a level grants an access that a grant allows. Folders are compared by the place on the host to which the grant leads. */
const grantedBy = (level: ResolvedPolicy, grant: Grant, wanted: Access): boolean => {
  if (wanted.capability !== 'filesystem') return allows(alone(level), wanted);
  const onHost = placeOnHost(grant, wanted.resource);
  return level.filesystem.some(
    (rule) => onHost.startsWith(rule.host === '/' ? '/' : `${rule.host}/`) && (wanted.operation === 'read' || rule.access === 'read-write'),
  );
};

/** The path on the host to which the deepest mount leads, with a final slash. */
const placeOnHost = (grant: Grant, resource: string): string => {
  const mounts = grant.filesystem.filter(({ guest }) => guest === '/' || resource === guest || resource.startsWith(`${guest}/`));
  const mount = mounts.toSorted((left, right) => right.guest.length - left.guest.length)[0];
  return mount === undefined ? 'nowhere' : `${mount.host}/${resource.slice(mount.guest.length)}/`.replaceAll(/\/+/g, '/');
};
