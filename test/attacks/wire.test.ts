/**
 * Section J of the corpus: a cell that is in the hands of an attacker, and says what it likes. What a channel takes for a frame and
 * a message is in test/cells/frame.test.ts and test/cells/process.test.ts (179–182, and 186: the fuzzing); here is what a well-formed message may claim.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { availableLevels } from '../support/levels.ts';
import { Arena, withinLimit } from './harness.ts';
import { createMixedHost, type MixedHost } from './traitors.ts';

interface Betrayal {
  readonly number: number;
  readonly title: string;
  /** What the cell does when its first message is delivered; see traitors.ts. */
  readonly body: string;
  /** The code of the cell's death; none: the cell may live, and the caller gets what `status` says. */
  readonly death?: string;
  readonly status?: readonly string[];
  /** Deadline of the execution; milliseconds. */
  readonly timeout?: number;
}

const breach = 'cell.protocol';
const answer = `send({ type: 'emit', runs: [actor, 0, 0, 1], execution: [execution], length: [region.length] }, region); send({ type: 'settled', execution: [execution], received: [1], groups: [1, 0], work: [] });`;
const error = (code: string): string => `{ code: '${code}', message: 'forged' }`;

/** The flow has two actors in cells of their own: \`traitor\`, number 0, in the cell that betrays, and \`honest\`, number 1. */
const betrayals: readonly Betrayal[] = [
  {
    number: 177,
    title: 'a message of an actor of another cell',
    body: `send({ type: 'emit', runs: [1, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a message of an actor that is not',
    body: `send({ type: 'emit', runs: [77, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a message of an outlet that is not',
    body: `send({ type: 'emit', runs: [0, 99, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a message for an execution that never was',
    body: `send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution + 1000], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a message beyond the limit of its actor',
    body: `const large = Buffer.alloc(4 << 20, 0x31); send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution], length: [large.length] }, large);`,
    death: breach,
  },
  {
    number: 177,
    title: 'more messages than anybody keeps',
    body: `const n = 4000; for (let i = 0; i < 40; i++) send({ type: 'emit', runs: [0, 0, 0, n], execution: Array(n).fill(execution), length: Array(n).fill(1) }, Buffer.alloc(n, 0x31));`,
    // Too much for the execution, or more than the cell had credit for: then it runs again, in another cell.
    status: ['failed', 'completed'],
  },
  ...(
    [
      ['somebody who waits, though nobody looked', 'token: 1', breach],
      ['an actor of another cell that waits', 'token: 0, actor: [1], progress: [1], target: [1], answer: [0]', breach],
      ['an actor that waits for one of another cell', 'token: 0, actor: [0], progress: [1], target: [1], answer: [0]', breach],
      ['an actor of another cell that is held up', 'token: 0, holder: [1], execution: [execution], share: [1]', breach],
      ['an execution that never was and holds others up', 'token: 0, holder: [0], execution: [execution + 1000], share: [1]', breach],
    ] as const
  ).map(
    ([title, claim, death]): Betrayal => ({
      number: 177,
      title,
      body: `send({ type: 'waits', actor: [], progress: [], target: [], answer: [], holder: [], execution: [], share: [], ${claim} });`,
      death,
    }),
  ),
  {
    number: 177,
    title: 'an answer to a question that was never asked',
    body: `send({ type: 'answer', reply: 4711, error: null, lane: 0, length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'an answer to question 0',
    body: `send({ type: 'answer', reply: 0, error: null, lane: 0, length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  { number: 177, title: 'an answer without a payload', body: `send({ type: 'answer', reply: 1, error: null, lane: 0, length: [] });`, death: breach },
  {
    number: 177,
    title: 'an end of more than it was sent',
    body: `send({ type: 'settled', execution: [execution], received: [5], groups: [1, 0], work: [] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'an end of what never was',
    body: `send({ type: 'settled', execution: [execution + 1000], received: [1], groups: [1, 0], work: [] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'work of an actor of another cell',
    body: `send({ type: 'settled', execution: [execution], received: [1], groups: [1, 1], work: [1, 1, 1] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'groups that are no groups',
    body: `send({ type: 'settled', execution: [execution], received: [1], groups: [1, 65535], work: [0, 1, 1] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'a group of nobody',
    body: `send({ type: 'settled', execution: [execution], received: [1], groups: [0, 0, 1, 0], work: [] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'groups with more members than there are',
    body: `send({ type: 'settled', execution: [execution], received: [1], groups: [2, 0], work: [] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'half a group',
    body: `send({ type: 'settled', execution: [execution], received: [1], groups: [1], work: [] });`,
    death: breach,
  },
  { number: 177, title: 'credit for an actor of another cell', body: `send({ type: 'credit', actor: [1], messages: [1] });`, death: breach },
  { number: 177, title: 'credit for more than it was sent', body: `send({ type: 'credit', actor: [0], messages: [100000] });`, death: breach },
  {
    number: 177,
    title: 'a call of an actor of another cell',
    body: `send({ type: 'call', actor: 1, instance: 1, call: 1, execution, capability: 'services', operation: 'orders.list', synchronous: false, lane: 0, length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a call of an instance that never was',
    body: `send({ type: 'call', actor: 0, instance: 9, call: 1, execution, capability: 'services', operation: 'orders.list', synchronous: false, lane: 0, length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a question for an execution that never was',
    body: `send({ type: 'ask', actor: 0, instance: 1, call: 1, execution: execution + 1000, peer: 'honest', lane: 0, length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 177,
    title: 'a failure of an execution that never was',
    body: `send({ type: 'failure', execution: execution + 1000, actor: 0, error: ${error('actor.failed')} });`,
    death: breach,
  },
  {
    number: 177,
    title: 'a failure in the name of another cell',
    body: `send({ type: 'failure', execution, actor: 1, error: ${error('actor.failed')} });`,
    death: breach,
  },
  {
    number: 177,
    title: 'a line in the name of another cell',
    body: `send({ type: 'log', lines: [{ actor: 1, execution, level: 'info', text: 'forged', dropped: 0 }] });`,
    death: breach,
  },
  {
    number: 177,
    title: 'a violation in the name of another cell',
    body: `send({ type: 'violation', actor: 1, execution, error: ${error('limit.cpu')} });`,
    death: breach,
  },
  { number: 177, title: 'a beginning in the name of another cell', body: `send({ type: 'begin', actor: 1, execution });`, death: breach },
  { number: 177, title: 'a wedge in the name of another cell', body: `send({ type: 'wedged', actor: 1, reason: 'forged' });`, death: breach },
  {
    number: 177,
    title: 'a start in the name of another cell',
    body: `send({ type: 'created', actor: 1, instance: 2, inlets: ['in'], millis: 1 });`,
    death: breach,
  },
  { number: 177, title: 'an instance a second time', body: `send({ type: 'created', actor: 0, instance: 1, inlets: ['in'], millis: 1 });`, death: breach },
  { number: 177, title: 'a failed start that nobody asked for', body: `send({ type: 'failed', actor: 1, error: ${error('actor.start')} });`, death: breach },
  { number: 177, title: 'a stop that nobody asked for', body: `send({ type: 'stopped', actor: 0 });`, death: breach },
  { number: 177, title: 'readiness again', body: 'ready();', death: breach },
  {
    number: 177,
    title: 'an answer to a ping of tomorrow',
    body: `send({ type: 'pong', token: 4711, oldest: 0, live: 0, idle: 0, cpu: 0, actor: [], messages: [] });`,
    death: breach,
  },
  {
    number: 181,
    title: 'a lane that is none',
    body: `send({ type: 'emit', runs: [0, 0, 2, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'a run of no messages',
    body: `send({ type: 'emit', runs: [0, 0, 0, 0, 0, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'runs of more messages than there are',
    body: `send({ type: 'emit', runs: [0, 0, 0, 4294967295], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'runs of fewer messages than there are',
    body: `send({ type: 'emit', runs: [], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'a run that is cut off',
    body: `send({ type: 'emit', runs: [0, 0, 0], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'a run of an actor beyond all numbers',
    body: `send({ type: 'emit', runs: [4294967295, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'a length below nothing',
    body: `send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution], length: [-1] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'lengths whose sum goes round',
    body: `send({ type: 'emit', runs: [0, 0, 0, 2], execution: [execution, execution], length: [4294967295, 2] }, Buffer.from('1'));`,
    death: breach,
  },
  {
    number: 181,
    title: 'an error with a code that is none',
    body: `send({ type: 'failure', execution, actor: 0, error: { code: 'constructor', message: 'x' } });`,
    death: breach,
  },
  {
    number: 181,
    title: 'an error beyond its size',
    body: `send({ type: 'failure', execution, actor: 0, error: { code: 'actor.failed', message: 'x'.repeat(100000) } });`,
    death: breach,
  },
  {
    number: 181,
    title: 'keys of prototypes',
    body: `const text = Buffer.from('{"type":"log","actor":0,"execution":0,"level":"info","text":"x","dropped":0,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'); const head = Buffer.alloc(8); head.writeUInt32LE(4 + text.length, 0); head.writeUInt32LE(text.length, 4); channel.write(Buffer.concat([head, text]));`,
    death: breach,
  },
  {
    number: 181,
    title: 'a payload that is no message',
    body: `send({ type: 'emit', runs: [0, 0, 1, 1], execution: [execution], length: [5] }, Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])); send({ type: 'settled', execution: [execution], received: [1], groups: [1, 0], work: [] });`,
    status: ['failed'],
  },
  {
    number: 182,
    title: 'a header of eight megabytes of brackets',
    body: `const text = '['.repeat(8e6); const head = Buffer.alloc(8); head.writeUInt32LE(4 + text.length, 0); head.writeUInt32LE(text.length, 4); channel.write(head); channel.write(text);`,
    death: breach,
  },
  {
    number: 179,
    title: 'a frame that never comes',
    body: `channel.write(Buffer.from([0xff, 0xff, 0xff, 0x03, 0x02, 0, 0, 0])); channel.end(() => setTimeout(() => process.exit(0), 50));`,
    death: 'cell.died',
  },
  { number: 180, title: 'that it lives, and nothing else', body: '', status: ['cancelled', 'failed'], timeout: 500 },
  {
    number: 184,
    title: 'nothing more: it exits in the midst of a frame',
    body: `channel.write(Buffer.from([100, 0, 0, 0, 50, 0, 0, 0, 0x7b]), () => process.exit(0));`,
    death: 'cell.died',
  },
  ...['SIGSEGV', 'SIGTRAP', 'SIGABRT', 'SIGKILL', 'SIGTERM'].map((signal) => ({
    number: 184,
    title: `nothing more: it dies of ${signal} in the midst of a frame`,
    body: `channel.write(Buffer.from([100, 0, 0, 0]), () => process.kill(process.pid, '${signal}'));`,
    death: 'cell.died',
  })),
  { number: 184, title: 'what it should, and dies', body: `${answer} channel.end(() => process.exit(0));`, status: ['completed'] },
  {
    number: 177,
    title: 'what it should, twice',
    body: `${answer} send({ type: 'settled', execution: [execution], received: [1], groups: [1, 0], work: [] });`,
    status: ['completed'],
  },
  {
    number: 177,
    title: 'an answer twice, and after it was given',
    body: `${answer} setTimeout(() => send({ type: 'emit', runs: [0, 0, 0, 1], execution: [execution], length: [1] }, Buffer.from('1')), 20);`,
    status: ['completed'],
  },
];

/** Milliseconds: longer than any cell that does not answer is let live. */
const longest = 6_000;

describe.each(await availableLevels())('J, a cell that says, at level %s', (level) => {
  let arena: Arena;
  let mixed: MixedHost;
  let count = 0;

  beforeAll(async () => {
    arena = await Arena.open(level, async () => {
      mixed = await createMixedHost(level);
      return mixed.host;
    });
  });
  afterAll(() => arena?.close(`J, the wire, level ${level}: ${betrayals.length} attacks`));

  test.each(betrayals)('$number $title', async ({ body, death, status = ['completed'], timeout = longest }) => {
    await arena.watch(async () => {
      const namespace = `traitor-${++count}`;
      mixed.betray(body);
      const echo = { runtime: 'javascript', code: 'export const handle = (message) => message;' } as const;
      const flow = await mixed.host.deploy(
        {
          vivarium: 1,
          actors: { traitor: echo, honest: { ...echo, cell: 'own' } },
          connections: ['traitor.questions -> honest'],
          inputs: { in: 'traitor', beside: 'honest' },
          outputs: { out: 'traitor', beside: 'honest' },
        },
        { namespace },
      );
      const record = arena.canaries.record(namespace);
      const result = await withinLimit(flow.run({ in: 'a message' }, { timeout }), 'the caller');
      expect(status, JSON.stringify([result.errors, record.cells])).toContain(result.status);
      if (result.status === 'completed') expect(result.outputs.out).toEqual(['a message']);
      else expect(result.errors[0]?.code).toMatch(/^(execution\.deadline|message\.invalid|actor\.failed|cell\.(died|protocol)|limit\.outputs)$/);
      expect(await withinLimit(flow.ask('beside', 1), 'the other cell')).toBe(1);
      const deaths = record.cells.filter(({ event }) => event === 'died');
      if (death !== undefined) expect(deaths[0]?.reason?.code).toBe(death);
      expect(deaths.length).toBeLessThanOrEqual(1);
      await flow.stop();
      return { result, refused: undefined };
    });
  });

  test('177 more lines, errors and violations than anybody can read, and stays alive', async () => {
    await arena.watch(async () => {
      const namespace = `traitor-${++count}`;
      mixed.betray(`
        const end = Date.now() + 400;
        const flood = () => {
          for (let i = 0; i < 200; i++) {
            send({ type: 'log', lines: [{ actor: 0, execution, level: 'error', text: '\\u001b[2J' + 'x'.repeat(8000), dropped: 0 }] });
            send({ type: 'violation', actor: 0, execution, error: { code: 'limit.cpu', message: 'x'.repeat(8000), stack: 'x'.repeat(8000) } });
            send({ type: 'failure', execution, actor: 0, error: { code: 'actor.failed', message: 'x'.repeat(8000) } });
          }
          if (Date.now() > end) { ${answer} } else if (channel.writableNeedDrain) channel.once('drain', flood); else setImmediate(flood);
        };
        flood();
      `);
      const echo = { runtime: 'javascript', code: 'export const handle = (message) => message;' } as const;
      const flow = await mixed.host.deploy({ vivarium: 1, actors: { traitor: echo }, inputs: { in: 'traitor' }, outputs: { out: 'traitor' } }, { namespace });
      const result = await withinLimit(flow.run({ in: 1 }, { timeout: longest }), 'the caller');
      expect(result.status).toBe('failed');
      expect(result.errors.length).toBeLessThan(1_000);
      await flow.stop();
      return { result, refused: undefined };
    });
  });
});
