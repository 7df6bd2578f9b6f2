import { describe, expect, it } from 'vitest';
import { Fallen } from '../support/isolate.ts';
import { startPython } from '../support/python.ts';

const MiB = 1024 * 1024;

const fall = async (turn: Promise<unknown>): Promise<Fallen['by']> => {
  const thrown = await turn.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Fallen);
  return (thrown as Fallen).by;
};

describe('limits of Python', { timeout: 120_000 }, () => {
  it('gives a clean MemoryError at the limit, and goes on', async () => {
    const actor = await startPython(
      `
      grow = {
          "bytes": lambda: bytearray(600_000_000),
          "text": lambda: "x" * 10**9,
          "list": lambda: [0] * 10**9,
          "many": lambda: [bytes(1_000_000) for _ in range(10_000)],
          "number": lambda: str(1 << 10**9),
      }
      def handle(message):
          return len(grow[message]()) if message in grow else message
      `,
      { limits: { memory: 128 * MiB } },
    );
    for (const kind of ['bytes', 'text', 'list', 'many', 'number']) {
      const before = process.memoryUsage.rss();
      expect((await actor.deliver(kind)).error).toMatchObject({ code: 'limit.memory', name: 'MemoryError', hint: expect.stringContaining('memory') });
      expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MiB);
      expect((await actor.deliver('fine')).value).toBe('fine');
    }
    actor.dispose();
  });

  it('lets an actor use what its limit allows', async () => {
    const actor = await startPython('def handle(message): return len(bytearray(message))', { limits: { memory: 512 * MiB } });
    expect((await actor.deliver(300_000_000)).value).toBe(300_000_000);
    expect((await actor.deliver(500_000_000)).error?.code).toBe('limit.memory');
    actor.dispose();
  });

  it('says how much memory Python needs to start', async () => {
    await expect(startPython('def handle(message): pass', { limits: { memory: 32 * MiB } })).rejects.toThrow(/Python needs \d+ bytes of memory to start/);
  });

  it('counts the files in memory', async () => {
    const actor = await startPython(
      `
      def handle(message):
          with open("big", "ab") as file:
              for _ in range(message): file.write(bytes(1_000_000))
      `,
      { limits: { memory: 192 * MiB } },
    );
    const result = await actor.deliver(1000).catch((error: unknown) => error as Fallen);
    if (result instanceof Fallen) expect(['memory', 'fatal']).toContain(result.by.by);
    else expect(result.is).toBe('error');
    actor.dispose();
  });

  it('ends endless loops by the time limit, those in C and those that catch everything too', async () => {
    const loops = [
      'while True: pass',
      'while True:\n        try: time.sleep(0)\n        except BaseException: pass',
      'sum(itertools.repeat(1))',
      're.match("(a+)+$", "a" * 40 + "b")',
      'time.sleep(3600)',
      'asyncio.run(asyncio.sleep(3600))',
    ];
    for (const loop of loops) {
      const actor = await startPython(`import asyncio, itertools, re, time\ndef handle(message):\n    ${loop}`, { limits: { wall: 600 } });
      const started = performance.now();
      const by = await fall(actor.deliver(0));
      expect(['time', 'memory']).toContain(by.by);
      expect(performance.now() - started).toBeLessThan(5_000);
      actor.dispose();
    }
  });

  it('ends endless loops of coroutines, timers and callbacks', async () => {
    const codes = [
      'async def handle(message):\n    await asyncio.sleep(0)\n    while True: pass',
      'async def handle(message):\n    asyncio.get_event_loop().call_later(0, loop)\n    await asyncio.sleep(1)',
      'async def handle(message):\n    asyncio.get_event_loop().call_soon(loop)\n    await asyncio.sleep(1)',
      'class Loop(Exception):\n    def __str__(self): loop()\ndef handle(message): raise Loop',
      'class Loop:\n    def __await__(self): loop()\ndef handle(message): return Loop()',
      'class Loop(dict):\n    def items(self): loop()\n    def __iter__(self): loop()\n    def values(self): loop()\ndef handle(message): return Loop(a=1)',
      'def handle(message):\n    try: return\n    finally: loop()',
      'class Loop:\n    def __del__(self): loop()\ndef handle(message):\n    Loop()',
    ];
    for (const code of codes) {
      const actor = await startPython(`import asyncio\ndef loop():\n    while True: pass\n${code}`, { limits: { wall: 600 } });
      const by = await Promise.race([fall(actor.deliver(0)), new Promise((resolve) => setTimeout(resolve, 20_000, 'hangs'))]);
      expect(by, code).toEqual({ by: 'time' });
      expect(actor.blamed, code).toBe(1);
      actor.dispose();
    }
  });

  it('reports what ended before the loop, and blames the turn that ran', async () => {
    // What runs in a row is told after two milliseconds, or when it asks for something: to sleep.
    const code = 'import time\ndef handle(message):\n    while message == 3: pass\n    time.sleep(0.001)\n    return message';
    const actor = await startPython(code, { limits: { wall: 600 } });
    const results = await Promise.allSettled([0, 1, 2, 3, 4].map((message) => actor.deliver(message)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(actor.blamed).toBe(4);
    actor.dispose();
  });

  it('tells the cell when the interpreter is lost', async () => {
    const ends = {
      exit: 'import os\ndef handle(message): os._exit(3)',
      abort: 'import os\ndef handle(message): os.abort()',
      trap: 'import ctypes\ndef handle(message): ctypes.string_at(0xffffff00)',
      stack: 'import sys\ndef handle(message):\n    sys.setrecursionlimit(10**9)\n    def deep(): return [*map(lambda _: deep(), [1])]\n    return deep()',
      kill: 'import os, signal\ndef handle(message): os.kill(os.getpid(), signal.SIGKILL)',
      repr: 'def handle(message):\n    value = []\n    for _ in range(10**6): value = [value]\n    return repr(value)',
    };
    for (const [kind, code] of Object.entries(ends)) {
      const actor = await startPython(code);
      const outcome = await actor.deliver(0).catch((error: unknown) => (error as Fallen).by);
      // Some of them CPython refuses as errors; none may end as if nothing had happened, or hang.
      expect('by' in outcome ? outcome.by : outcome.is, kind).toMatch(/^(fatal|error)$/);
      if (['exit', 'abort', 'trap'].includes(kind)) expect(outcome, kind).toMatchObject({ by: 'fatal', error: { code: 'actor.fatal' } });
      if (kind === 'exit') expect(actor.blamed).toBe(1);
      if (kind === 'abort') expect(outcome).toMatchObject({ error: { stack: 'Traceback (most recent call last):\n  File "actor.py", line 2 in handle\n' } });
      actor.dispose();
    }
  });

  it('keeps a message to its limit, in both directions', async () => {
    const actor = await startPython('def handle(message): return "x" * message', { limits: { message: 10_000 } });
    expect((await actor.deliver(9_998)).is).toBe('value');
    expect((await actor.deliver(9_999)).error?.code).toBe('limit.message');
    expect((await actor.deliver(1_000_000)).error?.code).toBe('limit.message');
    expect((await actor.deliver('y'.repeat(20_000))).error?.code).toBe('limit.message');
    actor.dispose();
  });

  it('keeps a turn to what it may send', async () => {
    const actor = await startPython(
      `
      def handle(message, context):
          for n in range(message): context.emit("out", n)
      def generate(message):
          for n in range(message): yield n
      `,
      { inlets: ['in', 'generate'], limits: { outboundMessages: 100 } },
    );
    for (const inlet of ['in', 'generate']) {
      expect((await actor.deliver(99, inlet)).is).toBe('nothing');
      const result = await actor.deliver(1_000, inlet);
      expect(result.error?.code).toBe('limit.outbound');
      expect(result.sent.length).toBeLessThanOrEqual(100);
    }
    actor.dispose();
  });
});
