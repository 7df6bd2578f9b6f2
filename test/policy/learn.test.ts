/** Learning: what was seen is allowed by what is learned, and little else. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AuditEvent, createHost, learnPolicies } from '../../host/index.ts';
import { type Access, decide, type Grant, grantPolicy, learnStatement, loadPolicyInput, operationOf, unrestricted } from '../../host/policy/index.ts';
import { makeFolder } from '../support/folder.ts';

const from = '/flow/vivarium.yaml';
const load = (policy: object) => loadPolicyInput(policy as never, 'test', { from });
const grantOf = (policy: object): Grant => grantPolicy({ actor: 'a', runtime: 'javascript', request: load(policy), ceiling: unrestricted });

const wide = {
  services: ['orders.*', 'stock.*'],
  filesystem: { '/work': '.', '/out': { path: './out', access: 'read-write', quota: '1MiB' } },
  network: { allow: ['https://*', 'http://*'] },
  secrets: {
    KEY: { to: ['https://a.example.org', 'https://b.example.org'], header: 'authorization' },
    OTHER: { to: 'https://a.example.org', header: 'x-other' },
  },
  state: '10MiB',
};

/** Files have a name with a dot here. */
const isFolder = (host: string): boolean => !path.basename(host).includes('.');

const eventsOf = (accesses: readonly Access[], grant = grantOf(wide)): AuditEvent[] =>
  accesses.map((access) => {
    const { allowed } = decide(grant, access);
    return {
      time: 0,
      namespace: 'n',
      actor: 'a',
      capability: access.capability,
      operation: operationOf(access),
      resource: access.resource,
      allowed,
      rule: null,
      reason: '',
    };
  });

const learn = (accesses: readonly Access[], present: object = {}) =>
  learnStatement({ present: load(present), grant: grantOf(wide), events: eventsOf(accesses), folder: '/flow', isFolder });

const read = (resource: string): Access => ({ capability: 'filesystem', operation: 'read', resource });
const write = (resource: string): Access => ({ capability: 'filesystem', operation: 'write', resource });
const connect = (resource: string, operation = 'GET'): Access => ({ capability: 'network', operation, resource });
const call = (resource: string): Access => ({ capability: 'services', resource });

describe('what is learned', () => {
  test.each([
    ['nothing', [], {}],
    [
      'services by name, however many',
      [call('orders.b'), call('orders.a'), call('orders.c'), call('orders.a')],
      { services: ['orders.a', 'orders.b', 'orders.c'] },
    ],
    ['a file as its folder', [read('/work/data/a.csv')], { filesystem: { '/work/data': './data' } }],
    ['a folder as itself', [read('/work/data')], { filesystem: { '/work/data': './data' } }],
    ['a mount as itself', [read('/work')], { filesystem: { '/work': '.' } }],
    ['reading and writing', [read('/out/a.csv'), write('/out/a.csv')], { filesystem: { '/out': { path: './out', access: 'read-write', quota: '1MiB' } } }],
    ['a folder in a folder once', [read('/work/a.csv'), read('/work/x/y/b.csv')], { filesystem: { '/work': '.' } }],
    [
      'some folders apart',
      [1, 2, 3, 4].map((n) => read(`/work/d/${n}/a.csv`)),
      { filesystem: Object.fromEntries([1, 2, 3, 4].map((n) => [`/work/d/${n}`, `./d/${n}`])) },
    ],
    ['many folders as the one around them', [1, 2, 3, 4, 5].map((n) => read(`/work/d/${n}/a.csv`)), { filesystem: { '/work/d': './d' } }],
    ['one URL exactly', [connect('https://a.org/v1/x?q=1')], { network: { allow: [{ url: 'https://a.org/v1/x', methods: ['GET'] }] } }],
    [
      'several of an origin as what their paths share',
      [connect('https://a.org/v1/users/1'), connect('https://a.org/v1/users/22', 'POST'), connect('https://b.org/')],
      {
        network: {
          allow: [
            { url: 'https://a.org/v1/users/*', methods: ['GET', 'POST'] },
            { url: 'https://b.org/', methods: ['GET'] },
          ],
        },
      },
    ],
    [
      'paths that share nothing as their origin',
      [connect('https://a.org/x'), connect('https://a.org/y')],
      { network: { allow: [{ url: 'https://a.org', methods: ['GET'] }] } },
    ],
    [
      'no part of a name',
      [connect('https://a.org/v1/user'), connect('https://a.org/v1/users')],
      { network: { allow: [{ url: 'https://a.org/v1/*', methods: ['GET'] }] } },
    ],
    ['state', [{ capability: 'state', operation: 'get', resource: 'k' }], { state: '1MiB' }],
    [
      'a secret with all that is said of it',
      [{ capability: 'secrets', resource: 'KEY' }],
      { secrets: { KEY: { to: ['https://a.example.org', 'https://b.example.org'], header: 'authorization', format: '{}' } } },
    ],
    ['nothing of what was refused', [call('money.send'), read('/etc/passwd'), connect('ftp://a.org/')], {}],
  ] as [string, Access[], object][])('%s', (_name, accesses, expected) => {
    expect(learn(accesses)).toEqual(expected);
  });

  test('variables, limits, denials and the quota stay as they are', () => {
    const present = {
      environment: { REGION: 'required', LEVEL: { default: 'info' } },
      limits: { cpu: '2s', calls: 8, outbound: { messages: 5 } },
      state: '5MiB',
    };
    const network = { allow: ['https://a.org'], deny: ['https://a.org/private/*'] };
    expect(learn([{ capability: 'state', operation: 'put', resource: 'k' }, connect('https://a.org/x')], { ...present, network })).toEqual({
      ...present,
      network: { allow: [{ url: 'https://a.org/x', methods: ['GET'] }], deny: ['https://a.org/private/*'] },
    });
  });
});

test('whatever was seen is allowed by what is learned, and what the wide policy refuses is not', () => {
  const name = fc.constantFrom('a', 'b', 'c1', 'd', 'e', 'f');
  const file = fc.tuple(fc.array(name, { maxLength: 3 }), name).map(([folders, leaf]) => [...folders, `${leaf}.txt`].join('/'));
  const access = fc.oneof(
    file.map((way) => read(`/work/${way}`)),
    file.map((way) => write(`/out/${way}`)),
    file.map((way) => read(`/elsewhere/${way}`)),
    fc.tuple(name, file, fc.constantFrom('GET', 'POST')).map(([host, way, method]) => connect(`https://${host}.org/${way}?x=1`, method)),
    name.map((each) => call(`orders.${each}`)),
  );
  fc.assert(
    fc.property(fc.array(access, { maxLength: 30 }), (accesses) => {
      const learned = grantOf(learn(accesses));
      for (const each of accesses) {
        expect(decide(learned, each).allowed, `${each.capability} ${each.resource}`).toBe(decide(grantOf(wide), each).allowed);
      }
      for (const { guest } of learned.filesystem) expect(['/work', '/out'].some((mount) => guest === mount || guest.startsWith(`${mount}/`))).toBe(true);
      for (const { url } of learned.network.allow) expect(url.hosts).toBe('exact');
    }),
    { numRuns: 200 },
  );
});

test('a flow runs under the policy that was learned from it, and no longer does what it was not seen to do', async () => {
  const folder = makeFolder({ 'data/a.txt': 'one', 'data/b.txt': 'two', 'private/c.txt': 'three' });
  mkdirSync(path.join(folder, 'out'));
  const code = `
from vivarium import VivariumError

def handle(name, context):
    try:
        with open(f"/work/{name}") as file, open("/out/copy.txt", "w") as copy:
            copy.write(file.read())
        context.state.put(name, 1)
        return "done"
    except VivariumError as error:
        return error.code
`;
  const manifest = path.join(folder, 'vivarium.json');
  const write = (policy: object) => writeFileSync(manifest, JSON.stringify({ vivarium: 1, actors: { worker: { runtime: 'python', code, policy } } }));
  write({});
  await using host = await createHost({ ceiling: 'unrestricted', spare: 0 });
  const events: AuditEvent[] = [];
  host.on('audit', (event) => events.push(event));
  const watched = await host.deploy(manifest, { learn: 'trusted-local' });
  for (const name of ['data/a.txt', 'data/b.txt']) expect(await watched.actor('worker').ask(name)).toBe('done');
  const [learned] = await learnPolicies(manifest, watched.grants, events);
  expect(learned).toMatchObject({ actor: 'worker', denied: [], policy: { filesystem: { '/work/data': './data', '/out': { path: './out' } }, state: '1MiB' } });
  await watched.stop();

  write(learned?.policy ?? {});
  const flow = await host.deploy(manifest);
  expect(await flow.actor('worker').ask('data/b.txt')).toBe('done');
  expect(readFileSync(path.join(folder, 'out/copy.txt'), 'utf8')).toBe('two');
  expect(await flow.actor('worker').ask('private/c.txt')).toBe('policy.denied');
  expect(existsSync(path.join(folder, 'out/copy.txt'))).toBe(true);
});
