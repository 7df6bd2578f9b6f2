/** What guests and servers could pile up in the host, and what keeps it from growing: places, time, weights, counts. */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Backlog } from '../../../host/capabilities/network/backlog.ts';
import { refusalOf, TestActor } from './actor.ts';
import { serve, serveRaw } from './servers.ts';

const MiB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a call with many mistakes', () => {
  const numbers = Array<number>(94_000).fill(0);
  test.each([
    ['request', { method: 'GET', url: 'http://127.0.0.1/', headers: numbers }],
    ['connect', { url: 'ws://127.0.0.1/', protocols: numbers }],
    ['connect', { url: 'ws://127.0.0.1/', headers: numbers }],
    ['request', { body: new Uint8Array(1), ...Object.fromEntries(numbers.slice(0, 9_000).map((_, index) => ['\u0001'.repeat(90) + index, null])) }],
    ['request', { method: 'GET', url: 'http://127.0.0.1/', headers: [[`sec-${'x'.repeat(20_000)}`, '']] }],
  ])('costs the host little, and is told of a few: %s', async (operation, input) => {
    const actor = new TestActor({ network: { allow: ['http://127.0.0.1'] } });
    const times: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const began = performance.now();
      const error = await actor.call(operation, input).catch((refused: unknown) => refused as Error);
      times.push(performance.now() - began);
      expect(refusalOf(error)).toMatch(/^message.invalid$|^network.failed EINVAL$/);
      expect((error as Error).message.length).toBeLessThan(1_100);
    }
    expect(Math.min(...times)).toBeLessThan(150);
  });
});

describe('places', () => {
  test('of calls that are cancelled in one go are free again, wherever each of them waited', async () => {
    const upgrades: string[] = [];
    const silent = await serve((request, response) => {
      if (request.url === '/fast') response.end('x');
    });
    silent.server.on('upgrade', (request: { url: string }, socket: Socket) => {
      upgrades.push(request.url);
      socket.destroy();
    });
    const socketOrigin = silent.origin.replace('http', 'ws');
    const actor = new TestActor({ network: { allow: [silent.origin, socketOrigin] } });
    const controllers = Array.from({ length: 18 }, () => new AbortController());
    const calls = controllers.map(({ signal }, index) =>
      index < 12
        ? actor.refusal({ url: silent.origin, method: index < 10 ? 'GET' : 'POST', streaming: index >= 10 }, { signal })
        : actor.call('connect', { url: socketOrigin }, { signal }).catch(refusalOf),
    );
    await expect.poll(() => silent.connections).toBe(6);
    for (const controller of controllers) controller.abort(new Error('enough'));
    expect(await Promise.all(calls)).toEqual(Array(18).fill('call.cancelled'));
    expect(await Promise.all(Array.from({ length: 6 }, () => actor.refusal(`${silent.origin}/fast`)))).toEqual(Array(6).fill('status 200'));
    expect(upgrades).toEqual([]);
    expect(actor.holdings.size).toBe(0);
  });

  test('are held by bodies that were not read, for the time of a turn', async () => {
    let served = 0;
    const server = await serve((_, response) => {
      served++;
      response.end(Buffer.alloc(530_000, 'a'));
    });
    const actor = new TestActor({ network: { allow: [server.origin] }, limits: { wall: '1s' } });
    const first = await Promise.all(Array.from({ length: 6 }, () => actor.request(server.origin)));
    const later = actor.request(server.origin);
    expect(await actor.bodyOf(first[0] as never)).toHaveLength(530_000);
    expect(await later).toMatchObject({ status: 200 });
    expect(served).toBe(7);
    await actor.request(server.origin);
    expect(await Promise.all(first.slice(1).map((fetched) => actor.bodyOf(fetched).catch(refusalOf)))).toEqual(Array(5).fill('network.failed ETIMEDOUT'));
  });

  test('and what was sent with such requests is not kept', async () => {
    const server = await serve((request, response) => request.resume().on('end', () => response.end(Buffer.alloc(530_000, 'a'))));
    const actor = new TestActor({ network: { allow: [server.origin] }, limits: { wall: '1s' } });
    const kept = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = kept();
    const post = () => actor.request({ method: 'POST', url: server.origin, body: Buffer.alloc(900_000) });
    const unread = await Promise.all(Array.from({ length: 6 }, post));
    expect(unread.map(({ done }) => done)).toEqual(Array(6).fill(false));
    await expect.poll(kept, { timeout: 5_000 }).toBeLessThan(before + 2 * MiB);
    expect(actor.holdings.size).toBe(6);
    actor.holdings.end();
  });
});

test('an answer that is too large for the guest leaves nothing open', async () => {
  const head = `HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n${'a:b\r\n'.repeat(10_000)}\r\n`;
  const server = await serveRaw((socket) => socket.on('data', () => socket.write(head + 'x'.repeat(50_000))));
  const actor = new TestActor({ network: { allow: [server.origin] }, limits: { message: '4KiB' } });
  expect(await Promise.all(Array.from({ length: 20 }, () => actor.refusal(server.origin)))).toEqual(Array(20).fill('limit.message'));
  expect(actor.holdings.size).toBe(0);
});

describe('names that nobody answers for', () => {
  const mute = createSocket('udp4');
  afterAll(() => mute.close());

  test('cost few descriptors, however many requests are begun and cancelled', async () => {
    mute.bind(0, '127.0.0.1');
    await once(mute, 'listening');
    const options = { dnsServers: [`127.0.0.1:${mute.address().port}`] };
    const actor = new TestActor({ network: { allow: ['https://*.example.org', 'wss://*.example.org'] }, limits: { requests: 1_000 } }, options);
    const before = readdirSync('/proc/self/fd').length;
    const outcomes = new Set<unknown>();
    for (let round = 0; round < 40; round++) {
      const controllers = Array.from({ length: 12 }, () => new AbortController());
      const calls = controllers.map(
        ({ signal }, index): Promise<unknown> =>
          index < 8
            ? actor.refusal(`https://h${round}x${index}.example.org/`, { signal })
            : actor.call('connect', { url: `wss://s${round}x${index}.example.org/` }, { signal }).catch(refusalOf),
      );
      await new Promise((resolve) => setImmediate(resolve));
      for (const controller of controllers) controller.abort(new Error('enough'));
      for (const outcome of await Promise.all(calls)) outcomes.add(outcome);
    }
    expect(outcomes).toEqual(new Set(['call.cancelled']));
    expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(12);
    actor.holdings.end();
  });
});

/** Says yes to a WebSocket and reads nothing more until it is told to. */
async function serveDeaf(): Promise<{ readonly origin: string; readonly opened: Promise<Socket> }> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = await serveRaw((socket) =>
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r/i.exec(head.toString())?.[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.pause();
      resolve(socket);
    }),
  );
  return { origin: server.origin.replace('http', 'ws'), opened: promise };
}

/** How much comes until the other side ends. */
const drained = async (socket: Socket): Promise<number> => {
  let size = 0;
  socket.on('data', (chunk) => {
    size += chunk.length;
  });
  socket.resume();
  await once(socket, 'close');
  return size;
};

describe('sockets', () => {
  const open = async (actor: TestActor, url: string): Promise<number> => ((await actor.call('connect', { url })) as { socket: number }).socket;

  test('what is sent to a server that does not read waits with the guest, and goes with its call', async () => {
    const deaf = await serveDeaf();
    const actor = new TestActor({ network: { allow: [deaf.origin] } });
    const socket = await open(actor, deaf.origin);
    const outcomes = new Set<unknown>();
    for (let execution = 0; execution < 3; execution++) {
      const controller = new AbortController();
      const calls = Array.from(
        { length: 32 },
        (): Promise<unknown> => actor.call('socketSend', { socket, data: Buffer.alloc(900_000) }, { signal: controller.signal }).catch(refusalOf),
      );
      await Promise.race(calls);
      controller.abort(new Error('enough'));
      for (const outcome of await Promise.all(calls)) outcomes.add(outcome);
    }
    expect(outcomes).toEqual(new Set([null, 'call.cancelled']));
    const sent = drained(await deaf.opened);
    await actor.call('socketClose', { socket });
    (await deaf.opened).on('data', () => {});
    setTimeout(() => actor.holdings.end(), 300);
    expect(await sent).toBeLessThan(24 * MiB);
  });

  test('what is sent at once arrives whole and in order', async () => {
    const got: string[] = [];
    const http = await serve((_, response) => response.end());
    new WebSocketServer({ server: http.server as never }).on('connection', (socket) => socket.on('message', (data) => got.push(data.toString().slice(0, 4))));
    const url = `ws://127.0.0.1:${http.port}`;
    const actor = new TestActor({ network: { allow: [url] } });
    const socket = await open(actor, url);
    const names = Array.from({ length: 60 }, (_, index) => String(index).padStart(4, '0'));
    await Promise.all(names.map((name) => actor.call('socketSend', { socket, data: name.padEnd(300_000, 'x') })));
    await expect.poll(() => got).toEqual(names);
    actor.holdings.end();
  });

  test('messages that nobody fetches are held back by their size', async () => {
    const http = await serve((_, response) => response.end());
    const message = Buffer.alloc(MiB - 2_048);
    const { promise: connected, resolve } = Promise.withResolvers<WebSocket>();
    new WebSocketServer({ server: http.server as never, perMessageDeflate: false }).on('connection', (socket) => {
      for (let index = 0; index < 60; index++) socket.send(message);
      resolve(socket);
    });
    const url = `ws://127.0.0.1:${http.port}`;
    const actor = new TestActor({ network: { allow: [url] } });
    const socket = await open(actor, url);
    const sender = await connected;
    let last = -1;
    await expect
      .poll(
        () => {
          const before = last;
          last = sender.bufferedAmount;
          return before === last;
        },
        { interval: 200 },
      )
      .toBe(true);
    expect(last).toBeGreaterThan(36 * MiB);
    for (let index = 0; index < 60; index++)
      expect(((await actor.call('socketReceive', { socket })) as { data: Uint8Array }).data).toHaveLength(message.length);
    actor.holdings.end();
  });

  test('a server that asks for signs of life, and takes none, gets few', async () => {
    const deaf = await serveDeaf();
    const actor = new TestActor({ network: { allow: [deaf.origin] } });
    await open(actor, deaf.origin);
    const server = await deaf.opened;
    const pings = Buffer.concat(Array<Buffer>(8_000).fill(Buffer.concat([Buffer.of(0x89, 125), Buffer.alloc(125)])));
    for (let round = 0; round < 30; round++) await new Promise((resolve) => server.write(pings, resolve));
    const pongs = drained(server);
    setTimeout(() => actor.holdings.end(), 300);
    expect(await pongs).toBeLessThan(16 * MiB);
  });

  test('all of an instance together have a weight, and one message of each always finds room', () => {
    const all = { bytes: 0 };
    const backlogs = Array.from({ length: 64 }, () => new Backlog(all));
    let taken = 0;
    for (let round = 0; round < 10; round++) {
      for (const backlog of backlogs) {
        if (backlog.isFull) continue;
        backlog.add(500_000);
        taken++;
      }
    }
    expect(taken).toBe(64);
    const alone = new Backlog({ bytes: 0 });
    const gone = [alone.add(600_000), alone.add(600_000)];
    expect(alone.isFull).toBe(true);
    gone[0]?.();
    gone[0]?.();
    expect(alone.isFull).toBe(false);
    for (let index = 0; index < 20_000; index++) if (!alone.isFull) alone.add(0);
    expect(alone.isFull).toBe(true);
  });
});
