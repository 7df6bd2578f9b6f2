/**
 * Section M of the corpus: controls. What the suite asks of the product is asked here of naive designs, which must fail: so the attacks
 * bite. Each control runs in a process of its own, because that is what it takes to survive it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHost } from '../../host/index.ts';
import { isRunning } from '../support/processes.ts';
import { escapes } from './escapes.ts';

const { resolve } = createRequire(import.meta.url);
const isolatedVm = JSON.stringify(pathToFileURL(resolve('isolated-vm')).href);
const pyodide = JSON.stringify(pathToFileURL(resolve('pyodide')).href);

interface Script {
  readonly child: ChildProcess;
  /** The next line that it writes, as JSON. */
  next(): Promise<unknown>;
}

/** Runs a module in Node; it is killed when the test ends. */
function run(source: string, environment: Readonly<Record<string, string>> = {}): Script {
  const folder = mkdtempSync(join(tmpdir(), 'control-'));
  const path = join(folder, 'control.mjs');
  writeFileSync(path, source);
  const child = spawn(process.execPath, ['--no-node-snapshot', path], { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    child,
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error('the control ended');
      return JSON.parse(value);
    },
  };
}

const proxy = 'new Proxy({}, { get() { for (;;); } })';

/** A wrapper that catches everything, has captured what it uses, and is entered with a time limit: all but the decoy. */
const door = (decoy: boolean, guest: string): string => `
  import ivm from ${isolatedVm};
  setInterval(() => {}, 1e6);
  const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  const door = await context.eval(\`(() => {
    'use strict';
    const { stringify } = JSON;
    const reject = Promise.reject.bind(Promise);
    let keep;
    const guest = ${guest.replaceAll('`', '\\`')};
    return () => {
      ${decoy ? 'keep = reject(7);' : ''}
      try { return stringify(guest()); } catch { return 'caught'; }
    };
  })()\`, { reference: true });
  const ended = door.apply(undefined, [], { timeout: 300 }).then(() => 'answered', (error) => (error === 7 ? 'answered' : String(error?.message)));
  say(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1500, 'hangs'))]));
  isolate.dispose();
  say(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000, 'hangs'))]));
  process.exit(0);
`;

describe('M 207, the naive door', () => {
  test.each([
    ['a rejection that nobody handles', `() => { Promise.reject(${proxy}); return 1; }`],
    ['a rejection after an await', `() => { (async () => { await 0; throw ${proxy}; })(); return 1; }`],
  ])('hangs for ever on %s, beyond its limit, dispose and exit', async (_, guest) => {
    const { child, next } = run(door(false, guest));
    expect(await next()).toBe('hangs');
    expect(await next()).toBe('hangs');
    // It has called \`process.exit\`, which waits for the thread that never comes back.
    const exit = once(child, 'exit').then(() => 'ended');
    expect(await Promise.race([exit, new Promise((late) => setTimeout(late, 1_000, 'hangs'))])).toBe('hangs');
    expect(isRunning(child.pid as number)).toBe(true);
  });

  test.each([
    ['a rejection that nobody handles', `() => { Promise.reject(${proxy}); return 1; }`],
    ['a rejection after an await', `() => { (async () => { await 0; throw ${proxy}; })(); return 1; }`],
  ])('answers with the decoy: %s', async (_, guest) => {
    const { child, next } = run(door(true, guest));
    expect(await next()).toBe('answered');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

test('M 207, an isolate that is not disarmed makes a gigabyte of memory that its limit does not see', async () => {
  const { next } = run(`
    import ivm from ${isolatedVm};
    const isolate = new ivm.Isolate({ memoryLimit: 64 });
    const context = await isolate.createContext();
    const told = await context.eval(\`[
      new WebAssembly.Memory({ initial: 16384 }).buffer.byteLength,
      (() => { const buffer = new ArrayBuffer(8, { maxByteLength: 2 ** 30 }); buffer.resize(2 ** 30); return buffer.byteLength; })(),
      [typeof FinalizationRegistry, typeof Atomics, typeof SharedArrayBuffer].join(),
    ]\`, { copy: true, timeout: 5000 });
    process.stdout.write(JSON.stringify(told) + '\\n');
    process.exit(0);
  `);
  expect(await next()).toEqual([2 ** 30, 2 ** 30, 'function,object,function']);
});

test('M 207, payloads that are joined to a list are more than they were', async () => {
  const payloads = ['1,{"pay":9}', '2'];
  expect(JSON.parse(`[${payloads.join(',')}]`)).toEqual([1, { pay: 9 }, 2]);
  // The product cuts each by its length, and parses each alone.
  await using host = await createHost();
  const code = `from vivarium import host\ndef handle(message, context): host.settle(context._turn, 0, message)`;
  const sum = `export const handle = (message) => [message];`;
  const flow = await host.deploy({
    vivarium: 1,
    actors: { forger: { runtime: 'python', code }, reader: { runtime: 'javascript', code: sum } },
    connections: ['forger -> reader'],
    inputs: { in: 'forger' },
    outputs: { out: 'reader' },
  });
  const results = await Promise.all(payloads.map((payload) => flow.run({ in: payload })));
  expect(results.map(({ status, errors }) => errors[0]?.code ?? status)).toEqual(['message.invalid', 'completed']);
  expect(results[1]?.outputs.out).toEqual([[2]]);
});

describe('M 207, Pyodide beside a Node realm', () => {
  test('is left by every escape that the product contains', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'canary-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const token = 'token-of-the-control';
    const canary = { file: join(folder, 'canary.txt'), variable: 'VIVARIUM_CANARY', port: 0, socket: '', pid: process.pid };
    writeFileSync(canary.file, token);
    const { next } = run(
      `
      import pyodide from ${pyodide};
      const python = await pyodide.loadPyodide();
      python.globals.set('CANARY', python.toPy(${JSON.stringify(canary)}));
      for (const source of ${JSON.stringify(escapes.map(({ source }) => source))}) {
        let told;
        try { told = String(await python.runPythonAsync(source + '\\nimport inspect\\nresult = handle(CANARY, None)\\nif inspect.iscoroutine(result): result = await result\\nresult')); } catch (error) { told = 'failed: ' + error.message; }
        process.stdout.write(JSON.stringify(told) + '\\n');
      }
      process.exit(0);
    `,
      { VIVARIUM_CANARY: token },
    );
    const told: Record<string, string> = {};
    for (const { number, title } of escapes) told[`${number} ${title}`] = String(await next());
    for (const [way, got] of Object.entries(told)) {
      expect(got, way).not.toBe('contained');
      if (!way.startsWith('103')) expect(got, way).toContain(token);
    }
    expect(existsSync(`${canary.file}.touched`)).toBe(true);
  });
});

/** Every name that can be reached in two steps from the global, with the kind of what it leads to. */
const inventory = `(() => {
  const names = {};
  const kind = (holder, key) => { const { value, get } = Object.getOwnPropertyDescriptor(holder, key); return get === undefined ? typeof value : 'accessor'; };
  const note = (path, holder) => { for (const key of Reflect.ownKeys(holder)) names[path + String(key)] = kind(holder, key); };
  note('', globalThis);
  for (const key of Reflect.ownKeys(globalThis)) {
    const { value } = Object.getOwnPropertyDescriptor(globalThis, key);
    if (value === globalThis || value === null || (typeof value !== 'object' && typeof value !== 'function')) continue;
    note(String(key) + '.', value);
    if (typeof value === 'function' && value.prototype) note(String(key) + '.prototype.', value.prototype);
  }
  return names;
})()`;

test('M 210, the realm of a guest is that of a bare isolate, with these differences and no other', async () => {
  const { next } = run(`
    import ivm from ${isolatedVm};
    const isolate = new ivm.Isolate({ memoryLimit: 64 });
    const context = await isolate.createContext();
    process.stdout.write(JSON.stringify(await context.eval(${JSON.stringify(inventory)}, { copy: true })) + '\\n');
    process.exit(0);
  `);
  const bare = (await next()) as Record<string, string>;
  await using host = await createHost();
  const code = `export const handle = () => ${inventory};`;
  const flow = await host.deploy({ vivarium: 1, actors: { a: { runtime: 'javascript', code } }, inputs: { in: 'a' }, outputs: { out: 'a' } });
  const guest = (await flow.ask('in', null)) as Record<string, string>;
  const missing = new Set(
    Object.keys(bare)
      .filter((name) => !(name in guest))
      .map(globalOf),
  );
  const added = new Set(
    Object.keys(guest)
      .filter((name) => !(name in bare))
      .map(globalOf),
  );
  const changed = Object.keys(bare).filter((name) => name in guest && guest[name] !== bare[name]);
  expect(Object.keys(bare).length).toBeGreaterThan(700);
  expect([...missing].sort()).toEqual(['Atomics', 'FinalizationRegistry', 'SharedArrayBuffer', 'Temporal', 'WeakRef', 'WebAssembly', 'console']);
  expect([...added].sort()).toEqual([
    'AbortController',
    'AbortSignal',
    'CloseEvent',
    'CustomEvent',
    'DOMException',
    'Event',
    'EventTarget',
    'Headers',
    'MessageEvent',
    'ReadableStream',
    'ReadableStreamDefaultController',
    'ReadableStreamDefaultReader',
    'Request',
    'Response',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'URLSearchParams',
    'WebSocket',
    'atob',
    'btoa',
    'clearInterval',
    'clearTimeout',
    'crypto',
    'fetch',
    // Undefined: V8 makes the property so that it cannot be deleted.
    'gc',
    'performance',
    'queueMicrotask',
    'setInterval',
    'setTimeout',
    'structuredClone',
  ]);
  expect(changed).toEqual([]);
  // What is in the place of an intrinsic, under its own name.
  expect(
    Object.keys(bare)
      .filter((name) => name.startsWith('ArrayBuffer.'))
      .sort(),
  ).toEqual(
    Object.keys(guest)
      .filter((name) => name.startsWith('ArrayBuffer.'))
      .sort(),
  );
});

const globalOf = (name: string): string => name.split('.')[0] as string;
