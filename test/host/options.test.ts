import { expect, test } from 'vitest';
import { z } from 'zod';
import { createHost, defineService } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';

const wrong = (options: unknown) => failureOf(() => createHost(options as never));

test('an option that does not exist, or cannot be, is refused before anything starts', async () => {
  expect(await wrong({ sandbx: {} })).toMatchObject({ code: 'host.option', message: expect.stringContaining('sandbx') });
  expect(await wrong({ sandbox: { minimum: 'fortress' } })).toMatchObject({ code: 'host.option' });
  expect(await wrong({ sandbox: { minimum: 'jail', maximum: 'process' } })).toMatchObject({ code: 'host.option', message: expect.stringContaining('above') });
  expect(await wrong({ limits: { cells: 0 } })).toMatchObject({ code: 'host.option' });
  expect(await wrong({ logger: { info() {} } })).toMatchObject({ code: 'host.option', message: expect.stringContaining('logger') });
  expect(await wrong({ ceiling: 'no-such-preset' })).toMatchObject({ code: 'policy.invalid' });
  expect(await wrong({ node: '/no/such/node' })).toMatchObject({ code: 'host.unsupported' });
});

test('options of the network are checked when the host is created', async () => {
  expect(await wrong({ network: { dnsServers: ['ns.example.com'] } })).toMatchObject({
    code: 'host.option',
    message: expect.stringContaining('a name server is an address'),
  });
  expect(await wrong({ network: { trustedAddresses: ['10.1.0.0/64'] } })).toMatchObject({
    code: 'host.option',
    message: expect.stringContaining('10.1.0.0/64'),
  });
  expect(await wrong({ network: { authorities: ['ca.pem'] } })).toMatchObject({ code: 'host.option', message: expect.stringContaining('PEM') });
  expect(await wrong({ network: { proxy: 'http://proxy' } as never })).toMatchObject({ code: 'host.option' });
});

test('services are checked when the host is created', async () => {
  const service = defineService({ input: z.string(), output: z.string(), handle: (text) => text });
  expect(await wrong({ services: { list: service } })).toMatchObject({ code: 'host.option', message: 'services.list: a service belongs to a group' });
  expect(await wrong({ services: { orders: { 'a b': service } } })).toMatchObject({ code: 'host.option' });
  expect(await wrong({ services: { orders: { list: { ...service, input: {} } } } })).toMatchObject({
    code: 'host.option',
    message: 'services.orders.list: `input` is no schema',
  });
  expect(await wrong({ services: { orders: { list: { ...service, handle: 'x' } } } })).toMatchObject({ code: 'host.option' });
  expect(await wrong({ services: { orders: { list: 1 } } })).toMatchObject({ code: 'host.option' });
});

test('the report says what was reached', async () => {
  await using host = await createHost({ spare: false });
  const { sandbox, node, cells, namespaces } = host.report();
  expect(['process', 'jail']).toContain(sandbox);
  expect(node.version).toBe(process.versions.node);
  expect({ cells, namespaces }).toEqual({ cells: 0, namespaces: [] });
});

test('no level above the maximum is used', async () => {
  await using host = await createHost({ spare: false, sandbox: { maximum: 'process' } });
  const { sandbox, missing } = host.report();
  expect(sandbox).toBe('process');
  expect(missing?.reason).toBeTruthy();
});
