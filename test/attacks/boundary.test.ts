/** Section B of the corpus: what crosses the wall of the isolate, in either direction. */
import { expect } from 'vitest';
import { answers, type Attack, attacks, doesNotStart, either, fails, handler, type Seen } from './harness.ts';

const textLimit = 8 * 1024;

/** What crossed the wall of an error is cut. */
const bounded = ({ result }: Seen): void => {
  for (const { message, stack, name, hint } of result?.errors ?? []) {
    for (const text of [message, stack, name, hint]) expect(text?.length ?? 0).toBeLessThanOrEqual(textLimit);
  }
};

/** The isolate, not the cell, pays for a hostile value. */
const cellLives = ({ cells }: Seen): void => expect(cells.map(({ event }) => event)).not.toContain('died');

const loop = '{ for (;;); }';
const loopingProxy = `new Proxy(function () {}, { get() ${loop}, has() ${loop}, getPrototypeOf() ${loop}, ownKeys() ${loop}, apply() ${loop}, getOwnPropertyDescriptor() ${loop} })`;

/** Values on which whoever looks at them hangs. */
const hanging = [
  [32, 'an object whose message is a getter that loops', `({ get message() ${loop} })`],
  [33, 'a proxy whose traps loop', loopingProxy],
  [34, 'an error whose stack is a getter that loops', `Object.defineProperty(new Error('x'), 'stack', { get() ${loop} })`],
  [34, 'an error whose message has a toString that loops', `Object.assign(new Error('x'), { message: { toString() ${loop} } })`],
  [34, 'an object whose code is a getter that loops', `({ message: 'x', get code() ${loop} })`],
] as const;

/** Ways to hand a value over. What is rejected and not awaited is nobody’s error. */
const ways = [
  { title: 'thrown', source: (value: string) => handler(`throw ${value};`), stopped: true },
  {
    title: 'rejected with later',
    source: (value: string) => handler(`await null; await new Promise((resolve) => setTimeout(resolve, 1)); throw ${value};`),
    stopped: true,
  },
  {
    title: 'rejected with, and not handled,',
    source: (value: string) => handler(`Promise.reject(${value}); (async () => { await null; throw ${value}; })(); return 1;`),
    stopped: false,
  },
  {
    title: 'rejected with from a timer',
    source: (value: string) => handler(`setTimeout(async () => { throw ${value}; }, 0); await new Promise((resolve) => setTimeout(resolve, 10)); return 1;`),
    stopped: false,
  },
] as const;

const hostileErrors = hanging.flatMap(([number, what, value]): Attack[] => [
  ...ways.map(({ title, source, stopped }): Attack => {
    // An error whose text is no string has none for us; nothing of it is run.
    const harmless = what.includes('toString');
    return {
      number: title === 'thrown' ? number : 35,
      title: `${title} ${what}`,
      source: source(value),
      allowed: stopped ? either(fails('limit.cpu', 'limit.wall', ...(harmless ? (['actor.failed'] as const) : []))) : answers(1),
      look: (seen) => {
        cellLives(seen);
        bounded(seen);
        expect(seen.took).toBeLessThan(3_000);
      },
    };
  }),
  {
    number: 36,
    title: `thrown at the top level: ${what}`,
    source: `throw ${value}; export const handle = () => 1;`,
    limits: { start: '300ms' },
    allowed: doesNotStart('limit.start', 'actor.start'),
  },
]);

const unsupported = [
  '() => 1',
  'Symbol("x")',
  'new (class Thing { a = 1 })()',
  'new Proxy({ get a() { return () => {}; } }, {})',
  'new Set([1])',
  'new Map([[{}, 1]])',
  'Promise.resolve(1)',
  'new WeakMap()',
  '/x/',
  'function* () {}',
  'new Int32Array(2)',
  '10n ** 30n',
  '"\\ud800"',
] as const;

const table: readonly Attack[] = [
  {
    number: 31,
    title: 'no object of isolated-vm can be reached',
    source: handler(`
      const seen = new Set(), found = [], queue = [globalThis, context, context.services, new Error()];
      while (queue.length > 0) {
        const value = queue.pop();
        if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
        seen.add(value);
        let name; try { name = value.constructor?.name; } catch {}
        if (typeof name === 'string' && /^(Reference|ExternalCopy|Isolate|Callback|Script|Module|NativeModule|Context)$/.test(name)) found.push(name);
        for (const method of ['applySync', 'applySyncPromise', 'derefInto', 'copySync', 'release', 'applyIgnored']) if (Object.hasOwn(value, method)) found.push(method);
        queue.push(Object.getPrototypeOf(value));
        for (const key of Reflect.ownKeys(value)) { const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key); queue.push(held, get, set); }
      }
      return found;
    `),
    allowed: answers([]),
  },
  ...hostileErrors,
  {
    number: 37,
    title: 'an error of 16 MB is cut before it crosses',
    source: handler(`const text = 'x'.repeat(2 ** 24); throw Object.assign(new Error(text), { name: text, code: text, hint: text });`),
    allowed: fails('actor.failed'),
    look: (seen) => {
      cellLives(seen);
      bounded(seen);
    },
  },
  {
    number: 37,
    title: 'an error of a rope of 400 MB is cut before it crosses',
    source: handler(`let text = 'x'.repeat(100); for (let i = 0; i < 22; i++) text += text; throw new Error(text);`),
    allowed: fails('actor.failed', 'limit.memory', 'limit.cpu'),
    look: bounded,
  },
  {
    number: 38,
    title: 'a result of 128 MB is refused before it is copied',
    source: handler(`return 'x'.repeat(2 ** 27);`),
    allowed: fails('limit.message'),
    look: cellLives,
  },
  {
    number: 38,
    title: 'a result of 300,000 strings is refused before it is copied',
    source: handler(`return Array.from({ length: 300_000 }, () => 'text');`),
    allowed: fails('limit.message'),
    look: cellLives,
  },
  ...unsupported.map(
    (value): Attack => ({
      number: 39,
      title: `a result that is no message: ${value}`,
      source: handler(`const value = ${value}; return { value };`),
      allowed: fails('message.unsupported'),
      look: bounded,
    }),
  ),
  {
    number: 39,
    title: 'a result with getters is what they say once, and no more than its limit',
    source: handler(`let reads = 0; return { get a() { return ++reads < 2 ? 'x' : 'x'.repeat(2 ** 21); } };`),
    allowed: either(fails('limit.message', 'message.unsupported'), answers({ a: 'x' })),
  },
  {
    number: 39,
    title: 'a result whose getter throws a proxy that loops',
    source: handler(`return { get a() { throw ${loopingProxy}; } };`),
    allowed: fails('limit.cpu', 'limit.wall'),
    look: cellLives,
  },
  {
    number: 42,
    title: 'an error of the host has a code and a message, and nothing of the host',
    source: handler(`
      const { services } = context;
      const told = [];
      const calls = [() => services.probe.fail(), () => services.probe.odd(), () => services.probe.rejects(), () => services.probe.absent(), () => services.other.thing(), () => services(), () => services.probe(), () => context.ask('nobody', 1), () => context.emit('nowhere', 1), () => services.probe.echo(() => 1), () => context.emit('out', 'x'.repeat(2 ** 21))];
      for (const call of calls) {
        try { await call(); told.push('went well'); } catch (error) {
          const keys = Reflect.ownKeys(error).map(String).sort();
          const texts = keys.map((key) => typeof error[key] === 'object' ? JSON.stringify(error[key]) : String(error[key])).join(' ');
          told.push([error.code, /\\/(srv|work|tmp|root|app|home)\\/|node:|isolated|errno|file:|cell\\.cjs|host\\//.exec(texts)?.[0] ?? 'nothing', keys.filter((key) => !['code', 'message', 'stack', 'hint', 'name', 'record'].includes(key))]);
        }
      }
      return told;
    `),
    allowed: answers([
      ['service.failed', 'nothing', []],
      ['service.output', 'nothing', []],
      ['service.failed', 'nothing', []],
      ['service.unknown', 'nothing', []],
      ['policy.denied', 'nothing', []],
      ['policy.denied', 'nothing', []],
      ['policy.denied', 'nothing', []],
      ['actor.unknown', 'nothing', []],
      ['actor.outlet', 'nothing', []],
      ['message.unsupported', 'nothing', []],
      ['limit.message', 'nothing', []],
    ]),
  },
  {
    number: 43,
    title: 'services that reject while nobody waits',
    source: handler(`const { probe } = context.services; for (let i = 0; i < 20; i++) { probe.rejects(); probe.fail(); probe.odd(); } return 1;`),
    allowed: answers(1),
    look: cellLives,
  },
  {
    number: 44,
    title: 'calls from within the serialisation of a call',
    source: handler(`
      let calls = 0;
      const nested = (depth) => ({ get a() { calls++; if (depth > 0) try { context.services.probe.echo(nested(depth - 1)).catch(() => {}); } catch {} return depth; } });
      const [answer] = await Promise.all([context.services.probe.echo(nested(3)), context.emit("questions", nested(2)), context.ask("neighbour", nested(2))]);
      console.log(nested(1));
      setTimeout(() => {}, { [Symbol.toPrimitive]() { context.emit('questions', nested(1)); return 1; } });
      return [answer.a, calls > 10];
    `),
    allowed: answers([3, true]),
    look: cellLives,
  },
  {
    number: 45,
    title: '200,000 calls that nobody waits for',
    source: handler(
      `let refused = 0; const codes = new Set(); for (let i = 0; i < 200_000; i++) { try { context.services.probe.echo(i).catch(() => {}); } catch (error) { refused++; codes.add(error.code); } } return [refused, [...codes]];`,
    ),
    limits: { cpu: '3s', wall: '6s', calls: 64 },
    allowed: either(answers([199_936, ['limit.calls']]), fails('limit.cpu', 'limit.memory')),
    look: cellLives,
  },
  {
    number: 46,
    title: 'calls that are never answered, dropped with their turn',
    source: handler(`let count = 0; try { for (;;) { context.services.probe.never(); count++; } } catch (error) { return [count, error.code]; }`),
    allowed: answers([64, 'limit.calls']),
    further: 5,
    look: cellLives,
  },
  {
    number: 47,
    title: 'the numbers of calls cannot be touched by the guest',
    source: handler(`
      const waiting = context.services.probe.echo('mine');
      const promises = [waiting];
      for (const key of ['id', 'call', 'resolve', 'reject', 'pending']) waiting[key] = 7;
      Object.setPrototypeOf(waiting, Promise.prototype);
      waiting.then = undefined;
      delete waiting.then;
      return await Promise.race(promises);
    `),
    allowed: answers('mine'),
  },
  {
    number: 48,
    title: 'an answer that arrives after the turn has ended',
    source: handler(`context.services.probe.echo(1).then(() => context.emit('out', 'late')); return 'done';`),
    allowed: answers('done'),
    further: 20,
    look: cellLives,
  },
  {
    number: 48,
    title: 'an answer that arrives at an isolate that is given up',
    source: handler(`for (let i = 0; i < 50; i++) context.services.probe.echo(i).catch(() => {}); for (;;);`),
    allowed: fails('limit.cpu', 'limit.wall'),
    look: cellLives,
  },
  {
    number: 50,
    title: 'shared memory is no message, and cannot be had',
    source: handler(`
      const names = [];
      try { names.push(new ArrayBuffer(8, { maxByteLength: 64 }).resizable); } catch (error) { names.push(error.name); }
      for (const make of ['new SharedArrayBuffer(8)', 'new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })', 'Atomics.wait(new Int32Array(4), 0, 0)']) {
        try { (0, eval)(make); names.push('made'); } catch (error) { names.push(error.name); }
      }
      return names;
    `),
    allowed: answers(['TypeError', 'ReferenceError', 'ReferenceError', 'ReferenceError']),
  },
  {
    number: 54,
    title: 'messages to an actor whose isolate breaks again and again',
    source: handler(`if (context.execution.attempt > 0) for (;;); return 1;`),
    limits: { cpu: '100ms', wall: '400ms' },
    further: 3,
    allowed: fails('limit.cpu', 'limit.wall', 'actor.quarantined'),
    look: cellLives,
  },
];

attacks('B, the boundary', table);
