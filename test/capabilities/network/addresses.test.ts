/** Section I of the corpus, 158 to 166: no spelling, name, answer of a name server or redirect leads where a rule does not name the address. */
import { execFile } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPublicAddress } from '../../../host/policy/rules/addresses.ts';
import { refusalOf, TestActor } from './actor.ts';
import { a, aaaa, listen, serve, serveNames } from './servers.ts';

/** Listens on every address of this machine, IPv6 included where there is one: whoever gets through is counted, wherever it went. */
let handshakes = 0;
const { port } = await listen(
  createServer((socket) => {
    handshakes++;
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret');
  }),
  '::',
);

/** Everything is allowed, on the port of the canary: what keeps a guest away from it is the address alone. */
const everything = { network: { allow: [`http://*:${port}`, `https://*:${port}`, `ws://*:${port}`, 'http://*', 'https://*'] } };

const loopbacks = [
  ...['127.0.0.1', '2130706433', '0x7f000001', '0x7f.1', '0x7f.0.0.1', '017700000001', '0177.0.0.1', '127.1', '127.0.1', '127.0.0.1.', '0', '0.0.0.0'],
  ...['0x7F.0X0.0.1', '00000000000000000000000000000000177.1', '127.000.000.001', '%31%32%37.0.0.1', '127.0.0.%31', '127%2e0%2e0%2e1'],
  ...['１２７.０.０.１', '①②⑦.⓪.⓪.①', '127。0。0。1', '127．0．0．1', '127｡0｡0｡1', '𝟏𝟐𝟕.𝟎.𝟎.𝟏'],
  ...[
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[0000:0000:0000:0000:0000:0000:0000:0001]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[::127.0.0.1]',
  ],
] as const;
const elsewhere = [
  ...[
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '2852039166',
    '0xA9FEA9FE',
    '100.64.0.1',
    '100.100.100.200',
    '168.63.129.16',
  ],
  ...[
    '192.0.0.1',
    '192.0.0.170',
    '192.0.2.1',
    '192.88.99.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '0.1.2.3',
  ],
  ...[
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[febf::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[100::1]',
    '[2001::1]',
    '[2001:db8::1]',
    '[2001:20::1]',
    '[3fff::1]',
  ],
  ...[
    '[64:ff9b::7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::8.8.8.8]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2002:c0a8:101::1]',
    '[::ffff:0:127.0.0.1]',
    '[::ffff:8.8.8.8]',
  ],
  ...['[2a00:1450::5efe:7f00:1]', '[2a00:1450::200:5efe:127.0.0.1]', '[5f00::1]', '[4000::1]'],
] as const;
const names = [
  ...[
    'localhost',
    'LOCALHOST',
    'localhost.',
    'foo.localhost',
    'ip6-localhost',
    'ip6-loopback',
    'printer.local',
    'metadata.google.internal',
    'vault.internal.',
    'router.lan',
  ],
  ...['ｌｏｃａｌｈｏｓｔ', 'localhos%74', 'broadcasthost', 'kubernetes', 'x.home.arpa', 'localhost.localdomain', hostname()],
] as const;
const malformed = [
  '[fe80::1%25eth0]',
  '[fe80::1%eth0]',
  '127.0.0.1:0',
  '256.256.256.256',
  '1.2.3.4.5',
  '0x',
  '127.0.0.1%00.example.com',
  'a b',
  '',
  '127.0.0.1:65536',
] as const;

const actor = new TestActor(everything);

describe('158 to 161: addresses and names that are not public', () => {
  test.each([...loopbacks, ...elsewhere, ...names])('http://%s is denied', async (host) => {
    expect(await actor.refusal(`http://${host}:${port}/`, { turn: 0 })).toBe('policy.denied');
    expect(handshakes).toBe(0);
  });

  test.each(malformed)('http://%s is no URL for a request', async (host) => {
    expect(await actor.refusal(`http://${host}${host.includes(':0') || host.includes(':6') ? '' : `:${port}`}/`, { turn: 0 })).toMatch(
      /^(network.failed EINVAL|policy.denied)$/,
    );
    expect(handshakes).toBe(0);
  });

  test('the same holds for https and for sockets', async () => {
    for (const host of [...loopbacks, ...names]) {
      expect(await actor.refusal(`https://${host}:${port}/`, { turn: 0 })).toBe('policy.denied');
      expect(await actor.call('connect', { url: `ws://${host}:${port}/` }, { turn: 0 }).catch(refusalOf)).toBe('policy.denied');
    }
    expect(handshakes).toBe(0);
  });

  test('control: a check of the text and a plain fetch reach the canary', async () => {
    const naive = (url: string) => (/127\.0\.0\.1|localhost|\[::1\]/.test(url) ? undefined : fetch(url).then((response) => response.text()));
    const reached = await Promise.all([...loopbacks].map((host) => naive(`http://${host}:${port}/`)?.catch(() => undefined)));
    expect(reached.filter((text) => text === 'secret').length).toBeGreaterThan(10);
    handshakes = 0;
  });

  test('a rule that names the address reaches it, and only where every level does', async () => {
    const named = new TestActor({ network: { allow: [`http://127.0.0.1:${port}`] } });
    expect(await named.refusal(`http://2130706433:${port}/`)).toBe('status 200');
    expect(handshakes).toBe(1);
    handshakes = 0;
    const capped = new TestActor({ network: { allow: [`http://127.0.0.1:${port}`] } }, {}, {}, { network: { allow: [`http://*:${port}`] } });
    expect(await capped.refusal(`http://127.0.0.1:${port}/`)).toBe('policy.denied');
    expect(handshakes).toBe(0);
  });

  test('what is public is not refused', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '198.20.0.1', '2606:4700::1111', '2a00:1450:4001::1']) {
      expect([address, isPublicAddress(address)]).toEqual([address, true]);
    }
  });

  test('property: no spelling of an address that is not public is allowed by `*`', async () => {
    const part = fc.integer({ min: 0, max: 255 });
    const spell = (value: number, base: number): string => (base === 16 ? `0x${value.toString(16)}` : base === 8 ? `0${value.toString(8)}` : String(value));
    const base = fc.constantFrom(8, 10, 16);
    const spelling = fc
      .tuple(fc.constantFrom(127, 10, 0), part, part, part, base, base, fc.integer({ min: 1, max: 4 }))
      .map(([w, x, y, z, first, rest, parts]) => {
        const whole = [w, x, y, z];
        const tail = whole.slice(parts - 1).reduce((sum, byte) => sum * 256 + byte, 0);
        return [...whole.slice(0, parts - 1).map((byte) => spell(byte, first)), spell(tail, rest)].join('.');
      });
    await fc.assert(
      fc.asyncProperty(spelling, async (host) => {
        expect(await actor.refusal(`http://${host}:${port}/`, { turn: 0 })).toBe('policy.denied');
      }),
      { numRuns: 200 },
    );
    expect(handshakes).toBe(0);
  });
});

describe('163: what a name server says', async () => {
  const trusted = '127.0.0.77';
  const zone = await serveNames((name, type, count) => {
    if (type === 'A' && /^(?:rebinding|control)\.example\.com$/.test(name)) return a(name, count === 0 ? trusted : '127.0.0.1');
    if (type === 'A' && ['steady.example.com', 'api.vivarium.test'].includes(name)) return a(name, trusted);
    if (type === 'A' && name === 'mixed.example.com') return a(name, trusted, '127.0.0.1');
    if (name === 'families.example.com') return type === 'A' ? a(name, trusted) : aaaa(name, '::1');
    if (name === 'mapped.example.com') return type === 'AAAA' ? aaaa(name, '::ffff:127.0.0.1') : [];
    if (name === 'nat64.example.com') return type === 'AAAA' ? aaaa(name, '64:ff9b::7f00:1') : [];
    if (name === 'alias.example.com')
      return type === 'A' ? [{ type: 'CNAME', name, ttl: 0, data: 'inner.corp.example' }, ...a('inner.corp.example', '127.0.0.1')] : [];
    return [];
  });
  const options = { dnsServers: [zone.address], trustedAddresses: [trusted] };

  test('a name that resolves to what the operator trusts is reached; all addresses must pass', async () => {
    const resolving = new TestActor(everything, options);
    expect(await resolving.refusal(`http://steady.example.com:${port}/`)).toBe('status 200');
    expect(handshakes).toBe(1);
    handshakes = 0;
    for (const name of ['mixed', 'families', 'mapped', 'nat64', 'alias'])
      expect([name, await resolving.refusal(`http://${name}.example.com:${port}/`)]).toEqual([name, 'policy.denied']);
    expect(await resolving.refusal(`http://nobody.example.com:${port}/`)).toBe('network.failed ENOTFOUND');
    expect(await resolving.call('connect', { url: `ws://mixed.example.com:${port}/` }).catch(refusalOf)).toBe('policy.denied');
    expect(handshakes).toBe(0);
    expect(resolving.audit.filter(({ allowed }) => !allowed).map(({ reason }) => reason)).toContainEqual(expect.stringContaining('not public'));
    expect(JSON.stringify(resolving.audit)).not.toContain('127.0.0.1');
  });

  test('a certificate is asked for by the name, whatever address it has', async () => {
    const [cert, key] = ['certificate', 'key'].map((name) => readFileSync(join(import.meta.dirname, `../../fixtures/certificate/${name}.pem`), 'utf8')) as [
      string,
      string,
    ];
    const names: unknown[] = [];
    const encrypted = await listen(
      createTlsServer({ cert, key }, (_, response) => response.end('x')),
      trusted,
    );
    encrypted.server.on('secureConnection', ({ servername }: { servername: unknown }) => names.push(servername));
    const wanting = new TestActor({ network: { allow: [`https://*:${encrypted.port}`] } }, { ...options, authorities: [cert] });
    expect(await wanting.refusal(`https://api.vivarium.test:${encrypted.port}/`)).toBe('status 200');
    expect(await wanting.refusal(`https://steady.example.com:${encrypted.port}/`)).toBe('network.failed ECERT');
    expect(names).toEqual(['api.vivarium.test']);
    const stranger = new TestActor({ network: { allow: [`https://*:${encrypted.port}`] } }, options);
    expect(await stranger.refusal(`https://api.vivarium.test:${encrypted.port}/`)).toBe('network.failed ECERT');
  });

  test('rebinding: the connection goes to the address that was checked, and another answer is checked again', async () => {
    let safe = 0;
    let wrong = 0;
    const checked = await serve((_, response) => response.end(String(++safe)), trusted);
    const inner = await serve((_, response) => response.end(String(++wrong)), '127.0.0.1', checked.port);
    const rebinding = new TestActor({ network: { allow: [`http://*:${checked.port}`] } }, options);
    expect(await rebinding.refusal(`http://rebinding.example.com:${checked.port}/`)).toBe('status 200');
    const another = new TestActor({ network: { allow: [`http://*:${checked.port}`] } }, options);
    expect(await another.refusal(`http://rebinding.example.com:${checked.port}/`)).toBe('policy.denied');
    expect({ safe, wrong, connections: inner.connections }).toEqual({ safe: 1, wrong: 0, connections: 0 });
    expect(zone.questions.filter((question) => question === 'A rebinding.example.com')).toHaveLength(2);
  });

  test('control: whoever asks once to check and once to connect arrives where nobody checked', async () => {
    const resolver = new Resolver();
    resolver.setServers([zone.address]);
    expect(await resolver.resolve4('control.example.com')).toEqual([trusted]);
    const [address] = await resolver.resolve4('control.example.com');
    expect(await fetch(`http://${address}:${port}/`).then((response) => response.text())).toBe('secret');
    handshakes = 0;
  });
});

describe('164: redirects', async () => {
  const seen: { path: string; headers: Record<string, unknown>; method: string }[] = [];
  const other = await serve((request, response) => {
    seen.push({ path: `other${request.url}`, headers: request.headers, method: request.method ?? '' });
    response.end('other');
  });
  const server = await serve((request, response) => {
    const url = new URL(request.url ?? '/', 'http://host');
    seen.push({ path: url.pathname, headers: request.headers, method: request.method ?? '' });
    const to = url.searchParams.get('to');
    if (to === null) return void response.end('arrived');
    response.writeHead(Number(url.searchParams.get('status') ?? 302), { location: to }).end('moved');
  });
  const allowed = { network: { allow: [server.origin, other.origin, `http://*:${port}`] } };
  const to = (target: string, status = 302): string => `${server.origin}/?status=${status}&to=${encodeURIComponent(target)}`;

  test.each([
    ...[301, 302, 303, 307, 308].map((status) => [status, `http://127.0.0.1:${port}/`]),
    [302, `//127.0.0.1:${port}/`],
    [302, `http://localhost:${port}/`],
    [302, `http://[::1]:${port}/`],
    [302, `http://2130706433:${port}/`],
    [302, `http:\\\\127.0.0.1:${port}\\`],
    [302, `https://127.0.0.1:${port}/`],
    [302, 'http://169.254.169.254/latest/meta-data/'],
  ])('%i to %s is denied', async (status, target) => {
    const redirected = new TestActor(allowed);
    expect(await redirected.refusal(to(String(target), Number(status)))).toBe('policy.denied');
    expect(handshakes).toBe(0);
  });

  test.each(['file:///etc/passwd', 'data:text/plain,x', 'ftp://example.com/', 'javascript:1', `http://me:pass@127.0.0.1:${port}/`, 'http://a b/', 'http://'])(
    'to %s fails',
    async (target) => {
      expect(await new TestActor(allowed).refusal(to(target))).toBe('network.failed EINVAL');
    },
  );

  test('a relative one is followed; five are, six are not, and a loop ends', async () => {
    const following = new TestActor(allowed);
    expect(await following.request(to('/there'))).toMatchObject({ status: 200, url: `${server.origin}/there`, redirected: true });
    const chain = (length: number): string => (length === 0 ? '/end' : `/?to=${encodeURIComponent(chain(length - 1))}`);
    expect(await following.refusal(server.origin + chain(5))).toBe('status 200');
    expect(await following.refusal(server.origin + chain(6))).toBe('limit.network');
    const loop = await serve((_, response) => response.writeHead(302, { location: '/' }).end());
    expect(await new TestActor({ network: { allow: [loop.origin] } }).refusal(loop.origin)).toBe('limit.network');
  });

  test('credentials stay with their origin', async () => {
    const headers = [
      ['authorization', 'Bearer x'],
      ['cookie', 'a=1'],
      ['x-kind', 'order'],
    ] as const;
    seen.length = 0;
    const carrying = new TestActor(allowed);
    await carrying.request({ url: to('/same'), headers });
    await carrying.request({ url: to(`${other.origin}/away`), headers });
    const carried = Object.fromEntries(seen.map(({ path, headers: got }) => [path, [got['authorization'], got['cookie'], got['x-kind']]]));
    expect(carried['/same']).toEqual(['Bearer x', 'a=1', 'order']);
    expect(carried['other/away']).toEqual([undefined, undefined, 'order']);
  });

  test.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
  ])('%i makes of %s a %s', async (status, method, then) => {
    seen.length = 0;
    await new TestActor(allowed).request({ url: to('/then', status), method, body: Buffer.from('body'), headers: [['content-type', 'text/x']] });
    expect(seen.at(-1)).toMatchObject({ path: '/then', method: then });
    expect(seen.at(-1)?.headers['content-type']).toBe(then === 'GET' ? undefined : 'text/x');
  });

  test('a body that was streamed is not sent again', async () => {
    const streaming = new TestActor(allowed);
    const { upload } = (await streaming.call('request', { method: 'POST', url: to('/then', 307), headers: [], streaming: true })) as { upload: number };
    expect(await streaming.call('finish', { upload }).catch(refusalOf)).toBe('network.failed EREDIRECT');
  });
});

describe('165, 166: hosts and paths that look like others', () => {
  const rules = {
    network: {
      allow: ['https://good.com', 'https://*.below.com', { url: 'https://paths.com/v1/*', methods: ['GET'] }],
      deny: ['https://paths.com/v1/secret/*'],
    },
  };
  test.each([
    ['https://good.com.evil.com/', 'policy.denied'],
    ['https://evilgood.com/', 'policy.denied'],
    ['https://good.com@evil.com/', 'network.failed EINVAL'],
    ['https://evil.com#@good.com/', 'policy.denied'],
    ['https://evil.com\\@good.com/', 'policy.denied'],
    ['https://good.com%00.evil.com/', 'network.failed EINVAL'],
    ['https://good.com%2eevil.com/', 'policy.denied'],
    ['https://go\tod.com/', 'network.failed EINVAL'],
    ['https://good.com\r\n/', 'network.failed EINVAL'],
    [' https://good.com/', 'network.failed EINVAL'],
    ['https://goοd.com/', 'policy.denied'],
    ['https://xn--god-fmc.com/', 'policy.denied'],
    ['https://good.com:8443/', 'policy.denied'],
    ['http://good.com/', 'policy.denied'],
    ['https://below.com/', 'policy.denied'],
    ['https://evilbelow.com/', 'policy.denied'],
    ['https://a.below.com.evil.com/', 'policy.denied'],
    ['https://paths.com/v1/../admin', 'policy.denied'],
    ['https://paths.com/v1/%2e%2e/admin', 'policy.denied'],
    ['https://paths.com/v1/..%2fadmin', 'policy.denied'],
    ['https://paths.com/v1/%2e%2e%2fadmin', 'policy.denied'],
    ['https://paths.com/v1/%252e%252e%252fadmin', 'policy.denied'],
    ['https://paths.com/v1/..%5cadmin', 'policy.denied'],
    ['https://paths.com/v1/..;/admin', 'policy.denied'],
    ['https://paths.com/v1/secret/x', 'policy.denied'],
    ['https://paths.com/v1/%73ecret/x', 'policy.denied'],
    ['https://paths.com/v1//secret/x', 'policy.denied'],
    ['https://paths.com/v1/a%2f..%2fsecret/x', 'policy.denied'],
    ['https://paths.com/v10', 'policy.denied'],
    ['file:///etc/passwd', 'network.failed EINVAL'],
    ['gopher://good.com/', 'network.failed EINVAL'],
    [`https://good.com/${'x'.repeat(20_000)}`, 'limit.network'],
  ])('%j', async (url, expected) => {
    const looking = new TestActor(rules, { dnsServers: ['127.0.0.1:9'] });
    expect(await looking.refusal(url)).toBe(expected);
  });

  test('ligatures and case are one host with what they stand for', async () => {
    const spelled = new TestActor({ network: { allow: ['https://office.com'] } }, { dnsServers: [(await serveNames(() => [])).address] });
    for (const url of ['https://oﬃce.com/', 'https://OFFICE.com./', 'https://%6fffice.com:443/'])
      expect(await spelled.refusal(url)).toBe('network.failed ENOTFOUND');
  });

  test('property: no spelling of a path leads out of the one that is granted, or into the one that is denied', async () => {
    const escaped = (character: string): string => `%${Buffer.from(character).toString('hex')}`;
    const dot = fc.constantFrom('.', '%2e', '%252e', '%25252e');
    const slash = fc.constantFrom('/', '%2f', '%2F', '%5c', '\\', '//', ';x/', '%252f');
    const word = (text: string) => fc.tuple(...[...text].map((character) => fc.constantFrom(character, escaped(character)))).map((parts) => parts.join(''));
    const leading = fc.tuple(dot, dot, slash, word('admin')).map((parts) => parts.join(''));
    const hidden = fc.tuple(fc.constantFrom('', 'a/../', './', '/'), word('secret'), slash).map(([before, name, after]) => `${before}${name}${after}x`);
    const looking = new TestActor(rules, { dnsServers: ['127.0.0.1:9'] });
    await fc.assert(
      fc.asyncProperty(fc.oneof(leading, hidden), async (spelling) => {
        expect(await looking.refusal(`https://paths.com/v1/${spelling}`, { turn: 0 })).toBe('policy.denied');
      }),
      { numRuns: 300 },
    );
    // What stays within is not denied: it fails later, for want of a name server.
    expect(await looking.refusal('https://paths.com/v1/a%20b/c;d?e=../admin')).toBe('network.failed ENOTFOUND');
  });

  test('an empty list is nothing', async () => {
    expect(await new TestActor({ network: { allow: [] } }).refusal('https://good.com/')).toBe('policy.denied');
  });
});

test('no proxy of the environment is used', async () => {
  const proxy = await serve((_, response) => response.end('proxied'));
  const direct = await serve((_, response) => response.end('direct'));
  const script = `
    import { TestActor } from ${JSON.stringify(new URL('./actor.ts', import.meta.url).href)};
    const actor = new TestActor({ network: { allow: [${JSON.stringify(direct.origin)}] } });
    console.log((await actor.bodyOf(await actor.request(${JSON.stringify(direct.origin)}))).toString());
    actor.holdings.end();`;
  const { promise, resolve } = Promise.withResolvers<string>();
  const environment = { ...process.env, HTTP_PROXY: proxy.origin, http_proxy: proxy.origin, ALL_PROXY: proxy.origin, NODE_USE_ENV_PROXY: '1' };
  execFile(process.execPath, ['--input-type=module', '-e', script], { env: environment, cwd: import.meta.dirname }, (_, stdout) => resolve(stdout));
  expect((await promise).trim()).toBe('direct');
  expect(proxy.connections).toBe(0);
});
