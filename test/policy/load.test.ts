import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatDiagnostics, PolicyError } from '../../host/manifest/diagnostic.ts';
import { parseManifest, requireFlow } from '../../host/manifest/parse.ts';
import { loadPolicies, loadPolicyInput } from '../../host/policy/load.ts';
import { presetFolder, presetNames } from '../../host/policy/presets.ts';
import { emptyPolicy, type ResolvedPolicy } from '../../host/policy/resolve.ts';

let folder: string;
let base: string;

const files: Readonly<Record<string, string>> = {
  'base/score.policy.yaml': 'extends: [pure, ./shared/common.yaml]\nservices: [stock.count]\nlimits: { wall: 4s }\nfilesystem: { /data: ./data }\n',
  'base/shared/common.yaml': 'services: [orders.list]\nlimits: { wall: 9s, cpu: 2s }\nfilesystem: { /shared: ./files }\nenvironment: { REGION: required }\n',
  'base/circle-a.yaml': 'extends: ./circle-b.yaml\n',
  'base/circle-b.yaml': 'services: [a.b]\nextends: [./circle-a.yaml]\n',
  'base/wrong.yaml': 'servces: [orders.list]\nlimits: { wall: never }\n',
  'base/denies.yaml': 'network:\n  deny: ["https://*.example.com"]\n',
  'base/mount.yaml': 'filesystem: { /data: ./elsewhere }\n',
  'base/binary.yaml': '\u0000\u0001',
  'base/large.yaml': `services: [${Array.from({ length: 100 }, (_, index) => `orders.f${index}`).join(', ')}]\n# ${'x'.repeat(64 * 1024)}`,
  'outside.yaml': 'services: [secrets.read]\n',
};

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vivarium-policy-')));
  base = join(folder, 'base');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(base, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0xe9]));
  symlinkSync('../outside.yaml', join(base, 'link.yaml'));
  for (let index = 0; index < 40; index += 1) writeFileSync(join(base, `deep-${index}.yaml`), `extends: ./deep-${index + 1}.yaml\n`);
  writeFileSync(join(base, 'deep-40.yaml'), 'services: []\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The policy of an actor whose manifest lies in the base folder and writes `policy: …`. */
const load = (policy: string): ResolvedPolicy => {
  const flow = requireFlow(parseManifest(`vivarium: 1\nactors:\n  score:\n    source: score.py\n    policy: ${policy}\n`, 'vivarium.yaml'));
  const [request] = loadPolicies(flow, { from: join(base, 'vivarium.yaml'), base }).requests;
  return request ?? emptyPolicy;
};

const mistakes = (policy: string): string => {
  try {
    load(policy);
    return '';
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    expect(error.code).toBe('policy.invalid');
    return formatDiagnostics(error.diagnostics);
  }
};

describe('what a policy consists of', () => {
  test('presets, files, what they extend, and what is written in place, each rule with its origin', () => {
    const policy = load('[pure, ./score.policy.yaml, { services: [users.find], limits: { cpu: 1s } }]');
    expect(policy.services.map(({ pattern, origin }) => `${pattern} ${origin.file}:${origin.line}:${origin.column}`)).toEqual([
      'orders.list shared/common.yaml:1:12',
      'stock.count score.policy.yaml:2:12',
      'users.find vivarium.yaml:5:54',
    ]);
    expect(policy.services[0]?.origin.text).toBe('services: [orders.list]');
  });

  test('the last limit that was written stands', () => {
    const { limits } = load('[./score.policy.yaml, { limits: { cpu: 1s } }]');
    expect([limits.wall?.value, limits.wall?.origin.file]).toEqual([4000, 'score.policy.yaml']);
    expect([limits.cpu?.value, limits.cpu?.origin.file]).toEqual([1000, 'vivarium.yaml']);
    expect(limits.memory).toBeUndefined();
  });

  test('host paths are relative to the file that states them', () => {
    const { filesystem } = load('[./score.policy.yaml, { filesystem: { /own: ./own } }]');
    expect(filesystem.map(({ guest, host }) => [guest, host])).toEqual([
      ['/shared', join(base, 'shared', 'files')],
      ['/data', join(base, 'data')],
      ['/own', join(base, 'own')],
    ]);
  });

  test('of a variable the last statement stands', () => {
    const { environment } = load('[./score.policy.yaml, { environment: { REGION: { default: eu } } }]');
    expect(environment.map(({ name, need, default: value }) => [name, need, value])).toEqual([['REGION', 'optional', 'eu']]);
  });

  test('what two files say alike is one rule', () => {
    expect(load('[./shared/common.yaml, ./score.policy.yaml]').services.map(({ pattern }) => pattern)).toEqual(['orders.list', 'stock.count']);
  });

  test('the result is frozen through and through', () => {
    const policy = load('[./score.policy.yaml]');
    expect(Object.isFrozen(policy) && Object.isFrozen(policy.services) && Object.isFrozen(policy.services[0]?.origin)).toBe(true);
  });

  test('nothing written is nothing requested', () => {
    expect(load('[]')).toEqual(emptyPolicy);
    expect(load('pure')).toEqual(emptyPolicy);
  });
});

describe('what is refused', () => {
  test.each([
    ['pur', 'vivarium.yaml:5:13: there is no preset `pur`\n    Did you mean `pure`?'],
    [
      'everything',
      'vivarium.yaml:5:13: there is no preset `everything`\n    The presets: data-worker, pure, service-client, trusted-local, web-reader. A file is named by a path: `./everything.yaml`.',
    ],
    ['[./missing.yaml]', 'vivarium.yaml:5:14: the policy "./missing.yaml" does not exist\n    Paths are relative to the file that states them.'],
    ['[pure, ../outside.yaml]', 'vivarium.yaml:5:20: the policy "../outside.yaml" lies outside the base folder'],
    ['./link.yaml', 'vivarium.yaml:5:13: the policy "./link.yaml" lies outside the base folder'],
    ['/etc/passwd', 'vivarium.yaml:5:13: the policy "/etc/passwd" lies outside the base folder'],
    ['./shared', 'vivarium.yaml:5:13: the policy "./shared" is no regular file'],
    ['{ extends: [../outside.yaml] }', 'vivarium.yaml:5:25: the policy "../outside.yaml" lies outside the base folder'],
    ['./circle-a.yaml', 'circle-b.yaml:2:11: `circle-a.yaml` extends itself\n    Break the circle: remove one `extends`.'],
    [
      './wrong.yaml',
      'wrong.yaml:1:1: unknown key `servces`\n    Did you mean `services`?\nwrong.yaml:2:17: a duration is a number with ms, s, m or h, like `2s`',
    ],
    ['./latin.yaml', 'vivarium.yaml:5:13: the policy `latin.yaml` cannot be read\n    It must be UTF-8 of at most 65536 bytes, and readable for the host.'],
    ['./large.yaml', 'vivarium.yaml:5:13: the policy `large.yaml` cannot be read'],
    ['./binary.yaml', 'binary.yaml:1:1: '],
    ['./deep-0.yaml', 'deep-31.yaml:1:10: policies extend each other deeper than 32 files'],
    [
      '[./score.policy.yaml, ./mount.yaml]',
      'mount.yaml:1:15: `/data` is mounted twice, also at score.policy.yaml:4\n    Choose another guest path for one of them.',
    ],
    ['[./denies.yaml]', 'denies.yaml:2:10: this rule denies what nothing allows\n    Remove it: whatever is not allowed is denied.'],
    [
      '[./denies.yaml, { network: { allow: ["https://api.example.com", "https://example.com"] } }]',
      'vivarium.yaml:5:50: this rule can never match: denies.yaml:2 denies all of it',
    ],
  ])('%s', (policy, expected) => {
    expect(mistakes(policy).slice(0, expected.length)).toBe(expected);
  });

  test('control: the file outside is a policy that would load', () => {
    const outside = loadPolicyInput(join(folder, 'outside.yaml'), 'test', { from: join(base, 'vivarium.yaml') });
    expect(outside.services.map(({ pattern }) => pattern)).toEqual(['secrets.read']);
  });

  test('the mistakes of all actors and files come together, each once', () => {
    const flow = requireFlow(
      parseManifest(
        'vivarium: 1\npolicy: ./none.yaml\nactors:\n  a: { source: a.ts, policy: ./wrong.yaml }\n  b: { source: b.ts, policy: ./wrong.yaml }\n  c: { source: c.ts, policy: pur }\n',
        'vivarium.yaml',
      ),
    );
    const attempt = (): unknown => loadPolicies(flow, { from: join(base, 'vivarium.yaml'), base });
    const places = ['vivarium.yaml:2', 'wrong.yaml:1', 'wrong.yaml:2', 'vivarium.yaml:6'].map((place) => {
      const [file, line] = place.split(':');
      return expect.objectContaining({ file, line: Number(line) });
    });
    expect(attempt).toThrow(expect.objectContaining({ diagnostics: places }));
  });
});

describe('policies of an embedder', () => {
  test('an object is named by its path', () => {
    const attempt = (): unknown => loadPolicyInput({ services: ['orders'], limits: { wall: '1 s' } }, 'ceiling', { from: base });
    expect(attempt).toThrow(
      expect.objectContaining({
        diagnostics: [expect.objectContaining({ file: 'ceiling', path: 'services[0]', line: 0 }), expect.objectContaining({ path: 'limits.wall' })],
      }),
    );
  });

  test('files of the operator may lie anywhere', () => {
    const policy = loadPolicyInput(['../outside.yaml', { services: ['orders.*'] }], 'ceiling', { from: join(base, 'host.ts') });
    expect(policy.services.map(({ pattern, origin }) => [pattern, origin.file, origin.line])).toEqual([
      ['secrets.read', '../outside.yaml', 1],
      ['orders.*', 'ceiling', 0],
    ]);
  });

  test('a name that does not exist is named by whom it was given to', () => {
    expect(() => loadPolicyInput('pur', 'ceiling', { from: base })).toThrow('ceiling: there is no preset `pur`');
  });
});

describe('presets', () => {
  test.each(presetNames())('%s loads, and begins with what it is for', (name) => {
    expect(readFileSync(join(presetFolder(), `${name}.yaml`), 'utf8')).toMatch(new RegExp(`^# ${name}: .+\\.`));
    expect(() => loadPolicyInput(name, 'test', { from: base })).not.toThrow();
  });

  test('`pure` grants nothing', () => {
    expect(loadPolicyInput('pure', 'test', { from: base })).toEqual(emptyPolicy);
  });
});
