/** HTTP of Extism plugins, where it is their own: what holds for every language is in test/conformance/network.test.ts. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createHost, type Flow, type Host } from '../../host/index.ts';
import { serve } from '../capabilities/network/servers.ts';
import { failureOf } from '../support/failure.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MiB = 1024 * 1024;
let waiting = 0;
const server = await serve((request, response) => {
  const [, kind, size] = (request.url ?? '').split('/');
  if (kind === 'never') {
    waiting++;
    return void response.on('close', () => waiting--);
  }
  if (kind === 'large') return void response.end(Buffer.alloc(Number(size), 'z'));
  response.end('here');
});

let host: Host;
let flow: Flow;
beforeAll(async () => {
  host = await createHost({ ceiling: 'unrestricted' });
  flow = (await host.deploy({
    vivarium: 1,
    actors: {
      client: {
        source: './dist/test/plugins/network.wasm',
        policy: { network: { allow: [server.origin] }, limits: { memory: '16MiB', responseBody: '64MiB', cpu: '20s' } },
      },
      frugal: { source: './dist/test/plugins/network.wasm', policy: { network: { allow: [server.origin] }, limits: { responseBody: '1MiB' } } },
    },
    inputs: { in: 'client', size: 'client.size', frugal: 'frugal.size' },
    outputs: { out: 'client', told: 'frugal' },
  })) as unknown as Flow;
});
afterAll(() => host.close());

const ask = (message: unknown, inlet = 'in'): Promise<unknown> => flow.ask(inlet, message);
const answer = { status: 200, kind: null, body: 'here' };

describe('HTTP of a plugin', () => {
  test.each([
    ['a scheme that is no network', { url: 'file:///etc/passwd', method: 'GET' }, 'network.failed'],
    ['a method that no guest has', { url: server.origin, method: 'CONNECT' }, 'network.failed'],
    ['a request without a URL', { method: 'GET' }, 'message.invalid'],
    ['a header that is no text', { url: server.origin, headers: { 'x-a': 7 } }, 'message.invalid'],
    ['a header of the connection', { url: server.origin, headers: { host: 'other.example' } }, 'network.failed'],
    ['what is no request', 'text', 'message.invalid'],
  ])('refuses %s, and the next request goes well', async (_, message, code) => {
    expect(await failureOf(() => ask(message))).toMatchObject({ code });
    expect(await ask({ url: server.origin, method: 'get' })).toEqual(answer);
  });

  test('counts what came as memory of the actor, and ends at its limit', async () => {
    expect(await ask(`${server.origin}/large/${4 * MiB}`, 'size')).toBe(4 * MiB);
    expect(await failureOf(() => ask(`${server.origin}/large/${40 * MiB}`, 'size'))).toMatchObject({ code: 'limit.memory' });
    expect(await ask({ url: server.origin })).toEqual(answer);
  });

  test('ends a response that is larger than its limit', async () => {
    expect(await failureOf(() => ask(`${server.origin}/large/${2 * MiB}`, 'frugal'))).toMatchObject({ code: 'limit.network' });
  });

  test('ends with its execution, and the server sees it go', async () => {
    const execution = await flow.start({ in: { url: `${server.origin}/never` } });
    await expect.poll(() => waiting, { timeout: 10_000 }).toBe(1);
    await execution.cancel('enough');
    expect((await execution.result).status).toBe('cancelled');
    await expect.poll(() => waiting, { timeout: 10_000 }).toBe(0);
    expect(await ask({ url: server.origin })).toEqual(answer);
  });
});
