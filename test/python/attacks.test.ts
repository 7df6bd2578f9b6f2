/** Section F of the attack corpus: what Python code reaches of its isolate, and that it reaches nothing else. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ivm from 'isolated-vm';
import { loadPyodide } from 'pyodide';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fallen, TestInstance } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

const MiB = 1024 * 1024;
const token = `canary-${randomBytes(16).toString('hex')}`;
const folder = mkdtempSync(join(tmpdir(), 'canary-'));
const file = join(folder, 'canary');
const touched = join(folder, 'touched');
let listener: Server;
let handshakes = 0;
let port = 0;

const keysOfPrototypes = (): string =>
  JSON.stringify([Object.prototype, Array.prototype, Function.prototype, Promise.prototype].map((prototype) => Reflect.ownKeys(prototype).map(String)));
const before = keysOfPrototypes();

beforeAll(async () => {
  writeFileSync(file, token);
  process.env['CANARY'] = token;
  listener = createServer((socket) => {
    handshakes++;
    socket.end(token);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  port = (listener.address() as { port: number }).port;
});

afterAll(() => {
  listener.close();
  delete process.env['CANARY'];
  rmSync(folder, { recursive: true });
});

/** Nothing of the host came out, and nothing of the host was changed. */
const expectContained = (actor: TestInstance): void => {
  expect(actor.raw.join('')).not.toContain(token);
  expect(existsSync(touched)).toBe(false);
  expect(handshakes).toBe(0);
  expect(keysOfPrototypes()).toBe(before);
};

/** Runs `attack(message)` and tells what came of it. */
const run = async (code: string, message: unknown = null, options: Parameters<typeof startPython>[1] = {}): Promise<unknown> => {
  const actor = await startPython(`${code.trim()}\n\ndef handle(message):\n    return attack(message)\n`, { limits: { wall: 20_000 }, ...options });
  const result = await actor.deliver(message).then(
    ({ is, value, error }) => (is === 'error' ? `${error?.name}: ${error?.message}` : value),
    (error: unknown) => (error as Fallen).by,
  );
  expectContained(actor);
  actor.dispose();
  return result;
};

/** JavaScript that Python hands to `eval` in the scope of Pyodide itself, where its own variables lie. */
const inPyodide = (script: string): string => `
import ctypes
def attack(message):
    library = ctypes.CDLL(None)
    library.emscripten_run_script_string.restype = ctypes.c_char_p
    return library.emscripten_run_script_string(${JSON.stringify(script)}.encode()).decode()
`;

const tryAll = (expressions: readonly string[]): string =>
  `[${expressions.map((text) => `(()=>{ try { return String(${text}) } catch (error) { return 'refused: ' + error.message } })()`).join(', ')}].join('\\n')`;

/** Follows every property and prototype from `roots`, and names what an actor must not reach. */
const walker = `
  const seen = new Set(), found = new Set(), queue = roots.map((root, index) => ['root ' + index, root]);
  while (queue.length > 0) {
    const [path, value] = queue.pop();
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
    seen.add(value);
    let tag = '';
    try { tag = Object.prototype.toString.call(value) } catch {}
    if (/SharedArrayBuffer|Reference|ExternalCopy|Isolate|Atomics|FinalizationRegistry|WeakRef|Temporal/.test(tag)) found.add(path + ' ' + tag);
    if (typeof value === 'function') {
      let text = '', name = '';
      try { text = Function.prototype.toString.call(value); name = String(value.name) } catch {}
      const maker = /native code/.test(text) && Object.prototype.hasOwnProperty.call(value, 'prototype');
      if (maker && /^(Module|Instance|Memory|Table|SharedArrayBuffer|FinalizationRegistry|WeakRef)$/.test(name)) found.add(path + ' ' + name);
    }
    if (ArrayBuffer.isView(value)) { queue.push([path + '.buffer', value.buffer]); continue }
    let keys = [];
    try { keys = Reflect.ownKeys(value) } catch { continue }
    for (const key of keys) {
      const at = path + '.' + String(key);
      let descriptor;
      try { descriptor = Reflect.getOwnPropertyDescriptor(value, key) } catch { continue }
      if (descriptor === undefined) continue;
      if ('value' in descriptor) queue.push([at, descriptor.value]);
      else { queue.push([at + ' (get)', descriptor.get]); try { queue.push([at, Reflect.get(value, key)]) } catch {} }
    }
    try { queue.push([path + '.__proto__', Object.getPrototypeOf(value)]) } catch {}
  }
  return JSON.stringify([seen.size, [...found].slice(0, 40)]);
`;

describe('attacks from Python', { timeout: 120_000 }, () => {
  it('control: beside a Node realm the same attacks reach the host', async () => {
    const pyodide = await loadPyodide({ jsglobals: Object.freeze(Object.create(null)) as object });
    expect(pyodide.runPython(`${inPyodide('process.env.CANARY')}\nattack(None)`)).toBe(token);
    expect(pyodide.runPython('import pyodide_js\npyodide_js.runPython.constructor("return process.env.CANARY")()')).toBe(token);
    pyodide.runPython(`import ctypes\nctypes.CDLL(None).system(b"touch ${touched}")`);
    expect(existsSync(touched)).toBe(true);
    rmSync(touched);
  });

  it('103: starts no program', async () => {
    const code = `
import ctypes, os, subprocess
def attempt(action):
    try: return str(action())
    except BaseException as error: return type(error).__name__
def attack(message):
    return [attempt(action) for action in (
        lambda: ctypes.CDLL(None).system(message.encode()) != 0,
        lambda: os.system(message) != 0,
        lambda: os.popen(message).read(),
        lambda: subprocess.run(["touch", message]),
        lambda: os.fork(),
        lambda: os.execv("/bin/sh", ["sh"]),
        lambda: os.posix_spawn("/bin/sh", ["sh"], {}),
    )]
`;
    const results = (await run(code, `touch ${touched}`)) as string[];
    expect(results.slice(0, 2)).toEqual(['True', 'True']);
    for (const result of results.slice(2)) expect(result).toMatch(/Error$/);
  });

  it('104, 105, 106: evaluates JavaScript in its own isolate alone', async () => {
    const probes = [
      'typeof process',
      'typeof require',
      'typeof module',
      'typeof __boot',
      'typeof __warm',
      'typeof Deno',
      'typeof SharedArrayBuffer',
      'typeof Atomics',
      'typeof Temporal',
      'typeof read',
      'typeof readbuffer',
      'typeof WorkerGlobalScope',
    ];
    const expected = probes.map(() => 'undefined').join('\n');
    expect(await run(inPyodide(tryAll(probes)))).toBe(expected);
    const js = `
import js, pyodide_js
from pyodide.code import run_js
def attack(message):
    ways = [js.eval, run_js, lambda text: js.Function.new("return " + text)(), lambda text: js.Object.constructor("return " + text)(),
        lambda text: pyodide_js.constructor.constructor("return " + text)(), lambda text: pyodide_js._module.callPyObject.constructor("return " + text)(),
        lambda text: pyodide_js._module.FS.constructor.constructor("return " + text)()]
    return [way(message) for way in ways]
`;
    expect(new Set((await run(js, tryAll(probes))) as string[])).toEqual(new Set([expected]));
    expect(await run(js, 'typeof globalThis.constructor.constructor("return this")().process')).toEqual(Array(7).fill('undefined'));
    expect(await run("import js\ndef attack(message): return str(js.eval(\"import('node:fs').then(String, error => 'refused')\"))")).not.toContain(
      '[object Module]',
    );
  });

  it('106: finds no shared memory, no maker of memory and nothing foreign in all that can be reached', async () => {
    const walk = `
import js, pyodide_js, vivarium.host
def attack(message):
    return js.Function.new("...roots", message)(js, pyodide_js, pyodide_js._module, pyodide_js._api, *[getattr(vivarium.host, name) for name in vivarium.host.functions])
`;
    const [seen, found] = JSON.parse((await run(walk, walker, { limits: { memory: 1024 * MiB, wall: 20_000 } })) as string) as [number, string[]];
    expect(seen).toBeGreaterThan(3_000);
    expect(found).toEqual([]);
  });

  it('106: control: in a bare isolate the same walk finds them', async () => {
    const isolate = new ivm.Isolate({ memoryLimit: 64 });
    const context = await isolate.createContext();
    const code = `(function (...roots) { ${walker} })(globalThis, { _module: { memory: new WebAssembly.Memory({ initial: 1 }) } })`;
    const [, found] = JSON.parse((await context.eval(code)) as string) as [number, string[]];
    for (const name of ['Memory', 'Table', 'Module', 'Instance', 'SharedArrayBuffer', 'FinalizationRegistry', 'WeakRef'])
      expect(found.some((entry) => entry.endsWith(name))).toBe(true);
    isolate.dispose();
  });

  it('makes no memory beyond its own', async () => {
    const emptyModule = '0,97,115,109,1,0,0,0';
    const script = tryAll([
      'new WebAssembly.Memory({ initial: 1 })',
      'new WebAssembly.Table({ initial: 1, element: "anyfunc" })',
      'new memory.constructor({ initial: 1 })',
      'new (Object.getPrototypeOf(memory).constructor)({ initial: 1 })',
      'new wasmTable.constructor({ initial: 10000000, element: "anyfunc" })',
      `new WebAssembly.Module(new Uint8Array([${emptyModule},5,3,1,0,1]))`,
      `new WebAssembly.Module(new Uint8Array([${emptyModule},4,4,1,112,0,1]))`,
      `new (new WebAssembly.Module(new Uint8Array([${emptyModule}])).constructor)(new Uint8Array([${emptyModule},0x85,0x80,0x00,3,1,0,1]))`,
      'memory.grow(4096)',
      'growMemory(2 ** 30)',
      'new WebAssembly.Suspending(() => 1)',
      'WebAssembly.promising',
      'new ArrayBuffer(8, { maxByteLength: 2 ** 30 })',
      'new memory.buffer.constructor(8, { maxByteLength: 2 ** 30 })',
      'new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(5e6)))',
    ]);
    const results = ((await run(inPyodide(script), null, { limits: { memory: 128 * MiB } })) as string).split('\n');
    for (const [place, result] of results.entries()) {
      if (place === 11) expect(result).toBe('undefined');
      else if (place === 9) expect(result).toMatch(/^(undefined|refused)/);
      else expect(result, String(place)).toMatch(/^refused/);
    }
  });

  it('starts no second interpreter, and reads no file of the first', async () => {
    const code = `
import js, pyodide_js
async def attempt(action):
    try: return str(await action())
    except BaseException as error: return f"refused: {error}"
async def attack_all():
    config = pyodide_js._api.config
    return [hasattr(config, "_loadSnapshot"), hasattr(config, "createPyodideModule"), await attempt(lambda: js.fetch("/")), await attempt(lambda: pyodide_js.loadPackage("numpy"))]
async def attack(message): return await attack_all()
`;
    const actor = await startPython(`${code}\nasync def handle(message): return await attack(message)`);
    const { value } = await actor.deliver(null);
    expect(value).toEqual([false, false, expect.stringMatching(/^refused/), expect.stringMatching(/^refused/)]);
    expectContained(actor);
    actor.dispose();
  });

  it('holds to its memory whatever it leaks', async () => {
    const leaks = [
      'import js\ndef attack(message):\n    kept = []\n    while True: kept.append(js.Object.new())',
      'import js\nfrom pyodide.ffi import create_proxy\ndef attack(message):\n    kept = []\n    while True: kept.append(create_proxy(lambda: 1))',
      'import js\ndef attack(message):\n    kept = js.Array.new()\n    while True: kept.push(js.Uint8Array.new(1000000))',
      'import pyodide_js\ndef attack(message):\n    while True: pyodide_js._module.wasmTable.grow(1000000)',
      'import js\ndef attack(message):\n    kept = js.Array.new()\n    while True: kept.push("x" * 1000000 + str(kept.length))',
      'def attack(message):\n    kept = []\n    while True: kept.append(message)',
    ];
    for (const leak of leaks) {
      const rss = process.memoryUsage.rss();
      const result = await run(leak, null, { limits: { memory: 128 * MiB, wall: 4_000 } });
      // It was ended, or got an error; it did not take the machine's memory.
      expect(JSON.stringify(result), leak).toMatch(/memory|MemoryError|RangeError|JsException|fatal|time/);
      expect(process.memoryUsage.rss() - rss, leak).toBeLessThan(400 * MiB);
    }
  });

  it('108: tampering with Pyodide harms the actor alone', async () => {
    const tamperings = [
      'pyodide_js._module.callPyObject = js.Function.new("return \\"forged\\"")',
      'pyodide_js._api.fatal_error = js.Function.new("")\npyodide_js._api.on_fatal = None\nimport os\nos._exit(1)',
      'pyodide_js._module.HEAPU8.fill(255)',
      'js.eval("Array.prototype.push = Promise.prototype.then = JSON.stringify = String.prototype.charCodeAt = Reflect.apply = function(){ throw 1 }")',
      'js.eval("Object.defineProperty(Object.prototype, \\"is\\", { set(){ throw 1 } })")',
      'js.eval("Object.defineProperty(Array.prototype, 0, { set(){ throw 1 } })")',
      'import vivarium.host\nvivarium.host.settle(2, 0, "1")\nvivarium.host.settle(99, 0, "1")\nvivarium.host.fail(1, "no record")',
      'import vivarium.host\nfor name in vivarium.host.functions:\n    if name not in ("sleep", "call_now", "ask_now"):\n        for values in ([], [None], [js.Object.new()] * 4, [lambda: 1] * 6, ["x"] * 7, [-1] * 5): getattr(vivarium.host, name)(*values)',
      'import gc, sys\nfor module in list(sys.modules.values()):\n    if "vivarium" in getattr(module, "__name__", ""): module.__dict__.clear()',
      'import sys\nsys.setrecursionlimit(5)',
      'import builtins\nfor name in dir(builtins): setattr(builtins, name, None)',
      'import json, asyncio\nasyncio.Task = json.dumps = json.loads = None\nasyncio.set_event_loop_policy(None)\nasyncio._set_running_loop(None)',
    ];
    const victim = await startPython('def handle(message): return message');
    for (const tampering of tamperings) {
      const body = `import js, pyodide_js\ndef attack():\n${tampering.replaceAll(/^/gm, '    ')}\ndef handle(message):\n    if message == 1: attack()\n    return message`;
      const actor = await startPython(body, { limits: { wall: 2_000 } });
      // Each turn ends, in whatever way.
      for (const message of [1, 2, 3]) {
        const outcome = await actor.deliver(message).then(
          ({ is }) => is,
          (error: unknown) => (error as Fallen).by.by,
        );
        expect(outcome, tampering).toMatch(/^(nothing|value|error|fatal|time|memory)$/);
      }
      expect((await victim.deliver('alive')).value).toBe('alive');
      expectContained(actor);
      actor.dispose();
    }
    victim.dispose();
  });

  it('111: sees files in memory alone, and mounts nothing else', async () => {
    const code = `
import os, pyodide_js
def attempt(action):
    try: return str(action())
    except BaseException as error: return type(error).__name__
def attack(path):
    module = pyodide_js._module
    return [sorted(os.listdir("/")), attempt(lambda: open(path).read()), attempt(lambda: open("/etc/passwd").read()), attempt(lambda: open("/proc/self/environ").read()),
        attempt(lambda: pyodide_js.mountNodeFS("/mnt", "/")), *[attempt(lambda: module.FS.mount(getattr(module.FS.filesystems, kind), {"root": "/"}, "/tmp")) for kind in ("NODEFS", "WORKERFS", "PROXYFS")], attempt(lambda: module.FS.mount(module.FS.filesystems.IDBFS, {"root": "/"}, "/tmp") and os.listdir("/tmp")[0])]
`;
    const [root, ...others] = (await run(code, file)) as [string[], ...string[]];
    expect(root).toEqual(['actor', 'dev', 'home', 'lib', 'proc', 'tmp']);
    for (const other of others) expect(other).toMatch(/(Error|Exception|PolicyDenied)$/);
  });

  it('112: has no network', async () => {
    const code = `
def attempt(action):
    try: return str(action())
    except BaseException as error: return type(error).__name__
def connect(port):
    import socket
    with socket.create_connection(("127.0.0.1", port), 2) as it: return it.recv(100)
def listen(port):
    import socket
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0)); it.listen()
        return it.getsockname()
def url(port):
    import urllib.request
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).read()
def http(port):
    import http.client
    it = http.client.HTTPConnection("127.0.0.1", port, timeout=2); it.request("GET", "/")
    return it.getresponse().read()
def pyodide(port):
    from pyodide.http import open_url
    return open_url(f"http://127.0.0.1:{port}/").read()
def js(port):
    import js
    return js.XMLHttpRequest.new() or js.WebSocket.new(f"ws://127.0.0.1:{port}/")
def attack(port):
    return [attempt(lambda: way(port)) for way in (connect, url, http, pyodide, js)]
`;
    for (const result of (await run(code, port)) as string[]) expect(result).toMatch(/(Error|Exception|timeout|PolicyDenied)$/);
  });

  it('118: takes hostile values for what they are', async () => {
    const values = [
      'type("L", (list,), {"__iter__": lambda self: iter(int, 1)})([1])',
      'type("L", (list,), {"__len__": lambda self: -1})([1])',
      'type("D", (dict,), {"items": lambda self: 3})(a=1)',
      'type("S", (str,), {"encode": lambda self: 3, "__str__": lambda self: 3})("x")',
      'type("I", (int,), {"__index__": lambda self: 3, "__repr__": lambda self: "]}"})(1)',
      'type("F", (float,), {"__repr__": lambda self: "},{"})(1.5)',
      '(lambda l: (l.append(l), l)[1])([])',
      '10**400',
      'float("nan")',
      '"\\ud800"',
      'type("X", (), {"__getattr__": lambda self, name: 1/0, "__class__": property(lambda self: dict)})()',
      '__import__("js").Object.new()',
      '[__import__("js").globalThis]',
      'object',
    ];
    const code = `values = [\n${values.map((value) => `    lambda: ${value},\n`).join('')}]\ndef handle(message): return values[message]() if type(message) is int else message`;
    const start = (): Promise<TestInstance> => startPython(code, { limits: { wall: 1_500 } });
    let actor = await start();
    for (const [place, value] of values.entries()) {
      const outcome = await actor.deliver(place).then(
        ({ is }) => is,
        (error: unknown) => (error as Fallen).by.by,
      );
      expect(outcome, value).toMatch(/^(value|error|time|memory)$/);
      if (outcome === 'value' || outcome === 'error') expect((await actor.deliver('next')).value, value).toBe('next');
      else actor = await start();
    }
    actor.dispose();
  });

  it('121: decodes messages without running anything of them', async () => {
    const actor = await startPython(
      'import sys\ndef handle(message): return sorted({"pickle", "marshal", "shelve"} & set(sys.modules) - set(sys.builtin_module_names))',
    );
    expect((await actor.deliver({ 'py/object': 'os.system', $type: 'x' })).value).toEqual([]);
    const hostile = ['{"a":1}{"b":2}', '1,{"pay":9}', '[NaN]', '{"a":', `${'['.repeat(100_000)}`, '"\\ud800"', '', `[${'1,'.repeat(200_000)}1]`];
    const results = await actor.deliverPayloads(hostile.map((text) => ({ lane: 0 as const, text })));
    expect(results.map(({ error }) => error?.code)).toEqual(hostile.map(() => 'message.invalid'));
    actor.dispose();
  });
});
