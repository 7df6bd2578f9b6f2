/** HTTP as Python's standard library and Pyodide offer it. What holds for every language is in test/conformance/network.test.ts. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createHost, type Flow, type Host } from '../../host/index.ts';
import { serve, textOf } from '../capabilities/network/servers.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Requests that wait for an answer that never comes, now and ever. */
const never = { waiting: 0, came: 0 };

const server = await serve(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://host');
  switch (pathname) {
    case '/moved':
      return void response.writeHead(302, { location: '/echo' }).end();
    case '/denied':
      return void response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
    case '/missing':
      return void response.writeHead(404, 'Nothing Here').end('none');
    case '/gzip':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('naïve'));
    case '/large':
      return void response.end(Buffer.alloc(2_000_000, 'x'));
    case '/lines':
      for (let line = 0; line < 3; line++) response.write(`line ${line}\n`);
      return void response.end();
    case '/never':
      never.came++;
      never.waiting++;
      return void response.on('close', () => never.waiting--);
    case '/twice':
      return void response
        .writeHead(
          200,
          [
            ['x-a', '1'],
            ['x-a', '2'],
            ['set-cookie', 'a=1; expires=x, y'],
            ['set-cookie', 'b=2'],
          ].flat(),
        )
        .end();
    default: {
      const body = await textOf(request);
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
    }
  }
});
const closed = await serve(() => {});
await new Promise((resolve) => closed.server.close(resolve));

const program = `
import asyncio, errno, json, socket
import http.client
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener, urlopen
from pyodide.http import AbortError, BodyUsedError, HttpStatusError, open_url, pyfetch, pyxhr
from vivarium import PolicyDenied, VivariumError

at_start = None
def start(context):
    global at_start
    at_start = PolicyDenied.__name__

def raised(run):
    try:
        return run()
    except Exception as error:
        return {"is": type(error).__name__, "of": [kind.__name__ for kind in type(error).__mro__ if kind in (OSError, URLError, VivariumError, PermissionError)], "code": getattr(error, "code", None), "hint": bool(getattr(error, "hint", None)), "reason": type(getattr(error, "reason", None)).__name__}

async def handle(message, context):
    scope = globals() | {"at": message["at"], "closed": message["closed"]}
    exec("async def run():" + message["body"], scope)
    return await scope["run"]()

def plain(message, context):
    scope = globals() | {"at": message["at"], "closed": message["closed"]}
    exec("def run():" + message["body"], scope)
    return scope["run"]()
`;

let host: Host;
let flow: Flow;
beforeAll(async () => {
  host = await createHost({ ceiling: 'unrestricted' });
  flow = (await host.deploy({
    vivarium: 1,
    actors: {
      client: { runtime: 'python', code: program, concurrency: 4, policy: { network: { allow: [server.origin, closed.origin] }, limits: { handles: 4 } } },
    },
    inputs: { in: 'client', plain: 'client.plain' },
    outputs: { out: 'client' },
  })) as unknown as Flow;
});
afterAll(() => host.close());

const run = (body: string, inlet = 'in'): Promise<unknown> => flow.ask(inlet, { at: server.origin, closed: closed.origin, body });

describe('urllib', () => {
  test('sends what it is given, and reads line by line', async () => {
    expect(
      await run(`
    with urlopen(Request(at + "/echo", json.dumps({"a": 1}).encode(), {"Content-Type": "application/json", "X-Ä".encode("ascii", "ignore").decode() + "Kind": "x"})) as response:
        sent = json.load(response)
    with urlopen(at + "/lines") as response:
        lines = [line.decode() for line in response]
    return [sent["method"], sent["body"], sent["headers"]["x-kind"], sent["headers"]["content-type"], lines]`),
    ).toEqual(['POST', '{"a": 1}', 'x', 'application/json', ['line 0\n', 'line 1\n', 'line 2\n']]);
  });

  test('follows redirects by itself, and tells of statuses by HTTPError', async () => {
    expect(
      await run(`
    with urlopen(at + "/moved") as response:
        followed = [response.status, response.url == at + "/echo", json.load(response)["url"]]
    try:
        urlopen(at + "/missing")
    except HTTPError as error:
        return [followed, error.code, error.reason, error.read().decode()]`),
    ).toEqual([[200, true, '/echo'], 404, 'Nothing Here', 'none']);
  });

  test('says why something failed in its own words, and a denial in ours', async () => {
    const denied = { is: 'PolicyDenied', of: ['VivariumError', 'PermissionError', 'OSError'], code: 'policy.denied', hint: true, reason: 'NoneType' };
    expect(
      await run(`
    return [raised(lambda: urlopen(url)) for url in ("https://elsewhere.example/", at + "/denied", closed, "http://x:y@127.0.0.1/", "ftp://127.0.0.1/")]`),
    ).toEqual([
      denied,
      denied,
      expect.objectContaining({ is: 'URLError', of: ['URLError', 'OSError'], reason: 'ConnectionRefusedError' }),
      expect.anything(),
      expect.objectContaining({ is: 'URLError' }),
    ]);
  });

  test('is undone of what compresses, and keeps headers that come twice', async () => {
    expect(gunzipSync(gzipSync('naïve')).toString()).toBe('naïve');
    expect(
      await run(`
    with urlopen(Request(at + "/gzip", headers={"accept-encoding": "gzip"})) as response:
        text = [response.read().decode(), response.headers["content-encoding"]]
    with urlopen(at + "/twice") as response:
        return [text, response.headers.get_all("x-a"), response.headers.get_all("set-cookie")]`),
    ).toEqual([
      ['naïve', null],
      ['1', '2'],
      ['a=1; expires=x, y', 'b=2'],
    ]);
  });

  test('closes responses that are dropped before their end: the next request finds room', async () => {
    expect(
      await run(`
    read = [urlopen(at + "/large").read(10) for n in range(20)]
    for n in range(20):
        response = await pyfetch(at + "/large")
    return len(read)`),
    ).toBe(20);
  });

  test('blocks in a plain function, and in a coroutine', async () => {
    expect(await run('\n    return urlopen(at + "/lines").read().decode()', 'plain')).toBe('line 0\nline 1\nline 2\n');
    expect(await run('\n    return urlopen(at + "/lines").read().decode()')).toBe('line 0\nline 1\nline 2\n');
  });
});

describe('http.client', () => {
  test('keeps its notation: requests one after the other, bodies in chunks', async () => {
    expect(
      await run(`
    connection = http.client.HTTPConnection(urlsplit(at).netloc)
    told = []
    for body in (None, b"bytes", iter([b"one ", b"two"])):
        connection.request("POST" if body else "GET", "/echo?x", body, {"X-Kind": "a"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        told.append([response.status, response.getheader("content-type"), answer["method"], answer["url"], answer["body"]])
    connection.request("HEAD", "/echo")
    response = connection.getresponse()
    return [told, response.read().decode(), response.status]`),
    ).toEqual([
      [
        [200, 'application/json', 'GET', '/echo?x', ''],
        [200, 'application/json', 'POST', '/echo?x', 'bytes'],
        [200, 'application/json', 'POST', '/echo?x', 'one two'],
      ],
      '',
      200,
    ]);
  });
});

describe('pyodide.http', () => {
  test('has the response of pyfetch', async () => {
    expect(
      await run(`
    response = await pyfetch(at + "/echo", method="post", body="naïve", headers={"x-kind": "b"}, cache="no-store")
    copy = response.clone()
    told = [response.status, response.ok, response.status_text, response.redirected, response.url == at + "/echo", response.type, response.headers["content-type"], response.body_used]
    data = await response.json()
    again = json.loads(await copy.string()) == data
    try:
        await response.text()
    except BodyUsedError:
        told.append(response.body_used)
    missing = await pyfetch(at + "/missing")
    try:
        missing.raise_for_status()
    except HttpStatusError as error:
        told.append([missing.ok, error.status, str(error)])
    view = await (await pyfetch(at + "/lines")).memoryview()
    return [told, data["method"], data["body"], again, bytes(view).decode()[:6], await (await pyfetch(at + "/lines")).bytes()]`),
    ).toEqual([
      [
        200,
        true,
        'OK',
        false,
        true,
        'basic',
        'application/json',
        false,
        true,
        [false, 404, `404 Client Error: Nothing Here for url: ${server.origin}/missing`],
      ],
      'POST',
      'naïve',
      true,
      'line 0',
      new Uint8Array(Buffer.from('line 0\nline 1\nline 2\n')),
    ]);
  });

  test('runs several requests at once, and cancels one with its task', async () => {
    expect(
      await run(`
    answers = await asyncio.gather(*(pyfetch(f"{at}/echo?{n}") for n in range(5)))
    urls = [(await answer.json())["url"] for answer in answers]
    try:
        async with asyncio.timeout(1):
            await pyfetch(at + "/never")
    except TimeoutError:
        return urls`),
    ).toEqual([0, 1, 2, 3, 4].map((n) => `/echo?${n}`));
    await expect.poll(() => never, { timeout: 10_000 }).toEqual({ waiting: 0, came: 1 });
  });

  test('blocks with open_url and pyxhr, and with asyncio.run', async () => {
    expect(
      await run(
        `
    async def main():
        return await (await pyfetch(at + "/lines")).text()
    response = pyxhr.post(at + "/echo", json={"a": 1}, params={"q": "x y"})
    return [open_url(at + "/lines").read(), response.status_code, response.json()["url"], response.json()["body"], asyncio.run(main())]`,
        'plain',
      ),
    ).toEqual(['line 0\nline 1\nline 2\n', 200, '/echo?q=x+y', '{"a": 1}', 'line 0\nline 1\nline 2\n']);
  });

  test('refuses what has no meaning here, and fails as sockets fail', async () => {
    expect(
      await run(`
    told = []
    for run in (pyfetch(7), pyfetch(at, sgnal=1), pyfetch(at, signal=1), pyfetch(closed), pyfetch("https://elsewhere.example"), pyfetch(at, method="TRACE")):
        try:
            await run
        except Exception as error:
            told.append(type(error).__name__)
    return told`),
    ).toEqual(['TypeError', 'TypeError', 'TypeError', 'ConnectionRefusedError', 'PolicyDenied', 'OSError']);
  });
});

test('a socket says what to use instead', async () => {
  expect(
    await run(`
    told = []
    for run in (lambda: socket.create_connection(("example.com", 80)), lambda: socket.socket().connect(("127.0.0.1", 80)), lambda: socket.getaddrinfo("example.com", 80)):
        try:
            run()
        except OSError as error:
            told.append([error.errno == errno.EOPNOTSUPP, "urllib.request" in str(error)])
    return told`),
  ).toEqual([
    [true, true],
    [true, true],
    [true, true],
  ]);
});
