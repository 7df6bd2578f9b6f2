/** What a request is, to the broker: what goes out, what comes back, in pieces or whole. */
import { createHash, randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TestActor } from './actor.ts';
import { serve, textOf } from './servers.ts';

const large = randomBytes(3_000_000);
const codings = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync } as const;

/** Ends the answer that begins with the headers and a part. */
let endSlow: () => void = () => undefined;

const server = await serve(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://host');
  if (pathname === '/echo') {
    const body = await textOf(request);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ method: request.method, headers: request.headers, body }));
  } else if (pathname === '/large') response.end(large);
  else if (pathname === '/hash') {
    const hash = createHash('sha256');
    for await (const chunk of request) hash.update(chunk as Buffer);
    response.end(hash.digest('hex'));
  } else if (pathname.startsWith('/coded/')) {
    const coding = pathname.slice(7) as keyof typeof codings;
    response.setHeader('content-encoding', coding).end(codings[coding](Buffer.from('naïve text '.repeat(1000))));
  } else if (pathname === '/slow') {
    response.write('first');
    endSlow = () => response.end('second');
  } else response.writeHead(404, 'Nothing Here').end('none');
});

const actor = new TestActor({ network: { allow: [server.origin] } });

describe('a request', () => {
  test('carries method, headers and body, and its answer is whole if it is short', async () => {
    const fetched = await actor.request({
      method: 'POST',
      url: `${server.origin}/echo?x=1`,
      headers: [
        ['X-Kind', 'order'],
        ['content-type', 'text/plain'],
      ],
      body: Buffer.from('naïve'),
    });
    expect(fetched).toMatchObject({ status: 200, statusText: 'OK', url: `${server.origin}/echo?x=1`, redirected: false, response: null, done: true });
    expect(fetched.headers).toContainEqual(['content-type', 'application/json']);
    const told = JSON.parse((await actor.bodyOf(fetched)).toString());
    expect(told).toEqual({
      method: 'POST',
      body: 'naïve',
      headers: {
        host: server.origin.slice(7),
        connection: 'keep-alive',
        accept: '*/*',
        'accept-encoding': 'gzip, deflate, br',
        'user-agent': 'vivarium',
        'x-kind': 'order',
        'content-type': 'text/plain',
        'content-length': '6',
      },
    });
    expect(actor.audit.at(-1)).toMatchObject({
      capability: 'network',
      operation: 'POST',
      resource: `${server.origin}/echo?x=1`,
      allowed: true,
      execution: 'e',
    });
  });

  test('is answered with whatever the server says', async () => {
    const fetched = await actor.request(`${server.origin}/none`);
    expect({ status: fetched.status, text: fetched.statusText }).toEqual({ status: 404, text: 'Nothing Here' });
    expect((await actor.bodyOf(fetched)).toString()).toBe('none');
    expect(await actor.bodyOf(await actor.request({ method: 'HEAD', url: `${server.origin}/large` }))).toHaveLength(0);
  });

  test('has a body in pieces if it is long', async () => {
    const fetched = await actor.request(`${server.origin}/large`);
    expect(fetched).toMatchObject({ done: false, body: null, response: expect.any(Number) });
    expect((await actor.bodyOf(fetched)).equals(large)).toBe(true);
    expect(actor.holdings.size).toBe(0);
  });

  test('is answered when the headers are there, before the body is', async () => {
    const fetched = await actor.request(`${server.origin}/slow`);
    expect((await actor.call('read', { response: fetched.response, length: 100 })) as Uint8Array).toEqual(new Uint8Array(Buffer.from('first')));
    endSlow();
    expect((await actor.bodyOf(fetched)).toString()).toBe('second');
  });

  test.each(Object.keys(codings))('has its body decompressed: %s', async (coding) => {
    const fetched = await actor.request(`${server.origin}/coded/${coding}`);
    expect((await actor.bodyOf(fetched)).toString()).toBe('naïve text '.repeat(1000));
    expect(fetched.headers.map(([name]) => name)).not.toContain('content-encoding');
  });

  test('can be closed before it was read', async () => {
    const fetched = await actor.request(`${server.origin}/large`);
    await actor.call('close', { handle: fetched.response });
    expect(actor.holdings.size).toBe(0);
    await expect(actor.bodyOf(fetched)).rejects.toMatchObject({ record: { code: 'network.failed', name: 'EBADF' } });
  });
});

describe('a body that is streamed', () => {
  test('goes out in pieces', async () => {
    const { upload } = (await actor.call('request', { method: 'PUT', url: `${server.origin}/hash`, headers: [], streaming: true })) as { upload: number };
    for (let at = 0; at < large.length; at += 500_000) await actor.call('send', { upload, data: large.subarray(at, at + 500_000) });
    const fetched = (await actor.call('finish', { upload })) as never;
    expect((await actor.bodyOf(fetched)).toString()).toBe(createHash('sha256').update(large).digest('hex'));
    expect(actor.holdings.size).toBe(0);
  });

  test('is denied before its first byte', async () => {
    await expect(actor.call('request', { method: 'PUT', url: 'http://127.0.0.2/', headers: [], streaming: true })).rejects.toMatchObject({
      code: 'policy.denied',
    });
  });
});

describe('many requests', () => {
  test('64 at once are queued and served, six at a time', async () => {
    let open = 0;
    let most = 0;
    const counting = await serve((_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.end('x');
      }, 5);
    });
    const busy = new TestActor({ network: { allow: [counting.origin] }, limits: { requests: 64 } });
    const answers = await Promise.all(Array.from({ length: 64 }, () => busy.request(counting.origin)));
    expect(answers.map(({ status }) => status)).toEqual(Array(64).fill(200));
    expect(most).toBe(6);
    expect(await busy.refusal(counting.origin)).toBe('limit.network');
    expect(await busy.refusal(counting.origin, { turn: 2 })).toBe('status 200');
  });

  test('one that is cancelled ends at once, waiting or not', async () => {
    const ended: string[] = [];
    const silent = await serve((request) => request.on('close', () => ended.push(request.url ?? '')));
    const impatient = new TestActor({ network: { allow: [silent.origin] } });
    const waiting = Array.from({ length: 8 }, (_, index) => {
      const controller = new AbortController();
      return { controller, answer: impatient.request(`${silent.origin}/${index}`, { signal: controller.signal }).catch((error: unknown) => error) };
    });
    await expect.poll(() => silent.connections).toBe(6);
    for (const { controller } of waiting) controller.abort(new Error('enough'));
    await Promise.all(waiting.map(({ answer }) => answer));
    await expect.poll(() => ended.length).toBe(6);
    const tagged = impatient.request({ url: `${silent.origin}/tagged`, tag: 7 }).catch((error: unknown) => error);
    await expect.poll(() => silent.connections).toBe(7);
    await impatient.call('cancel', { tag: 7 });
    expect(await tagged).toMatchObject({ code: 'call.cancelled' });
  });

  test('those of an instance that is gone end with it', async () => {
    const ended: number[] = [];
    const silent = await serve((request) => request.on('close', () => ended.push(1)));
    const gone = new TestActor({ network: { allow: [silent.origin] } });
    const answer = gone.refusal(silent.origin);
    await expect.poll(() => silent.connections).toBe(1);
    gone.holdings.end();
    expect(await answer).toMatch(/network.failed|call.cancelled/);
    await expect.poll(() => ended).toEqual([1]);
  });
});
