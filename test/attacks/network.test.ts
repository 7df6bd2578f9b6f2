/** Section I of the corpus, from inside a real cell: what guests in JavaScript do with `fetch` and `WebSocket` to reach what nothing granted them. */
import { answers, type Attack, attacks, handler } from './harness.ts';

/** What became of each attempt: a code of ours, or what came through. */
const outcomes = `const outcome = async (attempt) => {
  try { const response = await attempt(); return 'reached ' + (response?.status ?? typeof response); }
  catch (error) { return error?.code ?? error?.cause?.code ?? error?.name; }
};
const socket = (url) => new Promise((resolve, reject) => { const opened = new WebSocket(url); opened.onopen = () => resolve(opened); opened.onclose = () => reject({ code: 'closed' }); });
const everywhere = (port) => ['127.0.0.1', '2130706433', '0x7f.1', '0177.1', '127.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', 'LOCALHOST.', 'x.localhost', '１２７.0.0.1', '0.0.0.0', '[64:ff9b::7f00:1]']
  .map((host) => host + ':' + port);
`;

/** Every public host is allowed, on the port of the canary too: the address alone keeps it safe. */
const wide = ['http://*:PORT', 'ws://*:PORT', 'http://*', 'https://*'] as const;

const table: readonly Attack[] = [
  {
    number: 172,
    title: 'without a grant every door to the network is shut, and no other exists',
    source:
      outcomes +
      handler(`
      const url = 'http://127.0.0.1:' + canary.port + '/';
      const told = await Promise.all([
        outcome(() => fetch(url)), outcome(() => fetch(new Request(url, { method: 'POST', body: 'x' }))), outcome(() => fetch(url, { method: 'PUT', body: new ReadableStream() })),
        outcome(() => socket('ws://127.0.0.1:' + canary.port)), outcome(() => fetch('file://' + canary.file)), outcome(() => fetch('data:text/plain,x')), outcome(() => fetch('blob:x')),
      ]);
      const absent = ['XMLHttpRequest', 'EventSource', 'WebTransport', 'RTCPeerConnection', 'navigator', 'importScripts', 'Worker'].filter((name) => name in globalThis);
      return [told, absent];
    `),
    allowed: answers([['policy.denied', 'policy.denied', 'policy.denied', 'closed', 'EINVAL', 'EINVAL', 'EINVAL'], []]),
  },
  {
    number: 158,
    title: 'no spelling of loopback is reached where every public host is granted',
    source:
      outcomes +
      handler(`
      const told = new Set();
      for (const host of everywhere(canary.port)) {
        told.add(await outcome(() => fetch('http://' + host + '/')));
        told.add(await outcome(() => socket('ws://' + host + '/')));
      }
      return [...told].sort();
    `),
    reaches: wide,
    limits: { requests: 200, wall: '10s', cpu: '2s' },
    allowed: answers(['closed', 'policy.denied']),
  },
  {
    number: 168,
    title: 'headers, methods and URLs cannot be smuggled past the checks by objects that change',
    source:
      outcomes +
      handler(`
      let reads = 0;
      const shifting = { toString: () => (reads++ === 0 ? 'http://8.8.8.8:1/' : 'http://127.0.0.1:' + canary.port + '/') };
      const headers = { get host() { return 'evil'; } };
      const lying = Object.create(Request.prototype);
      return [
        await outcome(() => fetch(shifting, { headers })), await outcome(() => fetch(lying)),
        await outcome(() => fetch('http://8.8.8.8:1/', { method: 'GET\\r\\nHost: x' })), await outcome(() => fetch('http://8.8.8.8:1/', { headers: { a: 'b\\r\\nc: d' } })),
        await outcome(() => fetch('http://8.8.8.8:1/', { method: 'CONNECT' })), await outcome(() => fetch('http://me:pass@8.8.8.8:1/')),
      ];
    `),
    reaches: ['http://*:1'],
    allowed: answers(['EINVAL', 'TypeError', 'TypeError', 'TypeError', 'EINVAL', 'EINVAL']),
  },
  {
    number: 45,
    title: 'a flood of requests that nobody awaits ends at the limits',
    source:
      outcomes +
      handler(`
      const told = new Set();
      await Promise.all(Array.from({ length: 2000 }, async () => told.add(await outcome(() => fetch('http://127.0.0.1:' + canary.port + '/')))));
      return [...told].sort();
    `),
    limits: { cpu: '2s', wall: '10s' },
    allowed: answers(['limit.calls', 'policy.denied']),
  },
];

attacks('I, the network', table);
