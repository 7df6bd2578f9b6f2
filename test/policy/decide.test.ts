import { describe, expect, test } from 'vitest';
import { auditEvent } from '../../host/policy/audit.ts';
import { type Access, decide, denial } from '../../host/policy/decide.ts';
import { grantPolicy, unrestricted } from '../../host/policy/grant.ts';
import { parsePolicy } from '../../host/policy/load.ts';
import { emptyPolicy, resolveStatement } from '../../host/policy/resolve.ts';
import { policyOf } from './policies.ts';

const { source } = parsePolicy(
  `services: [orders.list, stock.*, users.find]
environment: { REGION: required, SECRET_ZONE: optional }
filesystem:
  /data: ./data
  /out: { path: ./out, access: read-write }
  /data/private: ./private
network:
  allow:
    - https://*.example.org
    - { url: https://api.example.com/v1/*, methods: [GET] }
  deny: ["https://internal.example.org"]
secrets: { KEY: { to: https://api.example.com, header: authorization } }
`,
  'score.policy.yaml',
);
const request = source === undefined ? emptyPolicy : resolveStatement(source.statement, source, '/srv');
const ceiling = policyOf(
  {
    services: ['orders.*', 'stock.count'],
    environment: { REGION: 'optional' },
    filesystem: { '/d': '/srv/data', '/o': { path: '/srv/out', access: 'read-write' } },
    network: { allow: ['https://*'], deny: ['https://admin.example.org'] },
    secrets: { KEY: { to: 'https://api.example.com', header: 'authorization' } },
  },
  '/etc/vivarium/ceiling.yaml',
);
const grant = grantPolicy({ actor: 'score', runtime: 'python', request, ceiling });

const verdict = (access: Access): string => {
  const decision = decide(grant, access);
  if (decision.allowed) return `allowed by ${decision.rule?.file}:${decision.rule?.line}`;
  const { message, record } = denial('score', access, decision);
  return `${message}\n${record.hint}`;
};

describe('every decision explains itself', () => {
  test.each<[access: Access, expected: string]>([
    [{ capability: 'services', resource: 'orders.list' }, 'allowed by score.policy.yaml:1'],
    [{ capability: 'services', resource: 'stock.count' }, 'allowed by score.policy.yaml:1'],
    [
      { capability: 'services', resource: 'stock.drop' },
      '`score` may not call the service `stock.drop`: its policy asks for it (score.policy.yaml:1:25: services: [stock.*]), but the ceiling of the operator does not grant it\nAdd `services: [stock.drop]` to the ceiling of the operator.',
    ],
    [
      { capability: 'services', resource: 'orders.find' },
      '`score` may not call the service `orders.find`: no rule of its policy allows it\nAdd `services: [orders.find]` to the policy of `score`.',
    ],
    [
      { capability: 'services', resource: 'orders.*' },
      '`score` may not call the service `orders.*`: no rule of its policy allows it\nAdd `services: [orders.*]` to the policy of `score`.',
    ],
    [
      { capability: 'services', resource: '__proto__' },
      '`score` may not call the service `__proto__`: no rule of its policy allows it\nNo policy can allow this: it is no name of a service.',
    ],
    [{ capability: 'environment', resource: 'REGION' }, 'allowed by score.policy.yaml:2'],
    [
      { capability: 'environment', resource: 'SECRET_ZONE' },
      '`score` may not read the variable `SECRET_ZONE`: its policy asks for it (score.policy.yaml:2:34: environment: { SECRET_ZONE: optional }), but the ceiling of the operator does not grant it\nAdd `environment: { SECRET_ZONE: optional }` to the ceiling of the operator.',
    ],
    [
      { capability: 'environment', resource: 'HOME' },
      '`score` may not read the variable `HOME`: no rule of its policy allows it\nAdd `environment: { HOME: optional }` to the policy of `score`.',
    ],
    [{ capability: 'filesystem', operation: 'read', resource: '/data/a.csv' }, 'allowed by score.policy.yaml:4'],
    [{ capability: 'filesystem', operation: 'read', resource: '/data/x/../a.csv' }, 'allowed by score.policy.yaml:4'],
    [{ capability: 'filesystem', operation: 'write', resource: '/out/a.csv' }, 'allowed by score.policy.yaml:5'],
    [
      { capability: 'filesystem', operation: 'write', resource: '/data/a.csv' },
      '`score` may not write `/data/a.csv`: the folder is granted read only (score.policy.yaml:4:3: filesystem: { /data: ./data })\nAdd `access: read-write` to the rule `filesystem: { /data: ./data }`.',
    ],
    [
      { capability: 'filesystem', operation: 'read', resource: '/out/../etc/passwd' },
      '`score` may not read `/out/../etc/passwd`: no rule of its policy allows it\nAdd `filesystem: { /etc: ./folder }` to the policy of `score`.',
    ],
    [
      { capability: 'filesystem', operation: 'read', resource: '/database' },
      '`score` may not read `/database`: no rule of its policy allows it\nAdd `filesystem: { /: ./folder }` to the policy of `score`.',
    ],
    [
      { capability: 'filesystem', operation: 'read', resource: '/data/private/key' },
      '`score` may not read `/data/private/key`: its policy asks for it (score.policy.yaml:6:3: filesystem: { /data/private: ./private }), but the ceiling of the operator does not grant it\nAdd `filesystem: { /data/private: ./folder }` to the ceiling of the operator.',
    ],
    [
      { capability: 'filesystem', operation: 'read', resource: 'data' },
      '`score` may not read `data`: no rule of its policy allows it\nNo policy can allow this: it is no absolute path.',
    ],
    [{ capability: 'network', resource: 'https://shop.example.org/x?q=1' }, 'allowed by score.policy.yaml:9'],
    [{ capability: 'network', resource: 'https://SHOP.example.org.:443/' }, 'allowed by score.policy.yaml:9'],
    [{ capability: 'network', resource: 'https://api.example.com/v1/%6Frders', operation: 'GET' }, 'allowed by score.policy.yaml:10'],
    [
      { capability: 'network', resource: 'https://api.example.com/v1/orders', operation: 'POST' },
      '`score` may not reach `https://api.example.com/v1/orders` with POST: no rule of its policy allows it\nAdd `network: { allow: ["https://api.example.com"] }` to the policy of `score`.',
    ],
    [
      { capability: 'network', resource: 'https://api.example.com/v1/../admin' },
      '`score` may not reach `https://api.example.com/v1/../admin` with GET: no rule of its policy allows it\nAdd `network: { allow: ["https://api.example.com"] }` to the policy of `score`.',
    ],
    [
      { capability: 'network', resource: 'https://internal.example.org./x' },
      '`score` may not reach `https://internal.example.org./x` with GET: the policy of the actor denies it (score.policy.yaml:11:10: network: { deny: ["https://internal.example.org"] })\nRemove or narrow the rule `network: { deny: ["https://internal.example.org"] }` of the policy of the actor.',
    ],
    [
      { capability: 'network', resource: 'https://user@shop.example.org' },
      '`score` may not reach `https://user@shop.example.org` with GET: no rule of its policy allows it\nNo policy can allow this: it is no URL with https, http, wss or ws.',
    ],
    [
      { capability: 'network', resource: 'file:///etc/passwd' },
      '`score` may not reach `file:///etc/passwd` with GET: no rule of its policy allows it\nNo policy can allow this: it is no URL with https, http, wss or ws.',
    ],
    [{ capability: 'secrets', resource: 'KEY' }, 'allowed by score.policy.yaml:12'],
    [
      { capability: 'secrets', resource: 'OTHER' },
      '`score` may not use the secret `OTHER`: no rule of its policy allows it\nAdd `secrets: { OTHER: { to: "https://…", header: authorization } }` to the policy of `score`.',
    ],
  ])('%o', (access, expected) => {
    expect(verdict(access)).toBe(expected);
  });
});

describe('denials', () => {
  test('carry actor, hint, and the place in the policy of the actor', () => {
    const access: Access = { capability: 'network', resource: 'https://internal.example.org' };
    expect(denial('score', access, decide(grant, access)).record).toMatchObject({
      code: 'policy.denied',
      actor: 'score',
      file: 'score.policy.yaml',
      line: 11,
      column: 10,
    });
  });

  test('do not tell a guest where the operator keeps policies', () => {
    const access: Access = { capability: 'network', resource: 'https://admin.example.org' };
    const decision = decide(grant, access);
    expect(decision.rule?.file).toBe('/etc/vivarium/ceiling.yaml');
    expect(JSON.stringify(denial('score', access, decision))).not.toContain('/etc/vivarium');
    expect(denial('score', access, decision).message).toContain('the ceiling of the operator denies it');
  });

  test('never show a host path', () => {
    const accesses: Access[] = ['/data/a', '/data/private/x', '/data/private/\u0007', `/data/private/${'x'.repeat(2000)}`, '/out', '/'].flatMap((resource) =>
      (['read', 'write'] as const).map((operation) => ({ capability: 'filesystem', operation, resource })),
    );
    for (const access of accesses) expect(JSON.stringify(denial('score', access, decide(grant, access)))).not.toContain('/srv');
  });

  test('quote nothing that a terminal would obey, and cut what is long', () => {
    const access: Access = { capability: 'services', resource: `\u001b[31m\u202e${'x'.repeat(10_000)}` };
    const { message } = denial('score', access, decide(grant, access));
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(message.length).toBeLessThan(200);
  });
});

describe('what is granted', () => {
  test('is allowed, in every capability', () => {
    expect(decide(grant, { capability: 'filesystem', operation: 'read', resource: '/data/a.csv' }).allowed).toBe(true);
    expect(decide(grant, { capability: 'network', resource: 'https://shop.example.org' }).allowed).toBe(true);
    expect(decide(grant, { capability: 'secrets', resource: 'KEY' }).allowed).toBe(true);
    expect(decide(grant, { capability: 'services', resource: 'orders.list' }).allowed).toBe(true);
    expect(decide(grant, { capability: 'environment', resource: 'REGION' }).allowed).toBe(true);
  });

  test('an actor that asks for nothing gets nothing, whatever the ceiling', () => {
    const nothing = grantPolicy({ actor: 'pure', runtime: 'wasm', request: emptyPolicy, ceiling: unrestricted });
    expect(decide(nothing, { capability: 'services', resource: 'orders.list' }).allowed).toBe(false);
    expect(decide(nothing, { capability: 'environment', resource: 'PATH' }).allowed).toBe(false);
  });
});

describe('audit', () => {
  const access: Access = { capability: 'services', resource: 'stock.drop' };

  test('an event is plain data about the decision', () => {
    const event = auditEvent({ namespace: 'demo', actor: 'score', execution: 'e-1' }, access, decide(grant, access), 1_700_000_000_000);
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      time: 1_700_000_000_000,
      namespace: 'demo',
      actor: 'score',
      capability: 'services',
      operation: 'call',
      resource: 'stock.drop',
      allowed: false,
      rule: null,
      reason: 'its policy asks for it (score.policy.yaml:1:25: services: [stock.*]), but the ceiling of the operator does not grant it',
      execution: 'e-1',
    });
  });

  test('it names the rule that decided', () => {
    const allowed: Access = { capability: 'services', resource: 'orders.list' };
    expect(auditEvent({ namespace: 'demo', actor: 'score' }, allowed, decide(grant, allowed))).toMatchObject({
      allowed: true,
      rule: 'score.policy.yaml:1:12: services: [orders.list]',
    });
  });

  test('what a guest names is cut', () => {
    const long: Access = { capability: 'network', operation: 'X'.repeat(1000), resource: `https://a.org/${'x'.repeat(100_000)}` };
    const { operation, resource } = auditEvent({ namespace: 'demo', actor: 'score' }, long, decide(grant, long));
    expect([operation.length, resource.length]).toEqual([32, 1024]);
  });
});

test('a guest is not told where on the host its folders lie, unless its own policy says it relative to itself', () => {
  const told = (path: string): string => {
    const written = policyOf({ filesystem: { '/data': path } });
    const both = { actor: 'score', runtime: 'python', request: written } as const;
    return ([unrestricted, emptyPolicy] as const)
      .map((above) => {
        const { message, record } = denial('score', writing, decide(grantPolicy({ ...both, ceiling: above }), writing));
        return `${message} ${record.hint}`;
      })
      .join('\n');
  };
  const writing: Access = { capability: 'filesystem', operation: 'write', resource: '/data/a.csv' };
  expect(told('/srv/tenants/7/data')).not.toMatch(/tenants|\/srv/);
  expect(told('./data')).toContain('./data');
  expect(told('./data')).not.toContain('/srv');
});
