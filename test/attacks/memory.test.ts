/** Section D of the corpus: memory. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import { failureOf } from '../support/failure.ts';
import { availableLevels } from '../support/levels.ts';
import { answers, type Attack, attacks, either, fails, handler } from './harness.ts';

/** The isolate pays, or the whole cell does and is replaced. */
const exhausted = fails('limit.memory', 'limit.cpu', 'limit.wall', 'cell.died', 'actor.failed', 'actor.fatal', 'actor.quarantined');
const limits = { cpu: '1500ms', wall: '4s', memory: '64MiB' };

const bombs: readonly (readonly [number: number, title: string, body: string])[] = [
  [80, 'small lists without end', 'const all = []; for (;;) all.push(new Array(1000).fill(1.1));'],
  [80, 'objects without end', 'const all = []; for (;;) all.push({ x: 1, y: { z: 2 } });'],
  [80, 'maps and sets without end', 'const map = new Map(), set = new Set(); for (let i = 0; ; i++) { map.set(i, {}); set.add("x" + i); }'],
  [80, 'buffers of one MiB without end', 'const all = []; for (;;) all.push(new Uint8Array(2 ** 20).fill(1));'],
  [80, 'promises that hold each other', 'let last = Promise.resolve(); for (;;) last = Promise.all([last, new Promise(() => {})]);'],
  [81, 'a list of 100,000,000', 'return Array(1e8).fill(0).length;'],
  [81, 'a list of as many as there can be', 'return Array(2 ** 32 - 1).fill(0).length;'],
  [81, 'a list that doubles by spreading', 'let all = [1, 2, 3]; for (;;) all = [...all, ...all];'],
  [81, 'a list that doubles by joining', 'let all = [1, 2, 3]; for (;;) all = all.concat(all);'],
  [81, 'arguments by the million', 'return Math.max(...new Array(1e7).fill(1));'],
  [82, 'a text that doubles', 'let text = "x"; for (;;) text += text;'],
  [
    82,
    'a text that doubles and is kept',
    'const all = []; for (let text = "x".repeat(2 ** 20); ; ) all.push((text + all.length).split("").reverse().join(""));',
  ],
  [82, 'a rope of 256 MB that is cut into characters', 'return "ab".repeat(2 ** 27).split("").length;'],
  [82, 'a text of 512 MB', 'return ("x".repeat(2 ** 28) + "y".repeat(2 ** 27)).indexOf("z");'],
  [82, 'a replacement that grows', 'return "a".repeat(2 ** 24).replaceAll("a", "b".repeat(16)).length;'],
  [82, 'JSON that grows', 'let value = []; for (let i = 0; i < 30; i++) value = [value, value]; return JSON.stringify(value).length;'],
  [
    86,
    'formats of every locale',
    'const all = []; for (let i = 0; ; i++) all.push(new Intl.DateTimeFormat("en-u-ca-" + ["gregory", "hebrew", "islamic"][i % 3], { timeZone: "UTC", dateStyle: "full", timeStyle: "full" }).format(i), new Intl.NumberFormat("de", { style: "currency", currency: "EUR", minimumFractionDigits: i % 20 }));',
  ],
  [
    86,
    'expressions without end',
    'const all = []; for (let i = 0; ; i++) { const one = new RegExp("(a|b|c)*" + i + "[\\\\u{0}-\\\\u{10ffff}]", "u"); one.test("abc"); all.push(one); }',
  ],
];

const table: readonly Attack[] = [
  {
    number: 78,
    title: 'no memory of WebAssembly can be made',
    source: handler(`
      const told = [];
      for (const make of ['new WebAssembly.Memory({ initial: 16384 })', 'new WebAssembly.Module(new Uint8Array(8))', 'WebAssembly.instantiate(new Uint8Array(8))', 'new (Object.getOwnPropertyDescriptor(globalThis, "WebAssembly").value.Memory)({ initial: 1 })']) {
        try { (0, eval)(make); told.push('made'); } catch (error) { told.push(error.name); }
      }
      return told;
    `),
    allowed: answers(['ReferenceError', 'ReferenceError', 'ReferenceError', 'TypeError']),
  },
  {
    number: 79,
    title: 'no buffer can be resized, however it was made',
    source: handler(`
      const most = { maxByteLength: 2 ** 30 };
      let reads = 0;
      const later = { get maxByteLength() { return ++reads > 1 ? 2 ** 30 : undefined; } };
      const Intrinsic = Object.getPrototypeOf(new Uint8Array(1).buffer).constructor;
      const ways = [
        () => new ArrayBuffer(8, most), () => new Intrinsic(8, most), () => Reflect.construct(ArrayBuffer, [8, most]), () => Reflect.construct(Intrinsic, [8, most], class extends ArrayBuffer {}),
        () => new ArrayBuffer(8, later), () => new ArrayBuffer(8, Object.assign(() => {}, most)), () => new ArrayBuffer(8, new Proxy({}, { get: (_, key) => (key === 'maxByteLength' ? 2 ** 30 : undefined), has: () => true })),
        () => new (class extends ArrayBuffer { constructor() { super(8, most); } })(), () => new ArrayBuffer(8).transfer(), () => new ArrayBuffer(8).transferToFixedLength(), () => structuredClone(new ArrayBuffer(8)),
        () => new (ArrayBuffer[Symbol.species])(8, most), () => new ArrayBuffer(8).slice(0, 4), () => new (Object.getPrototypeOf(ArrayBuffer.prototype).constructor)(8, most), () => Reflect.construct(Uint8Array, [8], ArrayBuffer).buffer,
        () => new ArrayBuffer({ valueOf: () => 8 }, most), () => ArrayBuffer.call(Object.create(ArrayBuffer.prototype), 8, most), () => Uint8Array.fromBase64('AAAA').buffer, () => new TextEncoder().encode('x').buffer,
      ];
      return ways.map((make) => { try { const buffer = make(); return buffer.resizable === true ? buffer.resize(2 ** 30) ?? 'resized' : 'fixed'; } catch (error) { return 'fixed'; } }).filter((told) => told !== 'fixed');
    `),
    allowed: answers([]),
  },
  {
    number: 80,
    title: 'a buffer of 1 GiB is refused',
    source: handler('try { return new Uint8Array(2 ** 30).length; } catch (error) { return error.name; }'),
    limits,
    allowed: either(answers('RangeError'), exhausted),
  },
  ...bombs.map(([number, title, body]): Attack => ({ number, title, source: handler(body), limits, allowed: exhausted })),
  {
    number: 81,
    title: 'a bomb that catches its own errors',
    source: handler('const all = []; for (;;) { try { for (;;) all.push(new Array(1e6).fill(all)); } catch { all.push({}); } }'),
    limits,
    further: 2,
    allowed: exhausted,
  },
  {
    number: 90,
    title: 'blocks of the host without end, of 1 MiB',
    language: 'wasm',
    source: 'blocks.wasm',
    limits,
    allowed: either(answers({ blocks: expect.toSatisfy((count: number) => count < 70) }), exhausted),
  },
  {
    number: 90,
    title: '200,000 empty blocks of the host',
    language: 'wasm',
    source: 'blocks.wasm',
    actor: { function: 'empty' },
    limits,
    allowed: either(answers({ blocks: expect.any(Number) }), exhausted),
  },
  {
    number: 90,
    title: 'a block of the host that nothing can hold',
    language: 'wasm',
    source: 'blocks.wasm',
    actor: { function: 'huge' },
    limits,
    allowed: either(answers({ blocks: 0 }), exhausted),
  },
  {
    number: 90,
    title: 'a memory of WebAssembly that grows until it is refused',
    language: 'wasm',
    source: 'grow.wasm',
    limits,
    allowed: either(answers({ pages: expect.toSatisfy((pages: number) => pages <= 1024) }), exhausted),
  },
  {
    number: 90,
    title: 'allocations of WebAssembly until the plugin gives up',
    language: 'wasm',
    source: 'grow.wasm',
    actor: { function: 'allocate' },
    limits,
    allowed: exhausted,
  },
];

attacks('D, memory', table);

const mebibytes = (pid: number): number => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

describe.each(await availableLevels())('D, memory of the machine, at level %s', (level) => {
  test('78 the most that a cell ever held is near its budget, whatever its guest allocates', async () => {
    await using host = await createHost({
      sandbox: { minimum: level, maximum: level },
      ceiling: { limits: { memory: '1GiB', cpu: '10s' } },
      limits: { cellMemory: 128 * 1024 * 1024 },
    });
    const pids: number[] = [];
    host.on('cell', ({ event, pid }) => event === 'started' && pid !== undefined && pids.push(pid));
    const code =
      'const all = []; export const handle = (count) => { for (let i = 0; i < count; i++) all.push(new Uint8Array(2 ** 20).fill(1)); return all.length; };';
    const flow = await host.deploy({
      vivarium: 1,
      actors: { a: { runtime: 'javascript', code, policy: { limits: { memory: '64MiB', cpu: '5s' } } } },
      inputs: { in: 'a' },
      outputs: { out: 'a' },
    });
    const [pid] = pids as [number];
    const before = mebibytes(pid);
    expect(await flow.ask('in', 40)).toBe(40);
    expect(mebibytes(pid) - before).toBeGreaterThan(30);
    const { errors } = await flow.run({ in: 10_000 });
    expect(errors[0]?.code).toBe('limit.memory');
    expect(mebibytes(pid) - before).toBeLessThan(400);
  });

  test('94 more cells than the host may have are refused, not started', async () => {
    await using host = await createHost({ sandbox: { minimum: level, maximum: level }, spare: false, limits: { cells: 3 } });
    const deploy = (namespace: string) =>
      host.deploy(
        { vivarium: 1, actors: { a: { runtime: 'javascript', code: 'export const handle = (m) => m;' } }, inputs: { in: 'a' }, outputs: { out: 'a' } },
        { namespace },
      );
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, number) => deploy(`crowd-${number}`)));
    const flows = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(flows).toHaveLength(3);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'cell.start', message: expect.stringContaining('3 cells') });
    for (const flow of flows) expect(await flow.ask('in', 1)).toBe(1);
    await flows[0]?.stop();
    expect(await (await deploy('later')).ask('in', 2)).toBe(2);
    expect((await failureOf(() => deploy('too-late'))).code).toBe('cell.start');
  });
});
