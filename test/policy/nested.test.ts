/** Folders within folders, at a level above the request: the deepest decides there too. */
import { describe, expect, test } from 'vitest';
import { decide, grantPolicy, loadPolicyInput } from '../../host/policy/index.ts';

type Mounts = Readonly<Record<string, string | { readonly path: string; readonly access: 'read-write' }>>;
const writable = (path: string) => ({ path, access: 'read-write' }) as const;
const policyOf = (filesystem: Mounts) => loadPolicyInput({ filesystem }, 'test', { from: '/flow/vivarium.yaml' });
const grantOf = (request: Mounts, ceiling: Mounts) =>
  grantPolicy({ actor: 'a', runtime: 'javascript', request: policyOf(request), ceiling: policyOf(ceiling) });

const mayWrite = (request: Mounts, ceiling: Mounts, resource: string): boolean =>
  decide(grantOf(request, ceiling), { capability: 'filesystem', operation: 'write', resource }).allowed;

describe('a ceiling that lets all of a folder be written, save one within', () => {
  const ceiling = { '/srv': writable('/srv'), '/keys': '/srv/keys' };

  test.each([
    ['the folder within', { '/k': writable('/srv/keys') }, '/k/a', false],
    ['a folder below it', { '/k': writable('/srv/keys/old') }, '/k/a', false],
    ['the folder around, and in it that within', { '/all': writable('/srv') }, '/all/keys/a', false],
    ['the folder around', { '/all': writable('/srv') }, '/all/other/a', true],
    ['what begins with the same letters', { '/k': writable('/srv/keys2') }, '/k/a', true],
    ['a folder beside it', { '/o': writable('/srv/other') }, '/o/a', true],
  ] as const)('%s', (_name, request, resource, allowed) => {
    expect(mayWrite(request, ceiling, resource)).toBe(allowed);
  });

  test('grants a request for the whole folder in part only', () => {
    expect(grantOf({ '/all': writable('/srv') }, ceiling).refused).toMatchObject([{ partly: true }]);
    expect(grantOf({ '/all': '/srv' }, ceiling).refused).toEqual([]);
  });
});

test('a folder in a folder that is read only can be written where the ceiling says so', () => {
  const ceiling = { '/srv': '/srv', '/out': writable('/srv/out') };
  expect(mayWrite({ '/all': writable('/srv') }, ceiling, '/all/out/a')).toBe(true);
  expect(mayWrite({ '/all': writable('/srv') }, ceiling, '/all/a')).toBe(false);
});

test('the same folder under two names is granted as the wider of them says', () => {
  expect(mayWrite({ '/d': writable('/srv') }, { '/a': '/srv', '/b': writable('/srv') }, '/d/x')).toBe(true);
});
