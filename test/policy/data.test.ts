/**
 * What permission flags of other systems promise, as policies: `test/policy/data/CASE/` holds a `policy.yaml` and in `cases.json` rows
 * `[allowed or denied, what is asked, resource, method]`, where what is asked is an option of `vivarium policy explain`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Access, decide, grantPolicy, loadPolicyInput, unrestricted } from '../../host/policy/index.ts';

const folder = path.join(import.meta.dirname, 'data');
const names = readdirSync(folder);

type Row = readonly [outcome: 'allowed' | 'denied', asked: string, resource: string, method?: string];

const accesses: Readonly<Record<string, (resource: string, method?: string) => Access>> = {
  read: (resource) => ({ capability: 'filesystem', operation: 'read', resource }),
  write: (resource) => ({ capability: 'filesystem', operation: 'write', resource }),
  connect: (resource, operation = 'GET') => ({ capability: 'network', operation, resource }),
  env: (resource) => ({ capability: 'environment', resource }),
  service: (resource) => ({ capability: 'services', resource }),
  secret: (resource) => ({ capability: 'secrets', resource }),
  state: (resource) => ({ capability: 'state', operation: 'put', resource }),
};

test('there are cases', () => {
  expect(names.length).toBeGreaterThanOrEqual(12);
});

describe.each(names)('%s', (name) => {
  const request = loadPolicyInput('./policy.yaml', name, { from: path.join(folder, name, 'manifest') });
  const grant = grantPolicy({ actor: 'actor', runtime: 'python', request, ceiling: unrestricted });
  const rows = JSON.parse(readFileSync(path.join(folder, name, 'cases.json'), 'utf8')) as readonly Row[];

  test.each(rows.map((row) => [...row] as [string, string, string, string | undefined]))('%s: %s %s', (outcome, asked, resource, method) => {
    const access = accesses[asked]?.(resource, method);
    if (access === undefined) throw new Error(`nothing is asked with \`${asked}\``);
    const decision = decide(grant, access);
    expect(decision.allowed ? 'allowed' : 'denied').toBe(outcome);
    expect(decision.hint === '', 'a refusal says what would allow it').toBe(decision.allowed);
  });
});
