/**
 * The transports of httpx. The fixture has the shape of httpx 0.28: Python's packages are not installed for tests. With httpx
 * itself, copied into the folder of an actor, it was tried by hand.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import { serve, textOf } from '../capabilities/network/servers.ts';

test('a request of httpx goes by the broker, whether a function or a coroutine sends it', async () => {
  const { origin } = await serve(async (request, response) => {
    if (request.url === '/reset') request.socket.destroy();
    else response.end([request.method, request.headers.host === new URL(origin).host, request.headers['x-a'], await textOf(request)].join());
  });
  await using host = await createHost({ ceiling: 'unrestricted' });
  const source = './test/fixtures/httpx/main.py';
  const flow = await host.deploy(
    { vivarium: 1, actors: { sender: { source, inlets: ['in', 'later'], policy: { network: { allow: [origin] } } } } },
    { base: join(import.meta.dirname, '../..') },
  );
  expect(await flow.actor('sender').ask(origin)).toEqual([200, 'OK', 'POST,true,b,now', ['PolicyDenied', true], ['ConnectError', false]]);
  expect(await flow.actor('sender').ask(origin, { inlet: 'later' })).toBe('POST,true,,later');
});
