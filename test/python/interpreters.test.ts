/** Interpreters that have started before it is known for whom: who takes one, and that nothing goes with it from one actor to another. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHost, type Flow, type Host, type ManifestObject } from '../../host/index.ts';
import { forgottenAfter, Interpreters } from '../../host/cells/interpreters.ts';
import { gone } from '../support/processes.ts';
import { dataLimitOf } from '../support/dataLimit.ts';

const MiB = 1024 * 1024;

/** What the kernel lets a process allocate at once: bytes. */

type Actors = ManifestObject['actors'];

const python = (code: string, policy: object = {}): Actors[string] => ({ runtime: 'python', code, policy });
const echo = python('def handle(message): return message');

/** Actors that each start when somebody asks them. */
const asleep = (host: Host, namespace: string, actors: Actors): Promise<Flow> =>
  host.deploy({ vivarium: 1, namespace, actors }, { start: 'message' }) as unknown as Promise<Flow>;

const interpreters = (flow: Flow): unknown => flow.status().interpreters;
const ready = (flow: Flow): Promise<void> => expect.poll(() => flow.status().interpreters.ready, { timeout: 20_000, interval: 20 }).toBe(1);

describe('an interpreter that is ready', { timeout: 60_000 }, () => {
  let host: Host;
  beforeAll(async () => {
    // Without a spare, which brings one with it.
    host = await createHost({
      spare: false,
      ceiling: { environment: { MARK: 'required' }, limits: { memory: '1GiB', cpu: '20s' } },
      environment: { MARK: 'canary-of-first' },
    });
  });
  afterAll(() => host.close());

  it('is taken by the next actor that wakes, once, and the next one made for the one after', async () => {
    const flow = await asleep(host, 'taken', { a: echo, b: echo, c: echo });
    expect(interpreters(flow)).toEqual({ ready: 0, taken: 0 });
    expect(await flow.actor('a').ask(1)).toBe(1);
    await ready(flow);
    expect(interpreters(flow)).toEqual({ ready: 1, taken: 0 });
    expect(await flow.actor('b').ask(2)).toBe(2);
    await ready(flow);
    expect(interpreters(flow)).toEqual({ ready: 1, taken: 1 });
    expect(await flow.actor('c').ask(3)).toBe(3);
    // Nobody sleeps any more who could take another.
    expect(interpreters(flow)).toEqual({ ready: 0, taken: 2 });
    await flow.stop();
  });

  it('is not for an actor with other limits of memory', async () => {
    const size = `
import ctypes
def handle(message):
    try: return len(bytes(150 * 1024 * 1024))
    except MemoryError: return "none"
`;
    const flow = await asleep(host, 'memory', {
      small: python(size, { limits: { memory: '128MiB' } }),
      large: python(size, { limits: { memory: '512MiB' } }),
      other: echo,
    });
    expect(await flow.actor('small').ask(0)).toBe('none');
    await ready(flow);
    expect(await flow.actor('large').ask(0)).toBe(150 * 1024 * 1024);
    expect(flow.status().interpreters.taken).toBe(0);
    await flow.stop();
  });

  it('carries nothing from the actor that took the one before it', async () => {
    const first = python(
      `
import builtins, gc, json, os, random, sys, types, warnings
secret = "canary-of-" + "module"
def handle(message, context):
    builtins.mark = sys.modules["mark"] = types.ModuleType("mark")
    json.mark = random.mark = secret
    warnings.simplefilter("error")
    os.environ["LEFT"] = secret
    sys.path.append("/mark")
    os.umask(0o077)
    os.chdir("/tmp")
    gc.disable()
    sys.setrecursionlimit(123)
    random.seed(1)
    open("/tmp/mark", "w").write(secret)
    held = open("/tmp/mark")
    builtins.held = held
    import js
    js.mark = secret
    return [os.environ["MARK"], os.listdir("/tmp"), held.fileno()]
`,
      { environment: { MARK: 'required' } },
    );
    const second = python(`
import builtins, gc, json, os, random, sys, warnings
def handle(message):
    import js
    texts = [value for thing in gc.get_objects() for value in (thing.values() if type(thing) is dict else thing if type(thing) in (list, tuple) else ()) if type(value) is str]
    wanted = "".join(["canary", "-of-"])
    return {
        "builtins": hasattr(builtins, "mark"), "modules": "mark" in sys.modules, "patched": hasattr(json, "mark") or hasattr(random, "mark"),
        "filters": any(action == "error" for action, *_ in warnings.filters), "environment": dict(os.environ), "path": "/mark" in sys.path,
        "umask": os.umask(0), "folder": os.getcwd(), "collects": gc.isenabled(), "recursion": sys.getrecursionlimit() == 123,
        "files": os.listdir("/tmp"), "open": open("/tmp/other", "w").fileno(), "realm": hasattr(js, "mark"),
        "canaries": [text for text in texts if wanted in text],
    }
`);
    const flow = await asleep(host, 'apart', { zeroth: echo, first, second, third: second });
    await flow.actor('zeroth').ask(0);
    await ready(flow);
    expect(await flow.actor('first').ask(0)).toEqual(['canary-of-first', ['mark'], 3]);
    await ready(flow);
    const clean = {
      ...{ builtins: false, modules: false, patched: false, filters: false, environment: {}, path: false },
      ...{ folder: '/actor', collects: true, recursion: false, files: [], open: 3, realm: false, canaries: [] },
    };
    expect(await flow.actor('second').ask(0)).toMatchObject({ ...clean, umask: 0 });
    expect(await flow.actor('third').ask(0)).toMatchObject(clean);
    expect(flow.status().interpreters.taken).toBeGreaterThanOrEqual(2);
    await flow.stop();
  });

  it('draws random numbers of its own', async () => {
    const code = `
import os, random, secrets, tempfile, uuid
at_import = random.random()
def handle(message):
    import js
    return [at_import, random.random(), os.urandom(8).hex(), secrets.token_hex(8), str(uuid.uuid4()), random.SystemRandom().random(), tempfile.mktemp(), js.crypto.randomUUID(), js.Math.random()]
`;
    const names = ['a', 'b', 'c', 'd'];
    const flow = await asleep(host, 'random', Object.fromEntries(names.map((name) => [name, python(code)])));
    const drawn: unknown[][] = [];
    for (const name of names) {
      drawn.push((await flow.actor(name).ask(0)) as unknown[]);
      if (name !== 'd') await ready(flow);
    }
    expect(flow.status().interpreters.taken).toBe(3);
    for (let place = 0; place < (drawn[0]?.length ?? 0); place++) expect(new Set(drawn.map((values) => values[place])).size).toBe(names.length);
    await flow.stop();
  });

  it('counts in what the start of an actor may take, when that had to wait for it', async () => {
    const late = python('import time\ndef start(): time.sleep(2.95)\ndef handle(message): return message', { limits: { start: '3s' } });
    const flow = await asleep(host, 'late', { late });
    await expect(flow.actor('late').ask(1)).rejects.toMatchObject({ code: 'limit.start' });
    await flow.stop();
  });

  it('shows nothing of how it came to be, and no door to make another', async () => {
    const code = `
import js, sys, time
def handle(message):
    names = ["__warm", "__boot", "read", "readbuffer", "load", "WorkerGlobalScope", "WebAssembly", "SharedArrayBuffer", "Atomics", "gc"]
    return [[name for name in names if js.eval("typeof " + name) != "undefined"], time.perf_counter() < 5, js.performance.now() < 5000]
`;
    const flow = await asleep(host, 'doors', { a: python(code), b: python(code) });
    const first = await flow.actor('a').ask(0);
    expect(first).toEqual([[], true, true]);
    await ready(flow);
    expect(await flow.actor('b').ask(0)).toEqual(first);
    expect(flow.status().interpreters.taken).toBe(1);
    await flow.stop();
  });

  it('does not come back from an actor that breaks a limit', async () => {
    const code = `
import builtins
builtins.lives = getattr(builtins, "lives", 0) + 1
def handle(message):
    while message == "for ever": pass
    return builtins.lives
`;
    const flow = await asleep(host, 'broken', { a: echo, b: python(code, { limits: { cpu: '200ms' } }), c: python(code) });
    await flow.actor('a').ask(0);
    await ready(flow);
    await expect(flow.actor('b').ask('for ever')).rejects.toMatchObject({ code: 'limit.cpu' });
    expect(await flow.actor('b').ask('again')).toBe(1);
    await ready(flow);
    expect(await flow.actor('c').ask(0)).toBe(1);
    expect(flow.status().interpreters.taken).toBeGreaterThanOrEqual(2);
    await flow.stop();
  });

  it('may be being made when its flow stops, or its cell dies', async () => {
    const flow = await asleep(host, 'stopped', { a: echo, b: echo });
    await flow.actor('a').ask(0);
    await flow.stop();
    const pids: number[] = [];
    const off = host.on('cell', ({ namespace, pid, event }) => void (namespace === 'killed' && event === 'started' && pid !== undefined && pids.push(pid)));
    const other = await asleep(host, 'killed', { a: echo, b: echo });
    await other.actor('a').ask(0);
    process.kill(pids[0] as number, 'SIGKILL');
    await gone(pids[0] as number);
    expect(await other.actor('b').ask(1)).toBe(1);
    expect(other.status().actors.map(({ state }) => state)).not.toContain('quarantined');
    await other.stop();
    off();
  });

  it('counts in the memory of its cell as an actor does', async () => {
    let pid = 0;
    const off = host.on('cell', (event) => {
      pid ||= event.pid ?? 0;
    });
    const flow = await asleep(host, 'counted', { a: echo, b: echo, c: echo });
    await flow.actor('a').ask(0);
    await ready(flow);
    const one = dataLimitOf(pid);
    await flow.actor('b').ask(0);
    await ready(flow);
    const two = dataLimitOf(pid);
    expect(two - one).toBeGreaterThan(600 * MiB);
    await flow.actor('c').ask(0);
    // Now it is the actor's, and no room is held for another.
    expect(interpreters(flow)).toEqual({ ready: 0, taken: 2 });
    await expect.poll(() => dataLimitOf(pid), { timeout: 10_000 }).toBe(two);
    await flow.stop();
    off();
  });
});

it('takes the room of an actor that rests: no limit moves when one rests, nor when it wakes', { timeout: 60_000 }, async () => {
  await using host = await createHost({ spare: false, idle: 200 });
  let pid = 0;
  host.on('cell', (event) => {
    pid ||= event.pid ?? 0;
  });
  const flow = (await host.deploy({ vivarium: 1, namespace: 'rests', actors: { a: echo } })) as unknown as Flow;
  const limits = new Set<number>();
  const watch = setInterval(() => limits.add(dataLimitOf(pid)), 2);
  onTestFinished(() => clearInterval(watch));
  const limitsInOneLife = async (): Promise<number> => {
    limits.clear();
    await expect.poll(() => flow.status().actors[0]?.state, { timeout: 20_000, interval: 5 }).toBe('asleep');
    await ready(flow);
    expect(await flow.actor('a').ask(1)).toBe(1);
    return limits.size;
  };
  // In its first life the limit of its cell becomes what one actor needs.
  await expect.poll(limitsInOneLife, { timeout: 40_000, interval: 2 }).toBe(1);
  expect(await limitsInOneLife()).toBe(1);
  await flow.stop();
});

it('is not kept by a host that keeps nothing warm', { timeout: 60_000 }, async () => {
  await using host = await createHost({ warm: 0 });
  const flow = await asleep(host, 'cold', { a: echo, b: echo });
  expect(await flow.actor('a').ask(1)).toBe(1);
  expect(await flow.actor('b').ask(1)).toBe(1);
  expect(interpreters(flow)).toEqual({ ready: 0, taken: 0 });
});

it('is taken with the spare that replaces a cell with Python', { timeout: 60_000 }, async () => {
  await using host = await createHost();
  await (await host.deploy({ vivarium: 1, namespace: 'other', actors: { a: { runtime: 'javascript', code: 'export const handle = (n) => n;' } } })).stop();
  let pid: number | undefined;
  host.on('cell', (event) => {
    pid = event.pid;
  });
  const flow = (await host.deploy({ vivarium: 1, namespace: 'spare', actors: { a: echo } })) as unknown as Flow;
  // Before it, nobody needed Python: the spare that it got had none.
  expect(flow.status().interpreters.taken).toBe(0);
  // A spare says nothing to anybody before it is taken: in time it has one.
  const replaced = async (): Promise<number> => {
    const killed = pid as number;
    process.kill(killed, 'SIGKILL');
    await gone(killed);
    expect(await flow.actor('a').ask(1)).toBe(1);
    return flow.status().interpreters.taken;
  };
  await expect.poll(replaced, { timeout: 40_000, interval: 2_000 }).toBe(1);
});

describe('whether a cell keeps one', () => {
  const cell = (most: number, kept = 0) => {
    const said: string[] = [];
    let room = Number.POSITIVE_INFINITY;
    let short = false;
    const interpreters: Interpreters = new Interpreters(
      { most, kept, everKept: kept > 0 },
      {
        isShort: () => short,
        fits: (bytes) => bytes <= room,
        reserve: () => {
          said.push(`room for ${interpreters.isolates}`);
          return Promise.resolve();
        },
        keep: (memory) => void said.push(`keep ${memory}`),
        lives: (memory) => void said.push(`lives ${memory}`),
      },
    );
    const heard = async (): Promise<string[]> => {
      await Promise.resolve();
      return said.splice(0);
    };
    return { interpreters, heard, leave: (bytes: number) => (room = bytes), shorten: (cell: boolean) => (short = cell) };
  };

  it('depends on whether somebody sleeps who could take it, and there is room before there is one', async () => {
    const { interpreters, heard } = cell(2);
    interpreters.comes(7);
    interpreters.came(7);
    expect(await heard()).toEqual(['lives 7', 'room for 1', 'keep 7']);
    // Another has other limits: it is not for that.
    interpreters.comes(9);
    interpreters.came(9);
    expect(await heard()).toEqual(['lives 9', 'keep 0', 'room for 0']);
    interpreters.went(9);
    expect(await heard()).toEqual(['lives 9', 'room for 1', 'keep 9']);
    // It takes the one that is kept, and its room: nobody sleeps who could take another.
    interpreters.comes(9);
    expect(interpreters.isolates).toBe(0);
    interpreters.came(9);
    expect(await heard()).toEqual(['lives 9']);
    interpreters.went(9);
    expect(await heard()).toEqual(['lives 9', 'room for 1', 'keep 9']);
  });

  it('goes on without one when the cell cannot be told', async () => {
    let told = 0;
    const listener = {
      isShort: () => false,
      fits: () => true,
      reserve: () => Promise.resolve(),
      keep: () => {
        told++;
        throw new Error('it hears nothing');
      },
      lives: () => undefined,
    };
    const interpreters = new Interpreters({ most: 2, kept: 0, everKept: false }, listener);
    interpreters.comes(7);
    interpreters.came(7);
    await expect.poll(() => told).toBe(1);
    // Given up in the present turn, for one with other limits.
    expect(() => interpreters.came(9)).not.toThrow();
    await expect.poll(() => told).toBeGreaterThan(1);
  });

  it('is told by the cell: one at most, no more taken than actors that came, and none at all of a cell that was told to keep none', () => {
    const { interpreters } = cell(2);
    interpreters.comes(7);
    const hear = (ready: number, taken: number) => () => interpreters.heard({ type: 'interpreters', ready, taken });
    expect(hear(1, 0)).toThrow('1 interpreters');
    interpreters.came(7);
    hear(1, 0)();
    expect(interpreters.told).toEqual({ ready: 1, taken: 0 });
    expect(hear(2, 0)).toThrow('2 interpreters');
    hear(0, 1)();
    expect(hear(0, 2)).toThrow('2 that were taken');
    expect(interpreters.told).toEqual({ ready: 0, taken: 1 });
  });

  it('does not begin while the actor that could take it starts', async () => {
    const { interpreters, heard } = cell(1);
    interpreters.comes(7);
    interpreters.came(7);
    interpreters.went(7);
    expect(await heard()).toEqual(['lives 7', 'lives 0', 'room for 1', 'keep 7']);
    interpreters.comes(7);
    interpreters.look();
    expect(await heard()).toEqual([]);
    // One that did not start may be tried again.
    interpreters.failed();
    interpreters.look();
    expect(await heard()).toEqual(['room for 1', 'keep 7']);
  });

  it('ends when nobody came or went for a minute', async () => {
    vi.useFakeTimers();
    try {
      const { interpreters, heard } = cell(2);
      interpreters.comes(7);
      interpreters.came(7);
      await heard();
      vi.advanceTimersByTime(forgottenAfter - 1);
      interpreters.look();
      expect(await heard()).toEqual([]);
      vi.advanceTimersByTime(1);
      interpreters.look();
      expect(await heard()).toEqual(['keep 0', 'room for 0']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when the memory of the cell is short, or of the host, and does not begin again at once', async () => {
    const { interpreters, heard, leave, shorten } = cell(2);
    const looked = (): Promise<string[]> => {
      interpreters.look();
      return heard();
    };
    interpreters.comes(7);
    interpreters.came(7);
    await heard();
    leave(160 * MiB);
    expect(await looked()).toEqual([]);
    leave(159 * MiB);
    expect(await looked()).toEqual(['keep 0', 'room for 0']);
    leave(319 * MiB);
    expect(await looked()).toEqual([]);
    leave(320 * MiB);
    expect(await looked()).toEqual(['room for 1', 'keep 7']);
    shorten(true);
    expect(await looked()).toEqual(['keep 0', 'room for 0']);
  });

  it('for actors with other limits each time: a few times at once, then ever more seldom, and again as often as one is taken', async () => {
    vi.useFakeTimers();
    try {
      const { interpreters, heard } = cell(2);
      const live = (memory: number): void => {
        interpreters.comes(memory);
        interpreters.came(memory);
        interpreters.went(memory);
      };
      const begun = async (lives: number, memory: (life: number) => number, pause: number): Promise<number> => {
        let count = 0;
        for (let life = 0; life < lives; life++) {
          live(memory(life));
          vi.advanceTimersByTime(pause);
          count += (await heard()).filter((said) => said.startsWith('keep') && said !== 'keep 0').length;
        }
        return count;
      };
      expect(await begun(100, () => 7, 10)).toBe(100);
      expect(await begun(100, (life) => 8 + life, 10)).toBeLessThan(6);
      expect(await begun(600, (life) => 8 + life, 1_000)).toBeLessThan(20);
      vi.advanceTimersByTime(60_000);
      expect(await begun(100, () => 7, 10)).toBe(100);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that a spare brought with it: only if it is of use', async () => {
    const useless = cell(0, 7);
    useless.interpreters.look();
    expect(await useless.heard()).toEqual(['keep 0', 'room for 0']);
    const useful = cell(1, 7);
    useful.interpreters.look();
    expect(await useful.heard()).toEqual([]);
  });
});
