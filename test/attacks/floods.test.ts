/** Section E of the corpus: floods. */
import { expect } from 'vitest';
import { answers, type Attack, attacks, either, fails, handler, type Seen } from './harness.ts';

const cellLives = ({ cells }: Seen): void => expect(cells.filter(({ event }) => event === 'died')).toEqual([]);

const KiB = 1024;
/** Of one turn; the host hears of what was dropped. */
const logLimit = 64 * KiB;

const logsAreBounded = (seen: Seen): void => {
  cellLives(seen);
  const mine = seen.logs.filter(({ actor }) => actor === 'attacker');
  expect(mine.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(2 * logLimit);
  expect(mine.length).toBeLessThan(70_000);
  expect(mine.every(({ text }) => text.length <= 8 * KiB * 6)).toBe(true);
};

const logsWereDropped = (seen: Seen): void => {
  logsAreBounded(seen);
  expect(seen.logs.some(({ dropped }) => dropped > 0)).toBe(true);
};

const generous = { cpu: '5s', wall: '10s' };
const small = { message: '10KiB' };

const table: readonly Attack[] = [
  {
    number: 95,
    title: '1,000,000 messages in one turn',
    source: handler(`for (let i = 0; i < 1e6; i++) context.emit('out', i);`),
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 messages to a neighbour',
    source: handler(`for (let i = 0; i < 1e6; i++) context.emit('questions', i);`),
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 messages, each awaited',
    source: handler(`for (let i = 0; i < 1e6; i++) await context.emit('questions', i);`),
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 yields',
    source: 'export function* handle() { for (let i = 0; i < 1e6; i++) yield i; }',
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: 'refusals that are caught, and again',
    source: handler(`let refused = 0; for (let i = 0; i < 2e5; i++) { try { context.emit('questions', i); } catch { refused++; } } return refused;`),
    limits: generous,
    allowed: either(fails('limit.outbound', 'limit.cpu')),
    look: cellLives,
  },
  {
    number: 95,
    title: '64 messages of 1 MiB',
    source: handler(`for (let i = 0; i < 64; i++) context.emit('out', 'x'.repeat(2 ** 20 - 2));`),
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '15 messages of 1 MiB in each of 16 turns, of characters that take three bytes',
    source: handler(`const text = '\\u3042'.repeat(349_000); for (let i = 0; i < 15; i++) context.emit('out', text); return 1;`),
    limits: { cpu: '20s', wall: '30s' },
    further: 15,
    allowed: either(answers(...Array(15).fill(expect.any(String)), 1), fails('limit.outbound', 'limit.outputs')),
    look: cellLives,
  },
  {
    number: 95,
    title: '100,000 questions to a neighbour',
    source: handler(
      `let asked = 0; try { for (; asked < 1e5; asked++) context.ask('neighbour', asked).catch(() => {}); } catch (error) { return [asked, error.code]; }`,
    ),
    limits: generous,
    allowed: answers([64, 'limit.calls']),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 messages in one turn of Python',
    language: 'python',
    source: 'def handle(canary, context):\n    for number in range(1_000_000): context.emit("questions", number)',
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 yields of Python',
    language: 'python',
    source: 'def handle(canary):\n    yield from range(1_000_000)',
    limits: generous,
    allowed: fails('limit.outbound'),
    look: cellLives,
  },
  {
    number: 95,
    title: '1,000,000 messages in one turn of Python, refusals caught',
    language: 'python',
    source: 'def handle(canary, context):\n    for number in range(1_000_000):\n        try: context.emit("questions", number)\n        except Exception: pass',
    limits: { cpu: '1s', wall: '30s' },
    allowed: fails('limit.outbound', 'limit.cpu'),
    look: cellLives,
  },
  ...(
    [
      [10 * KiB - 2, answers(expect.any(String))],
      [10 * KiB - 1, fails('limit.message')],
      [20 * KiB, fails('limit.message')],
    ] as const
  ).flatMap(([size, allowed]): Attack[] => [
    {
      number: 96,
      title: `a message whose text has ${size} characters, where 10 KiB are allowed`,
      source: handler(`return 'x'.repeat(${size});`),
      limits: small,
      allowed,
      look: cellLives,
    },
    {
      number: 96,
      title: `the same in Python: ${size}`,
      language: 'python',
      source: `def handle(canary): return "x" * ${size}`,
      limits: small,
      allowed,
      look: cellLives,
    },
  ]),
  { number: 96, title: 'an empty message', source: handler(`return '';`), limits: small, allowed: answers(''), look: cellLives },
  {
    number: 96,
    title: 'a message whose characters take three bytes each',
    source: handler(`return '\\u3042'.repeat(5_000);`),
    limits: small,
    allowed: fails('limit.message'),
    look: cellLives,
  },
  {
    number: 97,
    title: '100,000 lines',
    source: handler(`for (let i = 0; i < 1e5; i++) console.log('line ' + i); return 1;`),
    limits: generous,
    allowed: answers(1),
    look: logsWereDropped,
  },
  {
    number: 97,
    title: '1,000,000 empty lines',
    source: handler(`for (let i = 0; i < 1e6; i++) console.error(''); return 1;`),
    limits: generous,
    allowed: answers(1),
    look: logsWereDropped,
  },
  {
    number: 97,
    title: 'a line of 64 MB',
    source: handler(`context.log.warn('x'.repeat(2 ** 26)); return 1;`),
    limits: generous,
    allowed: answers(1),
    look: logsAreBounded,
  },
  {
    number: 97,
    title: 'a line of everything at once',
    source: handler(
      `const deep = {}; let at = deep; for (let i = 0; i < 1e5; i++) at = at.a = { b: [1, 2, 3] }; console.log(deep, Array(1e5).fill(deep), new Map([[deep, deep]]), 'x'.repeat(1e6)); return 1;`,
    ),
    limits: generous,
    allowed: answers(1),
    look: logsAreBounded,
  },
  {
    number: 97,
    title: 'lines in many turns, with control characters',
    source: handler(`for (let i = 0; i < 200; i++) console.log('\\u001b]0;x\\u0007\\u202e\\r\\n{"actor":"neighbour"}'); return 1;`),
    limits: generous,
    further: 30,
    allowed: answers(1),
    look: (seen) => {
      cellLives(seen);
      expect(seen.logs.every(({ text, actor }) => !/[\u0000-\u001f\u202e]/.test(text) && actor === 'attacker')).toBe(true);
    },
  },
  {
    number: 98,
    title: 'prints without end of Python',
    language: 'python',
    source: 'def handle(canary):\n    for number in range(100_000): print("line", number)\n    return 1',
    limits: generous,
    allowed: answers(1),
    look: logsWereDropped,
  },
  {
    number: 98,
    title: 'a text without a line end of Python',
    language: 'python',
    source: 'import sys\ndef handle(canary):\n    for _ in range(300): sys.stdout.write("x" * 100_000)\n    return 1',
    limits: generous,
    allowed: answers(1),
    look: logsAreBounded,
  },
  {
    number: 98,
    title: 'writes to the descriptors of Python',
    language: 'python',
    source:
      'import os\ndef handle(canary):\n    for _ in range(2_000):\n        os.write(1, b"x" * 1_000 + b"\\n"); os.write(2, b"y" * 1_000 + b"\\n")\n    return 1',
    limits: generous,
    allowed: answers(1),
    look: logsAreBounded,
  },
  {
    number: 98,
    title: 'records of logging without end of Python',
    language: 'python',
    source: 'import logging\ndef handle(canary):\n    for number in range(20_000): logging.error("line %d", number)\n    return 1',
    limits: generous,
    allowed: either(answers(1), fails('limit.cpu')),
    look: logsAreBounded,
  },
  {
    number: 99,
    title: 'timers, listeners and questions at once',
    source: handler(`
      const told = new Set();
      const attempt = (act) => { try { act(); } catch (error) { told.add(error.code); } };
      for (let i = 0; i < 20_000; i++) { attempt(() => setInterval(() => {}, 1)); attempt(() => context.services.probe.echo(i).catch(() => {})); context.signal.addEventListener('abort', () => {}); }
      return [...told].sort();
    `),
    limits: generous,
    allowed: answers(['limit.calls', 'limit.timers']),
    look: cellLives,
  },
];

attacks('E, floods', table);
