/** The file of `run --audit`: who may read it, and when a line is in it. */
import { chmodSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { AuditFile } from '../../host/cli/audit.ts';
import { createHost } from '../../host/index.ts';
import { makeFolder } from '../support/folder.ts';

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
const unexpected = (error: Error): never => {
  throw error;
};

test('a decision is in the file before it takes effect', async () => {
  const file = path.join(makeFolder({}), 'audit.ndjson');
  using audit = new AuditFile(file, unexpected);
  const seen: string[] = [];
  const note = { input: z.unknown(), output: z.unknown(), handle: () => seen.push(readFileSync(file, 'utf8')) };
  await using host = await createHost({ ceiling: 'unrestricted', services: { orders: { note } }, spare: 0 });
  host.on('audit', (event) => audit.write(event));
  const code = 'export const handle = (_, { services }) => services.orders.note();';
  const flow = await host.deploy({ vivarium: 1, actors: { clerk: { runtime: 'javascript', code, policy: { services: ['orders.*'] } } } });
  await flow.actor('clerk').ask(null);
  expect(seen.map((text) => JSON.parse(text))).toMatchObject([{ actor: 'clerk', resource: 'orders.note', allowed: true }]);
});

test('the file is readable for its owner alone, also one that was there', () => {
  const folder = makeFolder({ 'old.ndjson': 'before\n' });
  chmodSync(path.join(folder, 'old.ndjson'), 0o644);
  for (const name of ['old.ndjson', 'new.ndjson']) {
    using _ = new AuditFile(path.join(folder, name), unexpected);
    expect(modeOf(path.join(folder, name)), name).toBe('600');
  }
  expect(readFileSync(path.join(folder, 'old.ndjson'), 'utf8')).toBe('before\n');
});

test('what a guest names cannot begin a line of its own', () => {
  const file = path.join(makeFolder({}), 'audit.ndjson');
  using audit = new AuditFile(file, unexpected);
  const resource = 'a\n{"allowed":true}\u2028\u001b[31m';
  const access = { time: 1, namespace: 'n', actor: 'a', capability: 'state', operation: 'get', resource, allowed: false, rule: null, reason: '' } as const;
  audit.write(access);
  const text = readFileSync(file, 'utf8');
  expect(text.split('\n')).toHaveLength(2);
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u2028]/);
  expect(JSON.parse(text)).toEqual(access);
});
