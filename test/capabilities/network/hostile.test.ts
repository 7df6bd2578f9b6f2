/** Section I of the corpus, 168 to 175: what a guest must not send, and what a server must not do to the host. */
import type { Socket } from 'node:net';
import { brotliCompressSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { refusalOf, TestActor } from './actor.ts';
import { listen, type ServerResponse, serve, serveRaw } from './servers.ts';
import { createServer } from 'node:https';

const seen: string[] = [];
const wire = await serveRaw((socket) => {
  socket.on('data', (bytes) => {
    seen.push(bytes.toString('latin1'));
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
});
const actor = new TestActor({ network: { allow: [wire.origin] } });

describe('168, 169: what goes out', () => {
  test.each([
    ...[
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Connection',
      'Upgrade',
      'Keep-Alive',
      'TE',
      'Trailer',
      'Expect',
      'HTTP2-Settings',
      'Proxy-Authorization',
    ].map((name) => [name, 'x']),
    ...['Proxy-Connection', 'Sec-WebSocket-Key', 'X-HTTP-Method-Override', 'X-Method-Override', 'hOsT', 'content-length '].map((name) => [name, '0']),
    ['x', 'a\r\nhost: evil'],
    ['x', 'a\nb'],
    ['x', 'a\0b'],
    ['x', 'a\rb'],
    ['x', 'ŀ'],
    ['x\r\nhost', 'evil'],
    ['x:y', '1'],
    ['', '1'],
    ['naïve', '1'],
  ])('the header %j: %j is refused', async (name, value) => {
    expect(await actor.refusal({ url: wire.origin, headers: [[name as string, value as string]] })).toBe('network.failed EINVAL');
    expect(seen).toEqual([]);
  });

  test('too many headers, and headers that are too large, are refused', async () => {
    expect(await actor.refusal({ url: wire.origin, headers: Array.from({ length: 5_000 }, (_, index) => [`x-${index}`, '1'] as const) })).toBe('limit.network');
    expect(await actor.refusal({ url: wire.origin, headers: [['x', 'y'.repeat(100_000)]] })).toBe('limit.network');
    expect(seen).toEqual([]);
  });

  test.each(['CONNECT', 'TRACE', 'TRACK', 'get', 'Post', 'GET ', 'GET /x HTTP/1.1\r\nx:', 'PROPFIND', '', 'G\0T'])(
    'the method %j is refused',
    async (method) => {
      expect(await actor.refusal({ url: wire.origin, method })).toBe('network.failed EINVAL');
      expect(seen).toEqual([]);
    },
  );

  test('a request with GET has no body, and nothing of a request is read as another', async () => {
    expect(await actor.refusal({ url: wire.origin, body: Buffer.from('GET / HTTP/1.1\r\n\r\n') })).toBe('network.failed EINVAL');
    const path = '/%0d%0aHost:%20evil%0d%0a?q=%0d%0aGET%20/x';
    expect(await actor.refusal(`${wire.origin}${path}`)).toBe('status 200');
    expect(
      seen
        .splice(0)
        .join('')
        .split('\r\n')
        .filter((line) => /^(?:GET|Host)/i.test(line)),
    ).toEqual([`GET ${path} HTTP/1.1`, `host: ${wire.origin.slice(7)}`]);
  });

  test('what is no operation, or has the wrong shape, is refused', async () => {
    for (const [operation, input] of [
      ['dial', {}],
      ['request', { url: wire.origin }],
      ['request', { method: 'GET', url: wire.origin, headers: [], socketPath: '/run/docker.sock' }],
      ['request', { method: 'GET', url: wire.origin, headers: { host: 'x' } }],
      ['read', { response: '1', length: 1 }],
      ['read', { response: 1, length: -1 }],
      ['constructor', {}],
      ['__proto__', {}],
    ] as const)
      expect([operation, await actor.call(operation, input).catch(refusalOf)]).toEqual([operation, 'message.invalid']);
    expect(seen).toEqual([]);
  });
});

describe('170: servers that hold on', () => {
  const impatient = { wall: '1s', responseBody: '1MiB' };
  const held: Socket[] = [];
  afterAll(() => {
    for (const socket of held) socket.destroy();
  });
  const endless = (socket: Socket, head: string, chunk: string): void => {
    socket.write(head);
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
      if (!socket.destroyed) socket.once('drain', more);
    };
    more();
  };

  test.each<[string, (socket: Socket) => void, string | RegExp]>([
    ['never answers', () => {}, 'network.failed ETIMEDOUT'],
    ['answers one byte at a time', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n'), 'network.failed ETIMEDOUT'],
    ['sends headers one by one, for ever', (socket) => drip(socket, `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(1000)}`), 'network.failed ETIMEDOUT'],
    [
      'sends its body one byte at a time',
      (socket) => drip(socket, 'x'.repeat(1000), 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n'),
      'network.failed ETIMEDOUT',
    ],
    ['sends headers without end', (socket) => endless(socket, 'HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(1000)}\r\n`), 'limit.network'],
    ['sends a body without end', (socket) => endless(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(65_536)), 'limit.network'],
    [
      'sends chunks without end',
      (socket) => endless(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', `1000\r\n${'x'.repeat(4096)}\r\n`),
      'limit.network',
    ],
    ['promises a body that is too large', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n'), 'limit.network'],
    ['is early, for ever', (socket) => endless(socket, '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), 'limit.network'],
    ['ends before its body does', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'), 'network.failed ECONNRESET'],
    ['hangs up', (socket) => socket.destroy(), 'network.failed ECONNRESET'],
    ['speaks something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.0\r\n'), 'network.failed EPROTO'],
    [
      'has two lengths',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 5\r\n\r\nhello'),
      /^network.failed E(?:PROTO|CONNRESET)$/,
    ],
    [
      'has a length and chunks',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
      /^network.failed E(?:PROTO|CONNRESET)$/,
    ],
    ['switches protocols', (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'), /^network.failed/],
    ['asks for HTTP/2', (socket) => socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'network.failed EPROTO'],
  ])('one that %s', async (_, speak, expected) => {
    const server = await serveRaw((socket) => {
      held.push(socket);
      socket.once('data', () => speak(socket));
    });
    const patient = new TestActor({ network: { allow: [server.origin] }, limits: impatient });
    const before = process.memoryUsage.rss();
    expect(await patient.refusal(server.origin)).toMatch(typeof expected === 'string' ? new RegExp(`^${expected}$`) : expected);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    expect(patient.holdings.size).toBe(0);
    patient.holdings.end();
  });

  test('a response that nobody reads is held back, and ends with the time of a turn', async () => {
    let sent = 0;
    const server = await serveRaw((socket) => {
      held.push(socket);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = (): void => {
        do sent += 65_536;
        while (!socket.destroyed && socket.write('x'.repeat(65_536)));
        if (!socket.destroyed) socket.once('drain', more);
      };
      socket.once('data', more);
    });
    const lazy = new TestActor({ network: { allow: [server.origin] }, limits: { wall: '400ms' } });
    const { response } = await lazy.request(server.origin);
    await new Promise((resolve) => held.at(-1)?.on('close', resolve));
    expect(sent).toBeLessThan(16 * 1024 * 1024);
    expect(await lazy.call('read', { response, length: 10_000_000 }).then(() => 'read', refusalOf)).toMatch(/read|ETIMEDOUT/);
  });

  test('bodies that are bombs are cut, whatever packs them', async () => {
    const large = Buffer.alloc(64 * 1024 * 1024);
    const small = Buffer.alloc(900_000);
    const bombs: Record<string, readonly [string, Buffer]> = {
      '/gzip': ['gzip', gzipSync(large)],
      '/br': ['br', brotliCompressSync(large, { params: {} })],
      '/twice': ['gzip, gzip', gzipSync(gzipSync(large))],
      '/thrice': ['gzip, gzip, gzip', gzipSync('x')],
      '/no-gzip': ['gzip', Buffer.from('no gzip at all')],
      '/cut': ['gzip', gzipSync('x'.repeat(1000)).subarray(0, 20)],
      '/fine': ['gzip', gzipSync(small)],
    };
    const server = await serve((request, response) => {
      const [coding, body] = bombs[request.url ?? ''] ?? ['identity', Buffer.alloc(0)];
      response.writeHead(200, { 'content-encoding': coding }).end(body);
    });
    const reader = new TestActor({ network: { allow: [server.origin] } });
    const before = process.memoryUsage.rss();
    const outcomes = Object.fromEntries(await Promise.all(Object.keys(bombs).map(async (path) => [path, await reader.refusal(server.origin + path)])));
    expect(outcomes).toEqual({
      '/gzip': 'limit.network',
      '/br': 'limit.network',
      '/twice': 'limit.network',
      '/thrice': 'limit.network',
      '/no-gzip': 'network.failed EPROTO',
      '/cut': 'network.failed EPROTO',
      '/fine': 'status 200',
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024);
    expect(reader.holdings.size).toBe(0);
  });
});

describe('a server that knows a secret', () => {
  const key = 'sk-live-0123456789';
  const tells: Record<string, (response: ServerResponse) => void> = {
    '/zstd': (response) => response.setHeader('content-encoding', 'zstd').end(zstdCompressSync(key)),
    '/unknown': (response) => response.setHeader('content-encoding', 'gzip, aes128gcm').end(gzipSync(key)),
    '/gzip': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(key)),
    '/name': (response) => response.setHeader(`X-${key}`, '1').setHeader('x-value', key).end('named'),
  };

  test('cannot tell it in a coding that the host does not read, nor in the name of a header', async () => {
    const server = await serve((request, response) => tells[request.url ?? '']?.(response));
    const network = { allow: [server.origin] };
    const keeping = new TestActor({ network, secrets: { KEY: { to: 'https://api.example.com', header: 'authorization' } } }, {}, { KEY: key });
    expect(await keeping.refusal(`${server.origin}/zstd`)).toBe('network.failed EPROTO');
    expect(await keeping.refusal(`${server.origin}/unknown`)).toBe('network.failed EPROTO');
    expect((await keeping.bodyOf(await keeping.request(`${server.origin}/gzip`))).toString()).toBe('[secret KEY]');
    const named = await keeping.request(`${server.origin}/name`);
    expect(named.headers).toContainEqual(['x-value', '[secret KEY]']);
    expect(JSON.stringify(named)).not.toContain(key);
    const without = new TestActor({ network });
    expect(zstdDecompressSync(await without.bodyOf(await without.request(`${server.origin}/zstd`))).toString()).toBe(key);
    expect(JSON.stringify(await without.request(`${server.origin}/name`))).toContain(`x-${key}`);
  });
});

describe('172 to 175', () => {
  test('a socket to where nothing is granted is denied, and one that is redirected or refused does not open', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: 'ws://127.0.0.2/' }).end();
      else response.writeHead(403).end();
    });
    const wanting = new TestActor({ network: { allow: [server.origin.replace('http', 'ws')] } });
    const opening = (url: string): Promise<unknown> => wanting.call('connect', { url }).catch(refusalOf);
    server.server.on('upgrade', (_, socket: Socket) => socket.end('HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.2/\r\n\r\n'));
    expect(await opening(`ws://127.0.0.1:${server.port}/`)).toBe('network.failed EPROTO');
    expect(await opening('ws://127.0.0.2/')).toBe('policy.denied');
    expect(await opening(`http://127.0.0.1:${server.port}/`)).toBe('network.failed EINVAL');
    expect(await wanting.refusal(server.origin)).toBe('policy.denied');
  });

  test('a message of a socket beyond the limit closes it, and a flood of them waits', async () => {
    const http = await serve((_, response) => response.end());
    const sockets = new WebSocketServer({ server: http.server as never });
    let unsent = 0;
    sockets.on('connection', (socket, request) => {
      if (request.url === '/large') socket.send('x'.repeat(2_000_000));
      else for (let index = 0; index < 2_000; index++) socket.send('x'.repeat(10_000), () => unsent++);
    });
    const listening = new TestActor({ network: { allow: [`ws://127.0.0.1:${http.port}`] } });
    const open = async (path: string): Promise<number> =>
      ((await listening.call('connect', { url: `ws://127.0.0.1:${http.port}${path}` })) as { socket: number }).socket;
    expect(await listening.call('socketReceive', { socket: await open('/large') })).toMatchObject({ closed: { clean: false } });
    const socket = await open('/flood');
    for (let index = 0; index < 2_000; index++) expect(await listening.call('socketReceive', { socket })).toEqual({ data: 'x'.repeat(10_000) });
    await listening.call('close', { handle: socket });
    expect(listening.holdings.size).toBe(0);
  });

  test('a closed port and an unreachable address are told alike', async () => {
    const server = await serve((_, response) => response.end());
    server.server.close();
    const scanning = new TestActor({ network: { allow: [server.origin, 'http://127.0.0.1:1', 'http://127.0.0.1:22222'] } });
    const told = await Promise.all(
      [server.origin, 'http://127.0.0.1:1', 'http://127.0.0.1:22222'].map((url) =>
        scanning.request(url).catch((error: unknown) => ({ ...(error as { record: object }).record })),
      ),
    );
    expect(new Set(told.map((error) => JSON.stringify(error)))).toEqual(new Set([JSON.stringify(told[0])]));
  });

  test('a certificate that nobody vouches for is not trusted', async () => {
    const server = await listen(createServer({ SNICallback: (_, done) => done(new Error('none')) }));
    const trusting = new TestActor({ network: { allow: [`https://127.0.0.1:${server.port}`] } });
    expect(await trusting.refusal(`https://127.0.0.1:${server.port}/`)).toMatch(/^network.failed E(?:PROTO|CERT|CONNRESET)$/);
  });

  test('headers of a response are data: cookies are not kept, controls do not come through', async () => {
    const cookies: unknown[] = [];
    const server = await serve((request, response) => {
      cookies.push(request.headers.cookie);
      response.setHeader('set-cookie', ['a=1', 'b=2']).end('x');
    });
    const reading = new TestActor({ network: { allow: [server.origin] } });
    const { headers } = await reading.request(server.origin);
    await reading.request(server.origin);
    expect(headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
    expect(cookies).toEqual([undefined, undefined]);
    const raw = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 \u001b[31mOK\r\nx: \u001b]0;title\u0007\r\ncontent-length: 1\r\n\r\nx')),
    );
    expect(await new TestActor({ network: { allow: [raw.origin] } }).refusal(raw.origin)).toMatch(/^network.failed EPROTO$|^status 200$/);
  });
});

/** Writes a text, a character every few milliseconds. */
function drip(socket: Socket, text: string, head = ''): void {
  socket.write(head);
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= text.length) clearInterval(timer);
    else socket.write(text[at++] as string);
  }, 20);
  socket.on('close', () => clearInterval(timer));
}
