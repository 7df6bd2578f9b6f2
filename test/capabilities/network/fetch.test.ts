/** `fetch` and `WebSocket` as actors in JavaScript use them: in real cells, against servers on loopback. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { type AuditEvent, createHost, type Flow, type Host, type LogEvent } from '../../../host/index.ts';
import { serve, textOf } from './servers.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const largeBody = Buffer.alloc(2_500_000, 'x');
const ended: string[] = [];
/** Responses that are not begun. */
let open = 0;

const server = await serve(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://host');
  if (pathname === '/echo') {
    const body = await textOf(request);
    const { headers, method } = request;
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ method, kind: headers['x-kind'] ?? null, type: headers['content-type'] ?? null, body }));
  } else if (pathname === '/large') response.end(largeBody);
  else if (pathname === '/count') response.end(String((await textOf(request)).length));
  else if (pathname === '/away') response.writeHead(302, { location: '/echo', 'set-cookie': 'a=1' }).end();
  else if (pathname === '/private') response.writeHead(302, { location: `http://127.0.0.2:${server.port}/` }).end();
  else if (pathname === '/breaks') request.socket.destroy();
  else if (pathname === '/stalls') response.on('close', () => ended.push(pathname)).write('first');
  else if (pathname === '/silent') {
    open++;
    response.on('close', () => {
      open--;
      ended.push(pathname);
    });
  } else response.writeHead(404).end('none');
});
const canary = await serve((_, response) => response.end('secret'), '127.0.0.2', server.port);
const sockets = new WebSocketServer({ server: server.server as never, handleProtocols: (offered) => [...offered].at(-1) ?? false });
let closedSockets = 0;
sockets.on('connection', (socket: WebSocket) => {
  socket.on('message', (data, isBinary) => (String(data) === 'bye' ? socket.close(4001, 'as you say') : socket.send(data, { binary: isBinary })));
  socket.on('close', () => closedSockets++);
});
const closed = await serve((_, response) => response.end());
closed.server.close();

const told = `const told = ({ name, code, message, hint, cause }) => ({ name, code, message, hint, cause: cause?.code });`;
const code = `${told}
export const handle = async ({ run, ...input }, context) => {
  try { return await runs[run](input, context); } catch (error) { return { error: told(error) }; }
};
const runs = {
  get: async ({ url, ...init }) => {
    const response = await fetch(url, init);
    const { status, ok, url: final, redirected, type } = response;
    return { status, ok, url: final, redirected, type, kind: response.headers.get('content-type'), text: await response.text(), used: response.bodyUsed };
  },
  shapes: async ({ url }) => {
    const request = new Request(url, { method: 'post', headers: [['X-Kind', 'a'], ['x-kind', 'b']], body: new URLSearchParams({ q: '1 2' }) });
    const response = await fetch(request);
    const copy = response.clone();
    return [await response.json(), new TextDecoder().decode(await copy.arrayBuffer()), [...new Headers({ b: 1, a: 2 })], request.bodyUsed];
  },
  pieces: async ({ url }) => { let bytes = 0, pieces = 0; for await (const piece of (await fetch(url)).body) { bytes += piece.length; pieces++; } return { bytes, several: pieces > 1 }; },
  streams: async ({ url }) => {
    async function* produce() { for (let n = 0; n < 5; n++) { await new Promise((resolve) => setTimeout(resolve, 1)); yield new Uint8Array(300_000).fill(120); } }
    return (await fetch(url, { method: 'POST', body: ReadableStream.from(produce()), duplex: 'half' })).text();
  },
  reads: async ({ url }) => (await (await fetch(url)).text()).length,
  whole: async ({ url }) => (await fetch(url, { method: 'POST', body: 'x'.repeat(1_500_000) })).text(),
  several: async ({ url, count }) => Promise.all(Array.from({ length: count }, async () => (await fetch(url)).status)),
  aborts: async ({ url }) => {
    const controller = new AbortController();
    const answer = fetch(url, { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    return answer;
  },
  abortsReading: async ({ url }) => {
    const controller = new AbortController();
    const reader = (await fetch(url, { signal: controller.signal })).body.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    controller.abort(new Error('enough of ' + first));
    return reader.read();
  },
  leaves: async ({ url }) => { await fetch(url); return 'left'; },
  twice: async ({ url }) => { const response = await fetch(url); await response.text(); return response.text(); },
  chats: ({ url, protocols }) => new Promise((resolve) => {
    const socket = new WebSocket(url, protocols), seen = [];
    socket.onopen = () => { seen.push(['open', socket.protocol, socket.readyState]); socket.send('naïve'); socket.send(new Uint8Array([1, 2, 255])); };
    socket.addEventListener('message', ({ data }) => { seen.push(typeof data === 'string' ? data : [...new Uint8Array(data)]); if (seen.length === 3) socket.send('bye'); });
    socket.onerror = () => seen.push('error');
    socket.onclose = ({ code, reason, wasClean }) => resolve([...seen, { code, reason, wasClean, state: socket.readyState }]);
  }),
  opens: ({ url }) => new Promise((resolve) => { const socket = new WebSocket(url); socket.onopen = () => resolve('open'); }),
  poisoned: async ({ url }) => {
    const stolen = [];
    const steal = (value) => { if (value !== null && typeof value === 'object' && ('resolve' in value || 'kernel' in value)) stolen.push(Object.keys(value)); };
    const { push } = Array.prototype;
    Array.prototype.push = function (...values) { values.forEach(steal); return push.apply(this, values); };
    for (const key of ['then', 'handle', 'response', 'upload', 'turn', 'capability']) Object.defineProperty(Object.prototype, key, { configurable: true, set(value) { steal(this); }, get() { return undefined; } });
    try { return { status: (await fetch(url)).status, stolen }; }
    catch (error) { return { error: String(error), stolen }; }
  },
};`;

let host: Host;
let flow: Flow;
const logs: LogEvent[] = [];
beforeAll(async () => {
  host = await createHost({ ceiling: 'unrestricted' });
  host.on('log', (event) => logs.push(event));
  const policy = { network: { allow: [server.origin, closed.origin, `ws://127.0.0.1:${server.port}`] }, limits: { cpu: '5s' } };
  flow = (await host.deploy({
    vivarium: 1,
    actors: { clerk: { runtime: 'javascript', code, policy } },
    inputs: { in: 'clerk' },
    outputs: { out: 'clerk' },
  })) as never;
});
afterAll(() => host.close());

const ask = (run: string, path: string, rest: object = {}): Promise<unknown> =>
  flow.ask('in', { run, url: path.startsWith('/') ? `${server.origin}${path}` : path, ...rest });

describe('fetch', () => {
  test('carries method, headers and body, and its response has what a response has', async () => {
    expect(await ask('get', '/echo', { method: 'POST', headers: { 'x-kind': 'order' }, body: 'naïve 😀' })).toEqual({
      status: 200,
      ok: true,
      url: `${server.origin}/echo`,
      redirected: false,
      type: 'basic',
      kind: 'application/json',
      text: JSON.stringify({ method: 'POST', kind: 'order', type: 'text/plain;charset=UTF-8', body: 'naïve 😀' }),
      used: true,
    });
    expect(await ask('get', '/nothing')).toMatchObject({ status: 404, ok: false, text: 'none' });
  });

  test('takes requests, lists of headers and forms; responses are cloned', async () => {
    const body = { method: 'POST', kind: 'a, b', type: 'application/x-www-form-urlencoded;charset=UTF-8', body: 'q=1+2' };
    expect(await ask('shapes', '/echo')).toEqual([
      body,
      JSON.stringify(body),
      [
        ['a', '2'],
        ['b', '1'],
      ],
      true,
    ]);
  });

  test('follows redirects, or not, as it is told', async () => {
    expect(await ask('get', '/away')).toMatchObject({ status: 200, url: `${server.origin}/echo`, redirected: true });
    expect(await ask('get', '/away', { redirect: 'manual' })).toMatchObject({ status: 302 });
    expect(await ask('get', '/away', { redirect: 'error' })).toMatchObject({ error: { name: 'TypeError', message: 'fetch failed', cause: 'EREDIRECT' } });
  });

  test('moves long bodies both ways, whole and in pieces', async () => {
    expect(await ask('pieces', '/large')).toEqual({ bytes: largeBody.length, several: true });
    expect(await ask('reads', '/large')).toBe(largeBody.length);
    expect(await ask('whole', '/count')).toBe('1500000');
    expect(await ask('streams', '/count')).toBe('1500000');
  });

  test('is answered, however many there are at once', async () => {
    expect(await ask('several', '/nothing', { count: 50 })).toEqual(Array(50).fill(404));
    expect(await ask('several', '/nothing', { count: 51 })).toMatchObject({ error: { code: 'limit.network' } });
  });

  test('is denied what the policy does not grant, with the line that would allow it, and the audit knows', async () => {
    const audit: AuditEvent[] = [];
    const off = host.on('audit', (event) => audit.push(event));
    expect(await ask('get', `${canary.origin}/x`)).toMatchObject({
      error: {
        name: 'VivariumError',
        code: 'policy.denied',
        message: expect.stringContaining(`\`clerk\` may not reach \`${canary.origin}/x\` with GET`),
        hint: expect.stringContaining(`network: { allow: ["${canary.origin}"] }`),
      },
    });
    expect(await ask('get', '/private')).toMatchObject({ error: { code: 'policy.denied' } });
    off();
    expect(audit.map(({ operation, resource, allowed }) => [operation, resource, allowed])).toEqual([
      ['GET', `${canary.origin}/x`, false],
      ['GET', `${server.origin}/private`, true],
      ['GET', `${canary.origin}/`, false],
    ]);
    expect(canary.connections).toBe(0);
  });

  test('fails as everywhere: a TypeError whose cause says how', async () => {
    expect(await ask('get', closed.origin)).toMatchObject({ error: { name: 'TypeError', message: 'fetch failed', cause: 'ECONNREFUSED' } });
    expect(await ask('get', '/breaks')).toMatchObject({ error: { name: 'TypeError', message: 'fetch failed', cause: 'ECONNRESET' } });
    expect(await ask('get', 'no url')).toMatchObject({ error: { name: 'TypeError', message: 'Failed to parse URL from no url' } });
    expect(await ask('get', '/echo', { headers: { host: 'elsewhere' } })).toMatchObject({ error: { cause: 'EINVAL' } });
    expect(await ask('get', '/echo', { body: 'x' })).toMatchObject({ error: { name: 'TypeError' } });
    expect(await ask('twice', '/echo')).toMatchObject({ error: { name: 'TypeError', message: expect.stringContaining('already been read') } });
  });

  test('ends when its signal aborts, for the server too', async () => {
    ended.length = 0;
    expect(await ask('aborts', '/silent')).toMatchObject({ error: { name: 'AbortError' } });
    await expect.poll(() => ended).toEqual(['/silent']);
    expect(await ask('abortsReading', '/stalls')).toMatchObject({ error: { message: 'enough of first' } });
    await expect.poll(() => ended).toEqual(['/silent', '/stalls']);
  });

  test('ends with its turn, read or not, and with its execution', async () => {
    ended.length = 0;
    expect(await ask('leaves', '/stalls')).toBe('left');
    await expect.poll(() => ended).toEqual(['/stalls']);
    const before = server.connections;
    const execution = await flow.start({ in: { run: 'get', url: `${server.origin}/silent` } });
    await expect.poll(() => server.connections > before || ended.length > 1).toBe(true);
    await execution.cancel('enough');
    await expect.poll(() => ended).toEqual(['/stalls', '/silent']);
  });

  test('of the next execution goes out though the one before was cancelled with more requests than there are places', async () => {
    const execution = await flow.start({ in: { run: 'several', url: `${server.origin}/silent`, count: 20 } });
    const before = ended.length;
    await expect.poll(() => open).toBe(6);
    await execution.cancel('enough');
    expect(await ask('get', '/nothing')).toMatchObject({ status: 404 });
    await expect.poll(() => ended.length).toBe(before + 6);
  });

  test('gives nothing of ours to an actor that poisons its prototypes, and the next instance is well', async () => {
    expect(await ask('poisoned', '/nothing')).toMatchObject({ stolen: [] });
  });
});

describe('a WebSocket', () => {
  const url = `ws://127.0.0.1:${server.port}/`;

  test('opens, talks in order, in text and bytes, and closes', async () => {
    const fresh = (await host.deploy(
      {
        vivarium: 1,
        actors: { clerk: { runtime: 'javascript', code, policy: { network: { allow: [`ws://127.0.0.1:${server.port}`] } } } },
        inputs: { in: 'clerk' },
        outputs: { out: 'clerk' },
      },
      { namespace: 'sockets' },
    )) as unknown as Flow;
    expect(await fresh.ask('in', { run: 'chats', url, protocols: ['one', 'two'] })).toEqual([
      ['open', 'two', 1],
      'naïve',
      [1, 2, 255],
      { code: 4001, reason: 'as you say', wasClean: true, state: 3 },
    ]);
    expect(await fresh.ask('in', { run: 'chats', url: url.replace('127.0.0.1', '127.0.0.2') })).toEqual([
      'error',
      { code: 1006, reason: '', wasClean: false, state: 3 },
    ]);
    expect(logs.map(({ text }) => text).join()).toContain('may not reach');
    expect(canary.connections).toBe(0);
    const before = closedSockets;
    expect(await fresh.ask('in', { run: 'opens', url })).toBe('open');
    await expect.poll(() => closedSockets).toBe(before + 1);
    await fresh.stop();
  });

  test('lives as long as the instance if `start` opened it', async () => {
    const lasting = `let socket; const seen = [];
      export const start = () => new Promise((resolve) => {
        socket = new WebSocket(${JSON.stringify(url)});
        socket.onmessage = ({ data }) => seen.push(data);
        socket.onopen = resolve;
      });
      export const handle = async (message) => {
        socket.send(message);
        while (!seen.includes(message)) await new Promise((resolve) => setTimeout(resolve, 1));
        return seen;
      };`;
    const living = (await host.deploy(
      {
        vivarium: 1,
        actors: { clerk: { runtime: 'javascript', code: lasting, policy: { network: { allow: [`ws://127.0.0.1:${server.port}`] } } } },
        inputs: { in: 'clerk' },
        outputs: { out: 'clerk' },
      },
      { namespace: 'lasting' },
    )) as unknown as Flow;
    expect(await living.ask('in', 'first')).toEqual(['first']);
    expect(await living.ask('in', 'second')).toEqual(['first', 'second']);
    const before = closedSockets;
    await living.stop();
    await expect.poll(() => closedSockets).toBe(before + 1);
  });
});
