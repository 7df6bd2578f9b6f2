import { formatWithOptions } from 'node:util';
import { runInThisContext } from 'node:vm';
import { build } from 'esbuild';
import ivm from 'isolated-vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { logProbes, probes, urlInputs, urlProbe } from './web-probes.ts';

const entry = `
  import { formatLog, installWebGlobals, prepareWebGlobals } from './runtimes/guest/web/index.ts';
  installWebGlobals(globalThis);
  globalThis.formatLog = formatLog;
  globalThis.prepare = (code) => prepareWebGlobals(globalThis, code);
`;

/** Tells a value, or what the expression throws, as text that depends on the realm in nothing but what is probed. */
const teller = `(source) => {
  const seen = [];
  const tell = (value) => {
    if (typeof value === 'function') return 'function';
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : typeof value === 'bigint' ? value + 'n' : String(value);
    if (seen.includes(value)) return '<' + seen.indexOf(value) + '>';
    seen.push(value);
    const name = Object.getPrototypeOf(value)?.constructor?.name;
    if (value instanceof Date || value instanceof RegExp) return name + ' ' + String(value);
    const own = Object.keys(value).filter((key) => !ArrayBuffer.isView(value)).map((key) => key + ': ' + tell(value[key]));
    const inner = value instanceof Map ? [...value].map(tell) : value instanceof Set || ArrayBuffer.isView(value) && !(value instanceof DataView) ? [...value].map(tell) : [];
    return name + '(' + (value.length ?? '') + ') {' + [...inner, ...own].join(', ') + '}';
  };
  try {
    return tell((0, eval)('(' + source + ')'));
  } catch (error) {
    return 'throws ' + error?.constructor?.name + ' ' + error?.name;
  }
}`;

type Realm = (source: string) => string;

let code: string;
let snapshot: ivm.ExternalCopy<ArrayBuffer>;
let guest: Realm;

const evaluateInNode: Realm = (source) => runInThisContext(source);
const node: Realm = (source) => evaluateInNode(`(${teller})(${JSON.stringify(source)})`);

/** A fresh realm, as each actor gets one; `run` answers with the text that the source evaluates to. */
function createRealm(memoryLimit = 64): { run: Realm; isolate: ivm.Isolate } {
  const isolate = new ivm.Isolate({ snapshot, memoryLimit });
  const context = isolate.createContextSync();
  return { isolate, run: (source) => context.evalSync(source, { timeout: 5_000 }) as string };
}

beforeAll(async () => {
  const result = await build({
    stdin: { contents: entry, resolveDir: `${import.meta.dirname}/../..`, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2024',
    logLevel: 'error',
  });
  code = result.outputFiles[0]?.text ?? '';
  snapshot = ivm.Isolate.createSnapshot([{ code }]);
  const { run } = createRealm();
  run('globalThis.setTimeout = () => 0');
  guest = (source) => run(`(${teller})(${JSON.stringify(source)})`);
});

describe('the bundle', () => {
  it('is compact, minified and in the snapshot', () => {
    expect(code.length).toBeLessThan(180 * 1024);
    expect((snapshot.copy() as ArrayBuffer).byteLength).toBeLessThan(2 * 1024 * 1024);
  });

  it('defines nothing but the globals, each as browsers define them', () => {
    const bare = new ivm.Isolate().createContextSync().evalSync('Object.getOwnPropertyNames(globalThis).join()') as string;
    const { run } = createRealm();
    run("prepare('new URL(new TextDecoder())')");
    const added = run('Object.getOwnPropertyNames(globalThis).join()')
      .split(',')
      .filter((name) => !bare.split(',').includes(name));
    const globals = [
      'AbortController',
      'AbortSignal',
      'CloseEvent',
      'Headers',
      'MessageEvent',
      'ReadableStream',
      'ReadableStreamDefaultController',
      'ReadableStreamDefaultReader',
      'Request',
      'Response',
      'CustomEvent',
      'DOMException',
      'Event',
      'EventTarget',
      'TextDecoder',
      'TextEncoder',
      'URL',
      'URLSearchParams',
      'atob',
      'btoa',
      'structuredClone',
    ];
    expect(added.sort()).toEqual([...globals, 'formatLog', 'prepare'].sort());
    for (const name of globals) {
      expect(run(`JSON.stringify({ ...Object.getOwnPropertyDescriptor(globalThis, '${name}'), value: ${name}.name })`)).toBe(
        JSON.stringify({ value: name, writable: true, enumerable: false, configurable: true }),
      );
    }
  });
});

describe('the same as in Node', () => {
  it.each(Object.entries(probes))('%s', (_, sources) => {
    const told = (realm: Realm): string[] => sources.map((source) => `${source}\n   ${realm(source)}`);
    expect(told(guest)).toEqual(told(node));
  });

  it('URL parsing', () => {
    const told = (realm: Realm): string[] => JSON.parse(realm(`JSON.stringify((${urlProbe})(${JSON.stringify(urlInputs)}))`)) as string[];
    const { run } = createRealm();
    expect(told(run)).toEqual(told(evaluateInNode));
  });
});

/** Ordinary use of everything, as one text. */
const ordinaryUse = `(() => {
  const log = [];
  const target = new EventTarget();
  const controller = new AbortController();
  target.addEventListener('x', () => log.push('heard'), { once: true, signal: AbortSignal.any([controller.signal]) });
  target.dispatchEvent(new CustomEvent('x'));
  controller.abort();
  const url = new URL('../c?d=e#f', 'https://user@example.com:8080/a/b');
  url.searchParams.append('g', 'h i');
  const copy = structuredClone(given);
  const text = new TextDecoder().decode(new TextEncoder().encode('ü€😀')) + atob(btoa('xyz'));
  return formatLog(['%s %o', url, copy.a, copy.b, copy.e, copy.c instanceof Error, text, controller.signal, log.length], 2000);
})()`;

describe('what Node has no equal of', () => {
  it('refuses to clone what lives by identity', () => {
    for (const source of [
      'new EventTarget()',
      "new Event('x')",
      'new AbortController()',
      'AbortSignal.abort()',
      '[new URL("a:b")]',
      'new Proxy(() => {}, {})',
    ]) {
      expect(guest(`structuredClone(${source})`)).toBe('throws DOMException DataCloneError');
    }
    expect(guest('structuredClone(new ArrayBuffer(4), { transfer: [new ArrayBuffer(4)] })')).toBe('throws DOMException DataCloneError');
    expect(guest('structuredClone(new ArrayBuffer(4), { transfer: [] }).byteLength')).toBe('4');
  });

  it('lets signals time out by the timer that is global when they are made', () => {
    const { run } = createRealm();
    run(
      'globalThis.timers = []; globalThis.setTimeout = (callback, delay) => { timers.push({ callback, delay }); }; globalThis.signal = AbortSignal.timeout(25)',
    );
    expect(run('JSON.stringify([timers.map(({ delay }) => delay), signal.aborted])')).toBe('[[25],false]');
    expect(run('timers[0].callback(); JSON.stringify([signal.aborted, signal.reason.name, signal.reason.code])')).toBe('[true,"TimeoutError",23]');
  });

  it('writes what a listener throws to the console and calls the others', () => {
    const { run } = createRealm();
    run('globalThis.written = []; globalThis.console = { error: (...args) => written.push(formatLog(args, 80)) }; globalThis.target = new EventTarget()');
    run(
      "target.addEventListener('x', null); target.addEventListener('x', () => { throw 'first'; }); target.addEventListener('x', {}); target.addEventListener('x', () => written.push('last'))",
    );
    expect(run("target.dispatchEvent(new Event('x')); written[1] = written[1].split(':')[0]; JSON.stringify(written)")).toBe(
      '["Uncaught in an event listener: first","Uncaught in an event listener","last"]',
    );
  });

  it('forgets the signals that `any` made, but not those that somebody listens to', () => {
    const { run, isolate } = createRealm(16);
    run('delete globalThis.WeakRef; delete globalThis.FinalizationRegistry');
    run("globalThis.source = new AbortController(); globalThis.heard = 0; AbortSignal.any([source.signal]).addEventListener('abort', () => heard++); 'ready'");
    // Each round is a task of its own: weak references hold until the end of the task that made them.
    const make = '(() => { for (let n = 0; n < 1000; n++) { const signal = AbortSignal.any([source.signal]); if (globalThis.kept) kept.push(signal); } })()';
    for (let round = 0; round < 60; round++) run(make);
    const forgotten = isolate.getHeapStatisticsSync().used_heap_size;
    expect(run('source.abort(); String(heard)')).toBe('1');

    const control = createRealm(64);
    control.run('globalThis.source = new AbortController(); globalThis.kept = []');
    for (let round = 0; round < 60; round++) control.run(make);
    expect(control.isolate.getHeapStatisticsSync().used_heap_size).toBeGreaterThan(20 * 1024 * 1024);
    expect(forgotten).toBeLessThan(16 * 1024 * 1024);
  });

  it('withstands a guest that patches the prototypes', () => {
    const given = "globalThis.given = { a: [1, new Map([[1, new Set([2])]])], b: new Uint8Array([3]), c: new Error('d'), e: new Date(0) }; ''";
    const expected = createRealm().run(`${given}; ${ordinaryUse}`);
    const { run } = createRealm();
    run(`${given}; prepare(${JSON.stringify(ordinaryUse)})`);
    expect(expected).toMatch(
      /^https:\/\/user@example\.com:8080\/c\?d=e&g=h\+i#f \[ 1, Map\(1\) \{ 1 => Set\(1\) \{ 2 \} \} \] Uint8Array\(1\) \[ 3 \] 1970-.* true ü€😀xyz AbortSignal \{ aborted: true \} 1/,
    );
    run(`for (const { prototype } of [Map, Set, Date, Error, EventTarget, Event, AbortSignal, WeakMap, Promise, ArrayBuffer]) {
      for (const key of Object.getOwnPropertyNames(prototype)) {
        if (key !== 'constructor' && !['addEventListener', 'dispatchEvent', 'append', 'abort', 'signal'].includes(key)) {
          try { Object.defineProperty(prototype, key, { value() { throw new Error('patched ' + key); }, configurable: true }); } catch {}
        }
      }
    }
    for (const key of ['slice', 'splice', 'map', 'filter', 'forEach', 'includes', 'some', 'concat', 'shift', 'unshift']) Array.prototype[key] = () => { throw new Error('patched ' + key); };
    for (const key of ['valueOf', 'propertyIsEnumerable', 'toLocaleString']) Object.prototype[key] = () => { throw new Error('patched ' + key); };
    'patched'`);
    expect(run(ordinaryUse)).toBe(expected);
  });

  it('has URLs for code that does not name them, made when they are asked for', () => {
    const { run } = createRealm();
    const quiet = "globalThis['U' + 'RL']";
    run("prepare('export const handle = (n) => n;')");
    expect(run("typeof Object.getOwnPropertyDescriptor(globalThis, 'U' + 'RL').get")).toBe('function');
    expect(run(`new ${quiet}('b', 'https://example.com/a').href`)).toBe('https://example.com/b');
    expect(run(`String(new ${quiet}('a:b') instanceof ${quiet} && ${quiet}.name === 'U' + 'RL')`)).toBe('true');
    expect(run(`Object.keys(Object.getOwnPropertyDescriptor(globalThis, 'U' + 'RL')).join()`)).toBe('value,writable,enumerable,configurable');
    expect(run('Object.getOwnPropertyNames(globalThis).filter((name) => /core-js/.test(name)).join()')).toBe('');
    const other = createRealm();
    expect(other.run(`${quiet} = 'mine'; ${quiet} + new Request('https://example.com/a/../b').url`)).toBe('minehttps://example.com/b');
  });
});

describe('formatLog', () => {
  it('shows values as Node does on one line', () => {
    const { run } = createRealm();
    const nodes = (source: string): string =>
      formatWithOptions({ compact: 100, breakLength: Number.POSITIVE_INFINITY, depth: 3 }, ...(evaluateInNode(`(${source})`) as never as [unknown]));
    const guests = (source: string): string => run(`formatLog(${source}, 10_000)`);
    const told = (show: (source: string) => string): string[] => logProbes.map((source) => `${source}\n   ${show(source)}`);
    expect(told(guests)).toEqual(told(nodes));
  });

  const stack = "stack: 'E: m\\n    at x (y:1:2)'";
  it.each([
    ["new URL('https://example.com/a')", "URL { href: 'https://example.com/a' }"],
    ["new CustomEvent('x')", "CustomEvent { type: 'x' }"],
    ['(function () { return arguments; })(1, "a")', "[Arguments] [ 1, 'a' ]"],
    ['Promise.resolve(1)', 'Promise {}'],
    [`Object.assign(new Error('m', { cause: 'why' }), { ${stack}, code: 7 })`, "E: m\n    at x (y:1:2) { [cause]: 'why', code: 7 }"],
    [`Object.assign(new AggregateError([1], 'm'), { ${stack} })`, 'E: m\n    at x (y:1:2) { [errors]: [ 1 ] }'],
    ["(() => { const e = new TypeError('m'); delete e.stack; return e; })()", '[TypeError: m]'],
    ['Array.from({ length: 103 }, () => 0)', `[ ${'0, '.repeat(100)}... 3 more items ]`],
    ['new Uint8Array(101)', `Uint8Array(101) [ ${'0, '.repeat(100)}... 1 more item ]`],
    ['new Set(Array(102).keys())', `Set(102) { ${[...Array(100).keys()].join(', ')}, ... 2 more items }`],
    [
      'Object.fromEntries(Array.from({ length: 200 }, (_, n) => ["k" + n, n]))',
      `{ ${Array.from({ length: 100 }, (_, n) => `k${n}: ${n}`).join(', ')}, ... more properties }`,
    ],
    ['(() => { const a = [1]; a[4_000_000_000] = 2; return a; })()', '[ 1, <3999999999 empty items>, 2 ]'],
    ['new ArrayBuffer(52)', `ArrayBuffer { [Uint8Contents]: <${'00 '.repeat(50)}... 2 more bytes>, [byteLength]: 52 }`],
    ['2n ** 100_000n', '<bigint of more than 4096 bits>'],
    ['{ get a() { throw 1; }, get [Symbol.toStringTag]() { throw 2; } }', '{ a: [Getter], Symbol(Symbol.toStringTag): [Getter] }'],
    ['new Proxy({ a: 1 }, {})', '{ a: 1 }'],
    ['new Proxy({}, { ownKeys() { throw 1; } })', '[Unreadable]'],
    ['[new Proxy({}, { getPrototypeOf() { throw 1; } }), 2]', '[ [Unreadable], 2 ]'],
    ['(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return [proxy]; })()', '[ [Unreadable] ]'],
    ['Object.create({}, { constructor: { get() { throw 1; } } })', '{}'],
    ['Object.create({ get constructor() { throw 1; } })', '{}'],
    ['Object.defineProperty(new Error("m"), "stack", { get() { throw 1; } })', '[Error: m]'],
    ['Object.create(Map.prototype)', 'Map {}'],
  ])('shows %s', (source, expected) => {
    expect(createRealm().run(`formatLog([${source}], 10_000)`)).toBe(expected);
  });

  it('answers for one argument that fails, and shows the others', () => {
    const { run } = createRealm();
    expect(
      run(
        "formatLog(['%s|%j|%j|%d', { toString() { throw 1; } }, { toJSON() { throw 1; } }, (() => { const o = {}; o.o = o; return o; })(), { valueOf() { throw 1; } }, 'end'], 200)",
      ),
    ).toBe('[Unreadable]|[Unreadable]|[Unreadable]|NaN end');
    expect(run("Error.prepareStackTrace = () => { throw 1; }; formatLog([1, new Error('m'), 2], 200)")).toBe('1 [Error: m] 2');
    expect(run("Error.prepareStackTrace = () => ({}); formatLog([1, new Error('m'), 2], 200)")).toBe('1 [Error: m] 2');
  });

  const hostile = [
    ['a long string', "['x'.repeat(1e7)]"],
    ['a long string within', "[{ a: 'é'.repeat(1e7) }]"],
    ['a long pattern', "['%s%c%%'.repeat(1e5), ...Array(1000).fill('x')]"],
    ['many arguments', "Array(1e5).fill('')"],
    ['a long array', '[Array(1e6).fill({ a: 1 })]'],
    ['an empty array of the greatest length', '[new Array(2 ** 32 - 1)]'],
    [
      'a proxy of an array with every length',
      '[new Proxy([], { getOwnPropertyDescriptor: () => ({ value: 2 ** 53, writable: true, enumerable: false, configurable: false }) })]',
    ],
    ['many gaps', '[(() => { const a = []; for (let n = 0; n < 1e5; n += 2) a[n] = n; return a; })()]'],
    ['a long map', '[new Map(Array.from({ length: 1e5 }, (_, n) => [n, n]))]'],
    ['a long typed array', '[new Float64Array(1e6)]'],
    ['many properties', '[Object.fromEntries(Array.from({ length: 2e4 }, (_, n) => ["key" + n, n]))]'],
    ['many instances', '[Array(100).fill(Array(100).fill(Array.from({ length: 100 }, () => new (class Instance {})())))]'],
    ['deep nesting', '[(() => { let o = {}; for (let n = 0; n < 1e5; n++) o = { o }; return o; })()]'],
    ['endless prototypes', '[new Proxy({}, { getPrototypeOf: () => new Proxy({}, { getPrototypeOf: () => Object.create(Object.create({})) }) })]'],
    ['prototypes without end', '[(() => { const handler = { getPrototypeOf: () => new Proxy({}, handler) }; return new Proxy({}, handler); })()]'],
    [
      'properties without end',
      '[(() => { const handler = { ownKeys: () => ["a", "b"], getOwnPropertyDescriptor: () => ({ value: new Proxy({}, handler), enumerable: true, configurable: true, writable: true }) }; return new Proxy({}, handler); })()]',
    ],
    ['a long name', "[Object.defineProperty(() => {}, 'name', { value: 'n'.repeat(1e6) }), Symbol('s'.repeat(1e6)), { ['k'.repeat(1e6)]: 1 }]"],
    ['a long class name', "[new (class { static { Object.defineProperty(this, 'name', { value: 'n'.repeat(1e6) }); } })()]"],
    ['a long stack', "[Object.assign(new Error(), { stack: 'x\\n'.repeat(1e6) })]"],
    ['a huge integer', "['%d', 3n ** 1000000n, 3n ** 1000000n]"],
    ['a log within a log', '[new Proxy({}, { ownKeys() { formatLog([new Proxy({}, this)], 100); return []; } })]'],
    [
      'prototypes that throw',
      '(Object.defineProperty(Object.prototype, "value", { get() { throw 1; }, set() { throw 2; } }), Array.prototype.push = null, delete Array.prototype[Symbol.iterator], [{ a: [1] }])',
    ],
    ['an index setter', '(Object.defineProperty(Array.prototype, 0, { set() {} }), [(() => { const o = {}; o.a = o; o.b = [o, o]; return o; })()])'],
  ] as const;

  it.each(hostile)('bounds its length and its work: %s', (_, args) => {
    for (const limit of [8192, 2, 0]) {
      const { run } = createRealm();
      const text = run(`globalThis.hostile = ${args}; globalThis.limit = ${limit}; ''`) + run('formatLog(hostile, limit)');
      expect(text.length).toBeLessThanOrEqual(limit);
      expect(text.length > 0 || limit === 0).toBe(true);
    }
  });
});
