/** Every rule × every operation × every language: the same policy means the same in all three. The table is permissionTable.ts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Access, type AuditEvent, effectivePolicy, explainAccess, type ManifestObject, type ServiceTree } from '../../host/index.ts';
import { type Language, languages } from './languages.ts';
import { isAllowed, offered, operationsFor, policyCount, policyOf, provided, server } from './permissionTable.ts';
import { serve } from '../capabilities/network/servers.ts';
import { setStage } from './suite.ts';

const performed: string[] = [];
type Group = { [name: string]: Group | ServiceTree[string] };
const services: Group = {};
for (const name of offered) {
  const parts = name.split('.');
  let group = services;
  for (const part of parts.slice(0, -1)) {
    const inner = (group[part] ?? {}) as Group;
    group[part] = inner;
    group = inner;
  }
  group[parts.at(-1) as string] = { input: z.unknown(), output: z.unknown(), handle: () => performed.push(name) };
}

const folder = mkdtempSync(path.join(tmpdir(), 'vivarium-permissions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  mkdirSync(path.join(folder, 'data/inner'), { recursive: true });
  mkdirSync(path.join(folder, 'database'));
  for (const file of ['data/a', 'data/inner/a', 'database/a', 'secret']) writeFileSync(path.join(folder, file), file);
});

const requests: string[] = [];
const { origin } = await serve((request, response) => {
  requests.push(`${request.method} ${request.url}`);
  response.end('reply');
});
const atServer = (text: string): string => text.replaceAll(server, origin);

const audit: AuditEvent[] = [];
const stage = setStage({ services: services as ServiceTree, environment: provided });
beforeAll(() => {
  stage.host.on('audit', (event) => audit.push(event));
});

/** Rules of the actor, and of the namespace; -1 where it has none. */
const pairs = Array.from({ length: policyCount }, (_, number) => [
  [number, -1],
  [number, (number + 1) % policyCount],
]).flat() as [number, number][];

const counts = new Map(languages.map(({ name }) => [name, { allowed: 0, denied: 0 }]));
afterAll(() => {
  const told = [...counts].map(([name, { allowed, denied }]) => `${name} ${allowed} allowed, ${denied} denied`);
  process.stdout.write(`permissions: ${told.join('; ')}\n`);
});

/** Paths of the tables are relative to the folder of the test. */
const absolute = (policy: Readonly<Record<string, unknown>>): object =>
  JSON.parse(JSON.stringify(policy), (_, value) =>
    typeof value === 'string' && value.startsWith('./') ? path.join(folder, value) : typeof value === 'string' ? atServer(value) : value,
  );

const manifestOf = (language: Language, [own, namespace]: readonly [number, number]): ManifestObject => ({
  vivarium: 1,
  namespace: `${language.name}-${own}-${namespace}`,
  ...(namespace >= 0 && { policy: absolute(policyOf(namespace)) as never }),
  actors: { actor: language.actor('permissions', { policy: absolute(policyOf(own)) as never, ...(language.name === 'wasm' && { input: 'text' }) }) },
});

describe.each(languages)('what is allowed in %s', (language) => {
  test.each(pairs.filter(([own, namespace]) => !requiresUngranted(own, namespace)))(
    'by the rules %i, in a namespace with the rules %i',
    async (own, namespace) => {
      const cases = operationsFor(language);
      const numbers = namespace < 0 ? [own] : [own, namespace];
      const manifest = manifestOf(language, [own, namespace]);
      const { vivarium: _, namespace: name = '', ...plan } = manifest;
      await using flow = await stage.deploy(plan as never, name);
      audit.length = performed.length = requests.length = 0;
      const outcomes = (await flow
        .actor('actor')
        .ask(cases.map(([, { name: operation, resource }]) => atServer(`${operation} ${resource}`)).join('\n'))) as string[];

      const count = counts.get(language.name) as { allowed: number; denied: number };
      for (const [index, [table, operation]] of cases.entries()) {
        const expected = isAllowed(table, numbers, operation);
        const title = `${operation.name} ${operation.resource}`;
        const unknown = operation.resource === 'orders.none' && expected;
        expect(outcomes[index], title).toBe(expected ? (unknown ? 'service.unknown' : 'allowed') : table.refusal);
        const { allowed } = await explainAccess(manifest, 'actor', { ...operation.access, resource: atServer(operation.resource) } as Access, {
          ceiling: 'unrestricted',
          base: '/',
        });
        // A variable that is granted may have no value.
        if (operation.access.capability !== 'environment') expect(allowed, `explained: ${title}`).toBe(expected);
        else if (expected) expect(allowed, `explained: ${title}`).toBe(true);
        count[expected ? 'allowed' : 'denied']++;
      }
      const refused = cases.filter(([table, operation]) => table.refusal === 'policy.denied' && !isAllowed(table, numbers, operation));
      expect(audit.filter(({ allowed }) => !allowed).length, 'every refusal is audited').toBeGreaterThanOrEqual(refused.length);
      const called = offered.filter((service) => cases.some(([table, operation]) => operation.resource === service && isAllowed(table, numbers, operation)));
      expect(performed.toSorted(), 'nothing that was refused was performed').toEqual(called.toSorted());
      const sent = cases.filter(([table, operation]) => operation.access.capability === 'network' && isAllowed(table, numbers, operation));
      expect(requests.length, 'nothing that was refused was sent').toBe(sent.length);
      for (const file of ['database/a', 'secret']) expect(readFileSync(path.join(folder, file), 'utf8')).toBe(file);
    },
  );
});

/** A variable that is required and not granted stops the deployment: there is nothing to try. */
function requiresUngranted(own: number, namespace: number): boolean {
  const requires = JSON.stringify(policyOf(own)).includes('required');
  return requires && namespace >= 0 && !JSON.stringify(policyOf(namespace)).includes('REGION');
}

test('the table allows some and denies more in every language', async () => {
  for (const [name, { allowed, denied }] of counts) {
    expect(allowed, name).toBeGreaterThan(40);
    expect(denied, name).toBeGreaterThan(allowed);
  }
  const { granted } = await effectivePolicy(manifestOf(languages[0] as Language, [3, -1]), 'actor', { ceiling: 'unrestricted', base: '/' });
  expect(granted.map(({ line }) => line.split(':')[0])).toEqual([
    'services',
    'environment',
    'environment',
    'filesystem',
    'filesystem',
    'network',
    'state',
    'network',
  ]);
});
