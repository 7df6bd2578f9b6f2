/** Section F of the corpus: what Python reaches, from a real cell. What happens inside the isolate alone is in test/python/attacks.test.ts. */
import { describe, expect, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import { availableLevels } from '../support/levels.ts';
import { answers, type Attack, attacks, either, fails, type Seen } from './harness.ts';
import { escapes } from './escapes.ts';

const language = 'python';

const cellLives = ({ cells }: Seen): void => expect(cells.map(({ event }) => event)).not.toContain('died');

/** A handler, and what it tells. */
const handler = (body: string, before = ''): string => `${before}\ndef handle(canary, context):\n${body.replace(/^\n|\n\s*$/g, '').replaceAll(/^ {6}/gm, '')}`;

/** Bodies that end in a fresh interpreter, an error or a limit; never in silence. */
const ended = fails('actor.failed', 'actor.fatal', 'limit.cpu', 'limit.wall', 'limit.memory', 'message.unsupported', 'limit.message');

const generous = { cpu: '3s', wall: '20s', memory: '192MiB' };

const table: readonly Attack[] = [
  ...escapes.map(
    ({ number, title, source }): Attack => ({
      number,
      title,
      language,
      source,
      limits: { cpu: '2s', wall: '4s' },
      allowed: answers('contained'),
      look: cellLives,
    }),
  ),
  {
    number: 108,
    title: 'Pyodide’s own parts are broken, and messages go on coming',
    language,
    source: handler(
      `
          global first
          if first:
              first = False
              for name in dir(pyodide_js._module): 
                  try: setattr(pyodide_js._module, name, None)
                  except BaseException: pass
              for name in ["fatal_error", "on_fatal", "config", "FS", "makePublicAPI"]:
                  try: setattr(pyodide_js._api, name, None)
                  except BaseException: pass
              try: pyodide_js.FS.unmount("/")
              except BaseException: pass
          return "answered"
      `,
      'import pyodide_js\nfirst = True',
    ),
    further: 4,
    allowed: either(answers('answered'), ended),
    look: (seen) => {
      cellLives(seen);
      for (const { status, errors } of seen.results) expect(status === 'completed' || errors[0]?.code !== undefined).toBe(true);
    },
  },
  {
    number: 111,
    title: 'the files of the machine are not there, and cannot be mounted',
    language,
    source: handler(
      `
          told = []
          for path in [canary["file"], "/etc/passwd", "/proc/self/environ", "/proc/1/mem", "/dev/mem", "/app/cell.cjs", "/node", "../../../../etc/passwd", "file:///etc/passwd", "\\0", "/dev/fd/3"]:
              for act in [lambda: open(path, "rb").read(), lambda: os.listdir(path), lambda: os.stat(path), lambda: pathlib.Path(path).read_text(), lambda: os.open(path, os.O_RDONLY)]:
                  try: told.append(str(act())[:100])
                  except (OSError, ValueError): pass
          for kind in ["NODEFS", "IDBFS", "WORKERFS", "PROXYFS", "NODERAWFS"]:
              try: pyodide_js.FS.mount(getattr(pyodide_js.FS.filesystems, kind), {"root": "/"}, "/mnt"); told.append(kind)
              except BaseException: pass
          return [told, sorted(os.environ), os.getcwd(), canary["variable"] in os.environ]
      `,
      'import os, pathlib, pyodide_js',
    ),
    allowed: answers([[], [], '/actor', false]),
    look: cellLives,
  },
  {
    number: 112,
    title: 'there is no network, and nothing can be installed',
    language,
    source: handler(
      `
          told = []
          def attempt(name, act):
              try: told.append([name, str(act())[:60]])
              except BaseException: pass
          import socket
          attempt("socket", lambda: socket.create_connection(("127.0.0.1", canary["port"]), 1).recv(1))
          attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect(canary["socket"]) or "connected")
          attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)).accept())
          attempt("urllib", lambda: __import__("urllib.request").request.urlopen(f"http://127.0.0.1:{canary['port']}", timeout=1).read())
          attempt("file", lambda: __import__("urllib.request").request.urlopen("file://" + canary["file"]).read())
          def http():
              import http.client
              connection = http.client.HTTPConnection("127.0.0.1", canary["port"], timeout=1)
              connection.request("GET", "/")
              return connection.getresponse().read()
          attempt("http", http)
          attempt("micropip", lambda: __import__("micropip").install("x"))
          attempt("requests", lambda: __import__("requests").get("http://127.0.0.1"))
          attempt("pyodide_http", lambda: __import__("pyodide_http").patch_all())
          attempt("fetch", lambda: __import__("js").fetch("http://127.0.0.1"))
          attempt("xhr", lambda: __import__("js").XMLHttpRequest.new())
          attempt("load", lambda: __import__("pyodide_js").loadPackage("numpy") and None)
          attempt("subprocess", lambda: __import__("subprocess").run(["/bin/true"]))
          attempt("fork", lambda: __import__("os").fork())
          attempt("spawn", lambda: __import__("os").spawnl(0, "/bin/true", "true") if __import__("os").spawnl(0, "/bin/true", "true") == 0 else exit())
          attempt("exec", lambda: __import__("os").execv("/bin/true", ["true"]))
          attempt("thread", lambda: __import__("threading").Thread(target=print).start() or "ran")
          attempt("process", lambda: __import__("multiprocessing").Process(target=print).start() or "ran")
          return told
      `,
    ),
    limits: generous,
    allowed: either(answers([]), answers([['load', expect.any(String)]])),
    look: cellLives,
  },
  ...[
    ['recursion beyond a raised limit', 'sys.setrecursionlimit(10**9)\n    def deep(): return [*map(lambda _: deep(), [1])]\n    return deep()'],
    ['a value nested a million deep', 'value = []\n    for _ in range(10**6): value = [value]\n    return repr(value)'],
    ['a value nested a million deep, returned', 'value = []\n    for _ in range(10**6): value = [value]\n    return value'],
    ['a literal of a million brackets', 'return ast.literal_eval("(" * 10**6)'],
    ['a pickle bomb', 'return len(pickle.loads(b"\\x80\\x04" + b"]" + b"]a" * 10**6 + b"."))'],
    ['an expression that runs for ever', 'return bool(re.match("(a+)+$", "a" * 60 + "b"))'],
    ['an end of the process', 'os._exit(0)'],
    ['an abort', 'os.abort()'],
    ['a signal', 'os.kill(os.getpid(), 9); return 1'],
    ['a read of memory that is not there', 'return str(ctypes.string_at(0xffffff00))'],
    ['memory that is written at random', 'ctypes.memset(4096, 0xff, 50_000_000); return 1'],
  ].map(
    ([title, body]): Attack => ({
      number: 114,
      title: title as string,
      language,
      source: `import ast, ctypes, os, pickle, re, sys\nfirst = True\ndef handle(canary, context):\n    ${body}`,
      limits: { cpu: '1s', wall: '4s', memory: '192MiB' },
      allowed: either(ended, answers(expect.anything())),
      look: cellLives,
    }),
  ),
  ...[
    ['a loop', 'while True: pass'],
    ['a loop that catches everything', 'while True:\n        try: time.sleep(0)\n        except BaseException: continue'],
    ['a loop in C', 'sum(range(10**12))'],
    ['a sleep of an hour', 'time.sleep(3600)'],
    ['a call that is never answered', 'context.services.probe.never()'],
    ['a loop in `__str__` of an error', 'raise Loop()'],
    ['a loop in `__iter__` of a result', 'return Dict(a=1)'],
    ['a loop in `__del__`', 'Finalized(); return 1'],
  ].map(
    ([title, body]): Attack => ({
      number: 115,
      title: title as string,
      language,
      source: `import time
def loop():
    while True: pass
class Loop(Exception):
    def __str__(self): loop()
class Dict(dict):
    def items(self): loop()
    def __iter__(self): loop()
    def __len__(self): loop()
class Finalized:
    def __del__(self): loop()
def handle(canary, context):
    ${body}`,
      limits: { cpu: '500ms', wall: '1s' },
      allowed: fails('limit.cpu', 'limit.wall', 'call.cancelled'),
      look: cellLives,
    }),
  ),
  {
    number: 114,
    title: 'an interpreter that is lost, and the messages after it',
    language,
    source: `import os\ndef handle(canary, context): os.abort()`,
    further: 2,
    allowed: fails('actor.fatal'),
    look: (seen) => {
      cellLives(seen);
      expect(seen.results.map(({ errors }) => errors[0]?.code)).toEqual(['actor.fatal', 'actor.fatal', 'actor.fatal']);
    },
  },
  {
    number: 117,
    title: 'errors of 100 MB, in circles, without a text, and those that end interpreters',
    language,
    source: `import asyncio, gc
def large(): raise ValueError("x" * 100_000_000)
def circle():
    a, b = ValueError("a"), ValueError("b")
    a.__cause__, b.__cause__, a.__context__ = b, a, a
    raise a
def notes():
    error = type("N" * 100_000, (Exception,), {})("x")
    for i in range(20_000): error.add_note("note")
    raise error
def groups():
    error = ValueError("x")
    for _ in range(500): error = ExceptionGroup("g", [error])
    raise error
class Odd(Exception):
    def __str__(self): raise SystemExit(self)
def odd(): raise Odd()
def lie(): exec(compile("raise ValueError('x')", "/etc/passwd", "exec"))
def leave(): raise SystemExit(5)
def interrupt(): raise KeyboardInterrupt
def stop(): raise StopIteration
def cancel(): raise asyncio.CancelledError
acts = [large, circle, notes, groups, odd, lie, leave, interrupt, stop, cancel]
number = -1
def handle(canary, context):
    global number
    number += 1
    acts[number]()`,
    limits: generous,
    further: 9,
    allowed: ended,
    look: (seen) => {
      cellLives(seen);
      for (const [place, { errors }] of seen.results.entries()) {
        const [error] = errors;
        expect(['actor.failed', 'actor.fatal', 'limit.memory'], `error ${place}`).toContain(error?.code);
        for (const text of [error?.message, error?.stack, error?.name]) expect(text?.length ?? 0).toBeLessThanOrEqual(8 * 1024);
      }
      expect(JSON.stringify(seen.results)).not.toContain('root:');
    },
  },
  {
    number: 118,
    title: 'results that are no messages, and those that are on the edge',
    language,
    source: `import datetime, decimal, pyodide_js
class Iterates:
    def __iter__(self): raise ValueError("iterated")
class Length(list):
    def __len__(self): return 2**62
class Keys(dict):
    def keys(self): return [object()]
loop = []; loop.append(loop)
circle = {}; circle["a"] = {"b": circle}
values = [Iterates(), loop, circle, object(), lambda: 1, 10**400, "\\ud800", {1: 2}, {(1,): 1}, {1, 2}, decimal.Decimal(1), 1j, ..., type, pyodide_js, datetime.datetime(1, 1, 1), Keys(a=object()), range(3), b"x" * 2_000_000, memoryview(b"x")]
number = -1
def handle(canary, context):
    global number
    number += 1
    return {"value": values[number]}`,
    further: 19,
    limits: generous,
    allowed: either(fails('message.unsupported', 'limit.message')),
    look: (seen) => {
      cellLives(seen);
      for (const [place, { status, errors }] of seen.results.entries())
        if (status !== 'completed') expect(['message.unsupported', 'limit.message', 'actor.failed'], `value ${place}`).toContain(errors[0]?.code);
      expect(seen.results.filter(({ status }) => status === 'failed').length).toBeGreaterThan(12);
    },
  },
  {
    number: 119,
    title: 'proxies between Python and JavaScript by the million',
    language,
    source: `from pyodide.ffi import create_proxy\nfrom pyodide.code import run_js\nkept = []\ndef handle(canary, context):\n    make = run_js("(i) => ({ i })")\n    for i in range(10**6): kept.append(make(i)); kept.append(create_proxy(lambda: i))\n    return len(kept)`,
    limits: { cpu: '2s', wall: '5s', memory: '160MiB' },
    allowed: fails('limit.memory', 'limit.cpu', 'limit.wall', 'actor.fatal', 'actor.failed'),
  },
  {
    number: 121,
    title: 'a result that asks to be unpickled',
    language,
    source: `class Evil(dict):\n    def __reduce__(self): return (exec, ("raise SystemExit",))\n    def __getstate__(self): return {"a": 1}\ndef handle(canary, context):\n    return Evil(a=1)`,
    allowed: either(answers({ a: 1 }), fails('message.unsupported')),
    look: cellLives,
  },
  ...[
    ['a buffer of 600 MB', 'return len(bytearray(600_000_000))'],
    ['a text of 10 GB', 'return len("x" * 10**10)'],
    ['a list that doubles', 'all = [0]\n    while True: all += all'],
    ['an integer that grows', 'return (10**10**8).bit_length()'],
    ['files in memory', 'with open("/tmp/big", "wb") as file:\n        while True: file.write(bytes(2**20))'],
    ['dictionaries without end', 'all = {}\n    while True: all[len(all)] = {len(all): []}'],
  ].map(
    ([title, body]): Attack => ({
      number: 88,
      title: title as string,
      language,
      source: `def handle(canary, context):\n    ${body}`,
      limits: { cpu: '3s', wall: '8s', memory: '128MiB' },
      allowed: fails('limit.memory', 'limit.cpu', 'limit.wall', 'actor.fatal', 'cell.died', 'actor.failed'),
    }),
  ),
];

attacks('F, Python', table);

describe.each(await availableLevels())('F, two actors in Python, at level %s', (level) => {
  test('122 share no path, file, environment, module or randomness', async () => {
    await using host = await createHost({ sandbox: { minimum: level, maximum: level }, ceiling: 'pure' });
    const code = `import os, random, sys, builtins
def handle(message):
    seen = [os.path.exists("/tmp/shared"), os.path.exists("/actor/shared"), "/evil" in sys.path, "SHARED" in os.environ, hasattr(builtins, "shared"), "shared" in sys.modules, open("/lib/python314.zip", "rb").read(2) if os.path.exists("/lib/python314.zip") else None]
    for path in ["/tmp/shared", "/actor/shared"]: open(path, "w").write("x")
    for path in ["/lib/python314.zip"]:
        if os.path.exists(path):
            with open(path, "r+b") as file: file.write(b"XX")
    sys.path.append("/evil"); os.environ["SHARED"] = "x"; builtins.shared = 1; sys.modules["shared"] = sys
    return [seen, random.random()]`;
    const actor = { runtime: 'python', code } as const;
    const flow = await host.deploy({
      vivarium: 1,
      actors: { one: actor, two: actor },
      inputs: { one: 'one', two: 'two' },
      outputs: { one: 'one', two: 'two' },
    });
    const [one, two] = [await flow.ask('one', 1), await flow.ask('two', 1)] as [[unknown[], number], [unknown[], number]];
    expect(two[0]).toEqual(one[0]);
    expect(two[0].slice(0, 6)).toEqual(Array(6).fill(false));
    expect(one[1]).not.toBe(two[1]);
    // The control: an actor does see what it did itself.
    expect(((await flow.ask('one', 1)) as [unknown[], number])[0].slice(0, 6)).toEqual(Array(6).fill(true));
  });
});
