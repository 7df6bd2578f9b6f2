/** Section A of the corpus: what a guest in JavaScript finds in its realm. */
import { expect } from 'vitest';
import { answers, type Attack, attacks, doesNotStart, either, fails, handler } from './harness.ts';

/** Sloppy code and indirect `eval`, past the bundler, which would resolve and rename. */
const table: readonly Attack[] = [
  {
    number: 1,
    title: 'constructors of constructors lead to no realm with a process',
    source: handler(`
      const names = ['process', 'require', 'module', 'exports', 'global', 'Buffer', 'Deno', 'Bun', 'XMLHttpRequest', 'EventSource', 'Worker',
        'importScripts', 'navigator', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'FinalizationRegistry', 'WeakRef', 'Temporal', '__boot', '__warm', 'setImmediate', 'ivm'];
      const roots = [(0, eval)('this'), context, context.log, context.services, context.emit, context.constructor, canary, setTimeout, console.log, structuredClone, crypto, URL,
        new AbortController().signal, async () => {}, function* () {}, async function* () {}, Symbol, 1n, /x/, new Error('x')];
      const found = new Set();
      for (const root of roots) {
        for (let at = root, depth = 0; at !== null && at !== undefined && depth < 5; at = at.constructor, depth++) {
          for (const name of names) {
            for (const make of [at.constructor, at.constructor?.constructor]) {
              try { const type = make('return typeof ' + name)(); if (typeof type === 'string' && type !== 'undefined') found.add(name); } catch {}
            }
          }
        }
      }
      return [...found];
    `),
    allowed: answers([]),
  },
  {
    number: 2,
    title: 'every object that can be reached belongs to the realm of the guest',
    source: handler(`
      const seen = new Set(), foreign = [], queue = [[globalThis, 'global'], [context, 'context'], [(async function* () {})(), 'generator'], [new Error().stack, 'stack']];
      const root = Object.prototype;
      while (queue.length > 0) {
        const [value, path] = queue.pop();
        if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
        seen.add(value);
        const prototype = Object.getPrototypeOf(value);
        if (prototype === null) { if (value !== root && Object.hasOwn(value, 'hasOwnProperty')) foreign.push(path); } else queue.push([prototype, path + '.__proto__']);
        if (typeof value === 'function' && value !== Function.prototype && !(value instanceof Function)) foreign.push(path);
        for (const key of Reflect.ownKeys(value)) {
          const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key);
          for (const next of [held, get, set]) queue.push([next, path + '.' + String(key)]);
        }
      }
      return { foreign, many: seen.size };
    `),
    allowed: answers({ foreign: [], many: expect.toSatisfy((count: number) => count > 800) }),
  },
  {
    number: 5,
    title: 'import() finds no module',
    source: handler(`
      const told = [];
      for (const name of ['node:fs', 'fs', 'data:text/javascript,1', 'file://' + canary.file, './actor.js', 'vivarium/actor']) {
        for (const load of [() => (0, eval)('import(' + JSON.stringify(name) + ')'), () => Function('name', 'return import(name)')(name)]) {
          try { told.push(typeof await load()); } catch (error) { told.push(error instanceof Error); }
        }
      }
      return told;
    `),
    allowed: answers(Array(12).fill(true)),
  },
  {
    number: 5,
    title: 'an import of a module of Node is refused before anything runs',
    source: `import { execFileSync } from 'node:child_process'; export const handle = ({ file }) => execFileSync('cat', [file]).toString();`,
    allowed: doesNotStart('source.missing', 'source.invalid', 'source.outside'),
  },
  {
    number: 5,
    title: 'the module of files has nothing of Node, and opens nothing that was not granted',
    source: handler(`
      const fs = await import('node:fs');
      const told = [typeof fs.readFileSync, typeof fs.default?.readFileSync, typeof fs.constants];
      for (const path of [canary.file, '/etc/passwd']) try { told.push(await fs.promises.readFile(path, 'utf8')); } catch ({ code }) { told.push(code); }
      return told;
    `),
    allowed: answers(['undefined', 'undefined', expect.any(String), expect.stringMatching(/^(policy.denied|ENOENT)$/), 'policy.denied']),
  },
  {
    number: 5,
    title: 'an import of a file of the machine is refused before anything runs',
    source: `import passwords from '/etc/passwd'; export const handle = () => passwords;`,
    allowed: doesNotStart('source.missing', 'source.invalid', 'source.outside'),
  },
  {
    number: 7,
    title: 'call sites show nothing of how an actor is run',
    source: handler(`
      const shown = [];
      Error.prepareStackTrace = (error, sites) => {
        for (const site of sites) {
          const file = String(site.getFileName() ?? site.getScriptNameOrSourceURL() ?? site.getEvalOrigin() ?? '');
          const own = file.startsWith('vivarium:');
          if (/^(\\/|file:|node:)|isolated|dist/.test(file)) shown.push('file ' + file);
          if (!own && site.getFunction() !== undefined) shown.push('function ' + site.getFunctionName());
          if (site.getThis() !== undefined) shown.push('this of ' + site.getFunctionName());
        }
        return 'stack';
      };
      const look = () => new Error('x').stack;
      await context.emit('questions', { get a() { look(); return 1; } });
      await context.services.probe.echo({ get b() { look(); return 1; } }).catch(() => {});
      await new Promise((resolve) => setTimeout(() => { look(); resolve(); }, 1));
      await new Promise((resolve) => queueMicrotask(() => { look(); resolve(); }));
      console.log({ get c() { look(); return 1; }, toString: look });
      structuredClone({ get d() { look(); return 1; } });
      try { context.emit('nowhere', 1); } catch (error) { error.stack; }
      try { null.x; } catch (error) { error.stack; }
      look();
      return [...new Set(shown)];
    `),
    allowed: answers([]),
  },
  {
    number: 7,
    title: 'a stack that the caller sees names no file of the machine',
    source: handler(`context.emit('questions', () => {});`),
    allowed: fails('message.unsupported'),
    look: ({ result }) => expect(JSON.stringify(result?.errors)).not.toMatch(/\/(app|work|tmp|home|usr|root)\/|isolated|node:|guest\.js|file:/),
  },
  {
    number: 8,
    title: 'a stack with a symbol for a name, or with hostile texts, is a string or an error of the guest',
    source: handler(`
      const told = [];
      for (const spoil of [(e) => (e.name = Symbol()), (e) => (e.message = { toString() { throw 1; } }), (e) => Object.setPrototypeOf(e, null), (e) => (e.stack = 5)]) {
        Error.prepareStackTrace = undefined;
        const error = new Error('x');
        try { spoil(error); const { stack } = error; told.push(typeof stack === 'string' || typeof stack === 'number'); } catch (thrown) { told.push(thrown instanceof Error || thrown === 1); }
      }
      return told;
    `),
    allowed: answers([true, true, true, true]),
  },
  {
    number: 10,
    title: 'no callback sees its caller or its arguments',
    source: handler(`
      const seen = [];
      const note = (0, eval)('(function (f) { return function sloppy() { try { f(arguments.callee.caller); } catch {} try { f(sloppy.caller); } catch {} try { f(sloppy.arguments.callee.caller); } catch {} return 1; }; })');
      const spy = note((caller) => { if (caller !== null && caller !== undefined) seen.push(String(caller).slice(0, 40)); });
      await new Promise((resolve) => { setTimeout(spy, 0); setTimeout(resolve, 5); });
      queueMicrotask(spy);
      await null;
      await context.emit('questions', Object.defineProperty({}, 'a', { enumerable: true, get: spy }));
      await context.services.probe.echo(Object.defineProperty([], 0, { enumerable: true, get: spy })).catch(() => {});
      new AbortController().signal.addEventListener('abort', spy);
      console.log(Object.defineProperty({}, 'b', { enumerable: true, get: spy }));
      return seen;
    `),
    allowed: answers([]),
  },
  {
    number: 12,
    title: 'replaced intrinsics change nothing of what the bootstrap does',
    source: handler(`
      const note = (what) => function () { throw 'patched ' + what.toString(); };
      const sleep = setTimeout;
      const patch = (holder, names) => { for (let i = 0; i < names.length; i++) try { holder[names[i]] = note(names[i]); } catch {} };
      const { log, services } = context;
      patch(JSON, ['stringify', 'parse']);
      patch(Reflect, ['apply', 'construct', 'ownKeys', 'get']);
      patch(Object, ['create', 'defineProperty', 'freeze', 'keys', 'entries', 'getPrototypeOf', 'hasOwn']);
      patch(Array.prototype, ['push', 'slice', 'splice', 'map', 'join', 'forEach', 'shift', Symbol.iterator]);
      patch(String.prototype, ['slice', 'split', 'indexOf', 'charCodeAt', Symbol.iterator, Symbol.split]);
      patch(Map.prototype, ['get', 'set', 'has', 'forEach']);
      patch(Promise.prototype, ['finally', 'catch']);
      patch(Promise, ['resolve', 'reject', 'all']);
      patch(Function.prototype, ['call', 'apply', 'bind']);
      globalThis.String = globalThis.Number = globalThis.Promise = globalThis.Proxy = globalThis.Error = globalThis.Uint8Array = note('constructor');
      context.emit('out', { n: 1 });
      log.info('fine');
      const echoed = await services.probe.echo({ n: 2 });
      context.emit('out', echoed);
      await { then(go) { sleep(go, 1); } };
      return { n: 3 };
    `),
    allowed: answers({ n: 1 }, { n: 2 }, { n: 3 }),
    look: ({ logs }) => expect(logs.map(({ text }) => text)).toContain('fine'),
  },
  {
    number: 12,
    title: 'a replaced Promise.prototype.then is not asked by the bootstrap',
    source: `
      const { then } = Promise.prototype;
      const seen = [];
      export const handle = (canary, context) => {
        Promise.prototype.then = function (...handlers) { seen.push(handlers.length); return then.apply(this, handlers); };
        Object.defineProperty(Promise.prototype, 'constructor', { get() { seen.push('constructor'); return undefined; } });
        context.emit('out', 1);
        setTimeout(() => {}, 0);
        const waiting = context.emit('questions', 1);
        return then.call(context.services.probe.echo(2), () => seen.filter((entry) => entry !== 'constructor'));
      };
    `,
    // Resolving a promise with another calls \`then\` of the guest: the language does that, for the guest's own promise.
    allowed: answers(
      1,
      expect.toSatisfy((seen: unknown[]) => seen.length <= 1),
    ),
  },
  {
    number: 13,
    title: 'setters on prototypes see no record of the bootstrap',
    source: handler(`
      const seen = [];
      const trap = (holder, key) => Object.defineProperty(holder, key, { __proto__: null, configurable: true, get() { return undefined; }, set(value) { seen.push(String(key) + ' ' + typeof value); } });
      for (let i = 0; i < 10; i++) trap(Array.prototype, i);
      const names = ['ok', 'id', 'type', 'value', 'then', 'is', 'turn', 'lane', 'text', 'payload', 'code', 'message', 'delay', 'resolve', 'reject', 'background', 'run', 'kind', 'next', 'ended', 'capability', 'operation'];
      for (const name of names) trap(Object.prototype, name);
      context.emit('out', { a: 1 });
      setTimeout(() => {}, 0);
      console.log('x');
      const echoed = await context.services.probe.echo('y');
      try { context.emit('nowhere', 1); } catch {}
      for (const name of names) delete Object.prototype[name];
      for (let i = 0; i < 10; i++) delete Array.prototype[i];
      return [echoed, seen];
    `),
    allowed: answers({ a: 1 }, ['y', []]),
  },
  {
    number: 15,
    title: 'values without a prototype, and revoked proxies, are refused in words',
    source: handler(`
      const revoked = (target) => { const { proxy, revoke } = Proxy.revocable(target, {}); revoke(); return proxy; };
      const told = [];
      for (const value of [revoked({}), revoked([]), revoked(() => {}), { a: revoked({}) }, [revoked([])], new Proxy({}, { ownKeys() { throw revoked({}); } })]) {
        for (const use of [(v) => context.emit('out', v), (v) => context.services.probe.echo(v), (v) => context.ask('neighbour', v), (v) => structuredClone(v), (v) => console.log(v)]) {
          try { await use(value); } catch (error) { let text; try { text = typeof error.message; } catch { text = 'revoked'; } told.push(text); }
        }
      }
      return told.every((text) => text === 'string' || text === 'revoked') && Object.keys(Object.create(null)).length === 0;
    `),
    allowed: answers(true),
  },
  ...[
    'Object.create(null)',
    'new Proxy({}, { get() { throw new Error("trap"); }, getPrototypeOf() { throw 1; } })',
    '(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })()',
    'Symbol("x")',
    'undefined',
    '{ toString() { throw 1; } }',
  ].flatMap((value): Attack[] => [
    { number: 15, title: `thrown: ${value}`, source: handler(`throw ${value};`), allowed: fails('actor.failed') },
    {
      number: 15,
      title: `thrown as the module starts: ${value}`,
      source: `throw ${value}; export const handle = () => 1;`,
      allowed: doesNotStart('actor.start'),
    },
  ]),
  {
    number: 17,
    title: 'generators that delegate, and thenables that they return, across a refused call',
    source: `
      export async function* handle(canary, { services }) {
        const inner = { [Symbol.asyncIterator]: () => ({ next: () => services.probe.fail(), return: () => ({ then(resolve) { resolve({ done: true, value: new Proxy({}, {}) }); } }) }) };
        try { yield* inner; } catch (error) { yield [error.code, error instanceof Error, Object.getPrototypeOf(Object.getPrototypeOf(error)) === Error.prototype]; }
        return { then(resolve) { resolve({ then() {} }); } };
      }
    `,
    limits: { wall: '500ms' },
    // The generator returns a thenable that never settles: its turn ends at its limit.
    allowed: either(answers(['service.failed', true, true]), fails('limit.wall')),
  },
  {
    number: 20,
    title: 'Array.fromAsync and iterator helpers stay in the realm',
    source: handler(`
      const { services } = context;
      const list = await Array.fromAsync([services.probe.echo(1), services.probe.echo([2])]);
      const helped = Iterator.from(list).map((value) => value).toArray();
      const inner = await services.probe.echo({ a: [{}] });
      return [list instanceof Array, helped instanceof Array, inner instanceof Object, inner.a instanceof Array, inner.a[0].constructor === Object];
    `),
    allowed: answers([true, true, true, true, true]),
  },
  {
    number: 21,
    title: 'no name of the bootstrap is left',
    source: handler(`
      const names = Reflect.ownKeys(globalThis).map(String);
      const hidden = Object.getOwnPropertySymbols(globalThis).map(String);
      return [names.filter((name) => /^_|boot|vivarium|ivm|pyodide|kernel|outbox|door|shell|^read(?!able)|^load/i.test(name)), hidden, typeof send, typeof seed, typeof shared];
    `),
    allowed: answers([[], [], 'undefined', 'undefined', 'undefined']),
  },
  {
    number: 26,
    title: 'a module that never finishes its top level',
    source: `await new Promise(() => {}); export const handle = () => 1;`,
    limits: { start: '300ms' },
    allowed: doesNotStart('limit.start'),
  },
  {
    number: 26,
    title: 'a `start` that never settles',
    source: `export const start = () => new Promise(() => {}); export const handle = () => 1;`,
    limits: { start: '300ms' },
    allowed: doesNotStart('limit.start'),
  },
  {
    number: 28,
    title: 'there is no require, module or file name',
    source: `#!/usr/bin/env node
      const nodes = () => { try { const load = require; return load('fs'); } catch { return 'refused'; } };
      const names = ['require', 'module', 'exports', '__filename', '__dirname', 'process'];
      export const handle = () => [nodes(), typeof import.meta?.url, ...names.map((name) => (0, eval)('typeof ' + name))];`,
    allowed: answers(['refused', 'undefined', 'undefined', 'undefined', 'undefined', 'undefined', 'undefined', 'undefined']),
  },
  {
    number: 30,
    title: 'the functions that are given lead nowhere, and their sources hold no secret',
    source: handler(`
      const given = [setTimeout, clearTimeout, setInterval, queueMicrotask, structuredClone, atob, console.log, crypto.getRandomValues, performance.now, URL, TextEncoder, AbortController, context.emit, context.ask, context.log.info, context.services.a];
      const told = given.map((f) => [Object.getPrototypeOf(f) === Function.prototype || Object.getPrototypeOf(Object.getPrototypeOf(f)) === Function.prototype, f.constructor === context.services.a.constructor || f.constructor('return this')() === globalThis]);
      const sources = given.map((f) => Function.prototype.toString.call(f)).join();
      return [told.flat().every(Boolean), /token|\\/work|\\/app|\\/tmp|node_modules/.test(sources)];
    `),
    allowed: answers([true, false]),
  },
];

attacks('A, the realm', table);
