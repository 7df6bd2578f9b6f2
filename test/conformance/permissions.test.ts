/** Every rule × every operation × every language: the same policy means the same in all three. The table is permissionTable.ts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Access, type AuditEvent, effectivePolicy, explainAccess, type Flow, type ManifestObject, type ServiceTree } from '../../host/index.ts';
import { type Language, languages } from './languages.ts';
import { cases, isAllowed, isRefusedByHost, offered, type Operation, policyCount, policyOf, provided, server, spheres, turnsFor } from './permissionTable.ts';
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

const files = ['data/a', 'data/inner/a', 'database/a', 'secret'];
const folder = mkdtempSync(path.join(tmpdir(), 'vivarium-permissions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  mkdirSync(path.join(folder, 'data/inner'), { recursive: true });
  mkdirSync(path.join(folder, 'database'));
});
beforeEach(() => {
  for (const file of files) writeFileSync(path.join(folder, file), file);
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
  actors: {
    actor: language.actor('permissions', { policy: absolute(policyOf(own)) as never, ...(language.name === 'wasm' && { input: 'text', wasi: true }) }),
  },
});

/** What came of each operation. */
async function outcomesOf(flow: Flow, language: Language): Promise<ReadonlyMap<Operation, string | undefined>> {
  const outcomes = new Map<Operation, string | undefined>();
  for (const turn of turnsFor(language)) {
    const lines = turn.map(([, { name, resource }]) => atServer(`${name} ${resource}`));
    const told = await flow
      .actor('actor')
      .ask(lines.join('\n'))
      .catch(({ code }: { readonly code: string }) => [code]);
    for (const [index, [, operation]] of turn.entries()) outcomes.set(operation, (told as string[])[index]);
  }
  return outcomes;
}

describe.each(languages)('what is allowed in %s', (language) => {
  test.each(pairs.filter(([own, namespace]) => !requiresUngranted(own, namespace)))(
    'by the rules %i, in a namespace with the rules %i',
    async (own, namespace) => {
      const numbers = namespace < 0 ? [own] : [own, namespace];
      const manifest = manifestOf(language, [own, namespace]);
      const { vivarium: _, namespace: name = '', ...plan } = manifest;
      await using flow = await stage.deploy(plan as never, name);
      audit.length = performed.length = requests.length = 0;
      const outcomes = await outcomesOf(flow, language);

      const count = counts.get(language.name) as { allowed: number; denied: number };
      for (const [table, operation] of cases) {
        const expected = isAllowed(table, numbers, operation);
        const title = `${operation.name} ${operation.resource}`;
        const unknown = operation.resource === 'orders.none' && expected;
        expect(outcomes.get(operation), title).toBe(expected ? (unknown ? 'service.unknown' : 'allowed') : table.refusal);
        const { allowed } = await explainAccess(manifest, 'actor', { ...operation.access, resource: atServer(operation.resource) } as Access, {
          ceiling: 'unrestricted',
          base: '/',
        });
        // A variable that is granted may have no value.
        if (operation.access.capability !== 'environment') expect(allowed, `explained: ${title}`).toBe(expected);
        else if (expected) expect(allowed, `explained: ${title}`).toBe(true);
        count[expected ? 'allowed' : 'denied']++;
      }
      for (const table of Object.values(spheres)) {
        const refused = table.operations.filter((operation) => isRefusedByHost(table, numbers, operation, language));
        const told = audit.filter(({ capability, allowed }) => !allowed && capability === table.operations[0]?.access.capability);
        expect(told.length, 'every refusal of the host is audited').toBeGreaterThanOrEqual(refused.length);
      }
      const called = offered.filter((service) => cases.some(([table, operation]) => operation.resource === service && isAllowed(table, numbers, operation)));
      expect(performed.toSorted(), 'nothing that was refused was performed').toEqual(called.toSorted());
      const sent = cases.filter(([table, operation]) => operation.access.capability === 'network' && isAllowed(table, numbers, operation));
      expect(requests.length, 'nothing that was refused was sent').toBe(sent.length);
      const written = cases.filter(([table, operation]) => operation.name === 'write' && isAllowed(table, numbers, operation));
      for (const file of files) {
        const isWritten = written.some(([, { resource }]) => path.posix.normalize(resource) === `/${file}`);
        expect(readFileSync(path.join(folder, file), 'utf8'), 'what was allowed was written, and nothing else').toBe(isWritten ? 'written' : file);
      }
    },
  );
});

/** A variable that is required and not granted stops the deployment: there is nothing to try. */
function requiresUngranted(own: number, namespace: number): boolean {
  const requires = JSON.stringify(policyOf(own)).includes('required');
  return requires && namespace >= 0 && !JSON.stringify(policyOf(namespace)).includes('REGION');
}

test('the table allows some and denies more, as many in every language', async () => {
  const [{ allowed, denied }] = [...counts.values()] as [{ allowed: number; denied: number }];
  expect(allowed).toBeGreaterThan(40);
  expect(denied).toBeGreaterThan(allowed);
  for (const [name, count] of counts) expect(count, name).toEqual({ allowed, denied });
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
