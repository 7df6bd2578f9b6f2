/** Section C of the corpus: processor time, and time. */
import { expect } from 'vitest';
import { answers, type Attack, attacks, doesNotStart, either, fails, handler, type Seen } from './harness.ts';

/** A loop is ended by its isolate; the cell and the neighbours stay. */
const cellLives = ({ cells }: Seen): void => expect(cells.map(({ event }) => event)).not.toContain('died');

const stopped = fails('limit.cpu', 'limit.wall');
const never = '{ for (;;); }';

const loops: readonly (readonly [title: string, source: string])[] = [
  ['a handler', handler('for (;;);')],
  ['a job of a promise', handler('await Promise.resolve().then(() => { for (;;); });')],
  ['an async function that awaits in a loop', handler('for (;;) await null;')],
  ['for await over an endless generator', handler('for await (const _ of (async function* () { for (;;) yield 1; })());')],
  ['a getter of the result', handler(`return { get a() ${never} };`)],
  ['toJSON of every object', handler(`Object.prototype.toJSON = () => ${never}; return { a: {} };`)],
  ['a trap of the result', handler(`return new Proxy({}, { ownKeys() ${never} });`)],
  ['then of the result', `export const handle = () => ({ get then() ${never} });`],
  ['a thenable', `export const handle = () => ({ then() ${never} });`],
  ['finally, after its loop was ended', handler('try { for (;;); } finally { for (;;); }')],
  ['catch, after its loop was ended', handler('for (;;) { try { for (;;); } catch {} }')],
  ['next of a generator', `export function* handle() { yield 1; for (;;); }`],
  ['next of what looks like a generator', `export const handle = () => ({ next() ${never}, [Symbol.iterator]() { return this; } });`],
  ['return of a generator that is closed', `export function* handle(canary, { services }) { try { yield 1; throw new Error('x'); } finally { for (;;); } }`],
  ['an async generator', `export async function* handle() { for (;;) { await null; } }`],
  ['a microtask that queues itself', handler('const again = () => queueMicrotask(again); again(); await new Promise(() => {});')],
  ['a listener of an abort', handler(`context.signal.addEventListener('abort', () => { for (;;); }); await new Promise(() => {});`)],
  ['what is logged', handler(`console.log({ get a() ${never} }, new Proxy({}, { get() ${never}, ownKeys() ${never} })); for (;;);`)],
  ['prepareStackTrace', handler(`Error.prepareStackTrace = () => ${never}; throw new Error('x');`)],
  ['a setter on a prototype', handler(`Object.defineProperty(Object.prototype, 'then', { configurable: true, get() ${never} }); return { a: 1 };`)],
  ['a species', handler(`Object.defineProperty(Promise, Symbol.species, { get() ${never} }); await Promise.resolve(1).then(() => 2); return 1;`)],
  ['the constructor of all promises', handler(`Object.defineProperty(Promise.prototype, 'constructor', { get() ${never} }); return await (async () => 1)();`)],
  ['an iterator of all lists', handler(`Array.prototype[Symbol.iterator] = () => ${never}; const [a] = [1]; return a;`)],
];

const table: readonly Attack[] = [
  ...loops.map(([title, source]): Attack => ({ number: 56, title: `a loop in ${title}`, source, allowed: stopped, look: cellLives })),
  {
    number: 56,
    title: 'a loop at the top level of a module',
    source: 'for (;;); export const handle = () => 1;',
    limits: { start: '300ms' },
    allowed: doesNotStart('limit.start'),
  },
  {
    number: 56,
    title: 'a loop in `start`',
    source: 'export const start = () => { for (;;); }; export const handle = () => 1;',
    limits: { start: '300ms' },
    allowed: doesNotStart('limit.start'),
  },
  {
    number: 56,
    title: 'a loop in `stop`, which the end of a flow does not wait for',
    source: 'export const stop = () => { for (;;); }; export const handle = () => 1;',
    limits: { start: '300ms' },
    allowed: answers(1),
  },
  {
    number: 57,
    title: 'microtasks without end while others are served',
    source: `export const handle = () => { (async () => { for (;;) await 0; })(); return 1; };`,
    // It was answered before it went on; or it is ended with what it held back.
    allowed: either(answers(1), stopped),
    further: 3,
    look: cellLives,
  },
  {
    number: 58,
    title: 'a promise that never settles',
    source: 'export const handle = () => new Promise(() => {});',
    allowed: fails('limit.wall'),
    look: cellLives,
  },
  { number: 58, title: 'a thenable that never settles', source: 'export const handle = () => ({ then() {} });', allowed: fails('limit.wall'), look: cellLives },
  {
    number: 58,
    title: 'a service that never answers',
    source: handler('return await context.services.probe.never();'),
    allowed: fails('limit.wall', 'call.cancelled'),
    look: cellLives,
  },
  {
    number: 58,
    title: 'a promise that never settles, beside others',
    source: `let count = 0; export const handle = () => (++count === 1 ? new Promise(() => {}) : count);`,
    actor: { concurrency: 4 },
    further: 6,
    allowed: fails('limit.wall'),
    look: cellLives,
  },
  {
    number: 59,
    title: 'there is no WebAssembly to loop in',
    source: handler(`return [typeof WebAssembly, typeof (0, eval)('this').WebAssembly];`),
    allowed: answers(['undefined', 'undefined']),
  },
  {
    number: 60,
    title: 'there is nothing that the garbage collector calls',
    source: handler(`return ['FinalizationRegistry', 'WeakRef'].map((name) => typeof globalThis[name]);`),
    allowed: answers(['undefined', 'undefined']),
  },
  {
    number: 61,
    title: 'there is nothing to sleep on',
    source: handler(`return ['Atomics', 'SharedArrayBuffer'].map((name) => typeof globalThis[name]);`),
    allowed: answers(['undefined', 'undefined']),
  },
  {
    number: 62,
    title: 'a catastrophic regular expression',
    source: handler(`return /^(a+)+$/.test('a'.repeat(60) + 'b');`),
    allowed: stopped,
    look: cellLives,
  },
  {
    number: 62,
    title: 'a callback of replace that loops',
    source: handler(`return 'aaaa'.replace(/a/g, () => { for (;;); });`),
    allowed: stopped,
    look: cellLives,
  },
  {
    number: 62,
    title: 'a regular expression of 100,000 groups',
    source: handler(`return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('');`),
    allowed: either(answers(true), fails('limit.cpu', 'limit.wall', 'limit.memory', 'actor.failed')),
  },
  {
    number: 62,
    title: 'a hundred expressions that take turns',
    source: handler(`let n = 0; for (let i = 0; ; i++) { if (new RegExp('(x+x+)+y' + i).test('x'.repeat(20))) n++; }`),
    allowed: stopped,
    look: cellLives,
  },
  {
    number: 64,
    title: 'a sort of 2,000,000 with an inconsistent comparison',
    source: handler('return Array.from({ length: 2e6 }, Math.random).sort(() => Math.random() - 0.5).length;'),
    allowed: fails('limit.cpu', 'limit.wall', 'limit.memory'),
  },
  {
    number: 66,
    title: 'dates and formats without end',
    source: handler(`for (let i = 0; ; i++) new Date(i * 1e9).toLocaleString('de', { timeZone: 'Asia/Tokyo' });`),
    allowed: fails('limit.cpu', 'limit.wall', 'limit.memory'),
  },
  {
    number: 66,
    title: 'a text of 8 MB that is normalised again and again',
    source: handler(`const text = '\\u0344'.repeat(4e6); for (;;) text.normalize('NFC');`),
    allowed: fails('limit.cpu', 'limit.wall', 'limit.memory', 'cell.died', 'actor.quarantined'),
  },
  {
    number: 66,
    title: 'squares of integers',
    source: handler('let x = 7n; for (;;) x = x * x;'),
    allowed: fails('limit.cpu', 'limit.wall', 'limit.memory', 'cell.died', 'actor.failed', 'actor.fatal'),
  },
  {
    number: 67,
    title: 'a source of 50,000 brackets',
    source: `export const handle = () => ${'('.repeat(50_000)}1${')'.repeat(50_000)};`,
    allowed: either(answers(1), doesNotStart('source.invalid', 'actor.start', 'limit.start')),
  },
  {
    number: 67,
    title: 'evaluated: nested functions, variables, lists and literals by the million',
    source: handler(`
      const bombs = [() => 'function a(){'.repeat(2e5) + '}'.repeat(2e5), () => 'var a' + Array.from({ length: 3e5 }, (_, i) => i).join(',a'), () => '['.repeat(1e6), () => '/' + '(a|b)'.repeat(3e5) + '/', () => '(' + '1+'.repeat(1e6) + '1)'];
      for (;;) for (const bomb of bombs) { try { (0, eval)(bomb()); } catch {} }
    `),
    allowed: fails('limit.cpu', 'limit.wall', 'limit.memory', 'cell.died', 'actor.fatal'),
  },
  {
    number: 69,
    title: '100,000 timers',
    source: handler('let set = 0; try { for (; set < 1e5; set++) setTimeout(() => {}, 0); } catch (error) { return [set, error.code]; }'),
    allowed: answers([1000, 'limit.timers']),
    look: cellLives,
  },
  {
    number: 69,
    title: 'a timer that sets itself again ends with its turn',
    source: handler('const again = () => setTimeout(again, 0); again(); return 1;'),
    allowed: answers(1),
    further: 5,
    look: cellLives,
  },
  {
    number: 69,
    title: 'a timer that sets itself again for ever holds its turn no longer than its limit',
    source: handler('await new Promise(() => { const again = () => setTimeout(again, 0); again(); });'),
    allowed: stopped,
    look: cellLives,
  },
  {
    number: 69,
    title: 'delays that are no numbers, and callbacks that are no functions',
    source: handler(`
      const told = [];
      for (const delay of [-1, NaN, 1e20, Infinity, -Infinity, '5', null, {}, [], '\\u0000']) { try { clearTimeout(setTimeout(() => {}, delay)); told.push('set'); } catch (error) { told.push(error.name); } }
      for (const callback of ['canary.x = 1', null, undefined, {}, Symbol('x')]) for (const set of [setTimeout, setInterval, queueMicrotask]) { try { set(callback, 0); told.push('set'); } catch (error) { told.push(error.name); } }
      try { setTimeout(() => {}, { valueOf() { throw new RangeError('mine'); } }); } catch (error) { told.push(error.message); }
      for (const id of [-1, NaN, '1', 1e300, {}, '__proto__', undefined]) clearTimeout(id);
      return told;
    `),
    allowed: answers([...Array(10).fill('set'), ...Array(15).fill('TypeError'), 'mine']),
    look: cellLives,
  },
  {
    number: 70,
    title: 'a timer that loops',
    source: handler('setTimeout(() => { for (;;); }, 0); await new Promise((resolve) => setTimeout(resolve, 500)); return 1;'),
    allowed: stopped,
    look: cellLives,
  },
  {
    number: 70,
    title: 'timers that throw and reject',
    source: handler(
      `for (let i = 0; i < 50; i++) { setTimeout(() => { throw new Proxy({}, {}); }, 0); setTimeout(() => Promise.reject(i), 0); } await new Promise((resolve) => setTimeout(resolve, 20)); return 1;`,
    ),
    allowed: answers(1),
    look: cellLives,
  },
  {
    number: 71,
    title: 'a limit that is used up in many small pieces',
    source: handler('for (;;) { const end = Date.now() + 4; while (Date.now() < end); await new Promise((resolve) => setTimeout(resolve, 0)); }'),
    limits: { cpu: '100ms', wall: '5s' },
    allowed: fails('limit.cpu'),
    look: (seen) => {
      cellLives(seen);
      expect(seen.took).toBeLessThan(4_000);
    },
  },
  {
    number: 72,
    title: 'work that a handler leaves behind',
    source: handler(
      `setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); context.emit('out', 'late'); }, 1); context.services.probe.echo(1).then(() => { for (;;) context.emit('out', 'late'); }); return 1;`,
    ),
    allowed: answers(1),
    further: 3,
  },
  {
    number: 74,
    title: 'a message that goes in a circle for ever',
    source: `export const handle = (n, context) => { context.emit('round', typeof n === 'number' ? n + 1 : 1); };`,
    connections: ['attacker.round -> attacker'],
    timeout: 800,
    allowed: fails('execution.deadline'),
    look: cellLives,
  },
  {
    number: 74,
    title: 'messages that double in a circle',
    source: `export const handle = (n, context) => { context.emit('round', 1); context.emit('round', 2); };`,
    connections: ['attacker.round -> attacker'],
    timeout: 800,
    allowed: fails('flow.deadlock', 'execution.deadline', 'mailbox.full', 'limit.wall', 'limit.memory'),
  },
  {
    number: 77,
    title: 'keys made to collide, in what the caller decodes',
    source: handler(`const keys = {}; for (let i = 0; i < 9_999; i++) keys[String(i * 2 ** 20)] = i; return keys;`),
    allowed: answers(expect.toSatisfy((value: object) => Object.keys(value).length === 9_999)),
    look: ({ took }) => expect(took).toBeLessThan(4_000),
  },
  {
    number: 77,
    title: 'keys beyond what one message may have',
    source: handler(`const keys = {}; for (let i = 0; i < 10_001; i++) keys['k' + i] = i; return keys;`),
    allowed: fails('limit.message'),
    look: cellLives,
  },
];

attacks('C, time', table);
