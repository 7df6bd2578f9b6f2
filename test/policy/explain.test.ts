/** Answers to "why?" as an embedder gets them. */
import { describe, expect, test } from 'vitest';
import { type Access, type CeilingInput, effectivePolicy, explainAccess, type ManifestObject } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const manifest = (policy: object, namespace?: object): ManifestObject =>
  ({
    vivarium: 1,
    ...(namespace && { policy: namespace }),
    actors: { score: { runtime: 'javascript', code: 'export const handle = () => 1;', policy } },
  }) as ManifestObject;

const says = async (access: Access, request: object, namespace: object | undefined, ceiling: CeilingInput) => {
  const { allowed, level, chain } = await explainAccess(manifest(request, namespace), 'score', access, { ceiling });
  return [allowed, level, ...chain.map((each) => each.says)];
};

const list: Access = { capability: 'services', resource: 'orders.list' };
const all = { services: ['orders.*'] };
const other = { services: ['stock.count'] };

describe('the chain of an explanation', () => {
  test.each([
    [all, undefined, 'unrestricted', [true, 'request', 'allows', 'everything', 'everything']],
    [all, all, all, [true, 'request', 'allows', 'allows', 'allows']],
    [{}, all, all, [false, 'request', 'nothing', 'allows', 'allows']],
    [all, other, all, [false, 'namespace', 'allows', 'nothing', 'allows']],
    [all, all, 'pure', [false, 'ceiling', 'allows', 'allows', 'nothing']],
    [all, { services: ['orders.list', 'orders.count'] }, { services: ['orders.count'] }, [false, 'ceiling', 'allows', 'allows', 'nothing']],
  ] as const)('%# of a service', async (request, namespace, ceiling, told) => {
    expect(await says(list, request, namespace, ceiling as CeilingInput)).toEqual(told);
  });

  const get: Access = { capability: 'network', resource: 'https://a.example.org/v1/x' };
  const web = (allow: string, ...deny: string[]) => ({ network: { allow: [allow], ...(deny.length > 0 && { deny }) } });
  test.each([
    [web('https://*.example.org', 'https://a.example.org'), undefined, 'unrestricted', [false, 'request', 'denies', 'everything', 'everything']],
    [web('https://*'), web('https://*', 'https://a.example.org'), 'web-reader', [false, 'namespace', 'allows', 'denies', 'allows']],
    [web('https://*'), web('https://a.example.org/v1/*'), web('https://*', 'https://*.example.org'), [false, 'ceiling', 'allows', 'allows', 'denies']],
    [web('https://*'), web('https://a.example.org/v2/*'), 'web-reader', [false, 'namespace', 'allows', 'nothing', 'allows']],
  ] as const)('%# of a request', async (request, namespace, ceiling, told) => {
    expect(await says(get, request, namespace, ceiling as CeilingInput)).toEqual(told);
  });

  const file: Access = { capability: 'filesystem', operation: 'write', resource: '/data/a' };
  const folder = (guest: string, host: string, access = 'read-write') => ({ filesystem: { [guest]: { path: host, access } } });
  test.each([
    [folder('/data', '/srv/shop'), folder('/srv', '/srv'), folder('/x', '/srv/shop'), [true, 'request', 'allows', 'allows', 'allows']],
    [folder('/data', '/srv/shop', 'read'), undefined, 'unrestricted', [false, 'request', 'denies', 'everything', 'everything']],
    [folder('/data', '/srv/shop'), folder('/data', '/srv', 'read'), 'unrestricted', [false, 'namespace', 'allows', 'nothing', 'everything']],
    [folder('/data', '/srv/shop'), undefined, folder('/data', '/srv/other'), [false, 'ceiling', 'allows', 'everything', 'nothing']],
  ] as const)('%# of a file', async (request, namespace, ceiling, told) => {
    expect(await says(file, request, namespace, ceiling as CeilingInput)).toEqual(told);
  });
});

test('an embedder who names no ceiling is told of `pure`, as a host would have it', async () => {
  expect(await explainAccess(manifest(all), 'score', list)).toMatchObject({ allowed: false, level: 'ceiling', rule: null });
  expect(await effectivePolicy(manifest(all), 'score')).toMatchObject({ granted: [], refused: [expect.stringContaining('services: [orders.*]')] });
});

test('an actor that is not there is an error with those that are', async () => {
  expect(await failureOf(() => effectivePolicy(manifest({}), 'scor'))).toMatchObject({ code: 'actor.unknown', record: { hint: 'its actors: score' } });
});
