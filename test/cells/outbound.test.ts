import { expect, test } from 'vitest';
import { onePayload } from '../../runtimes/cell/batch.ts';
import type { Execution } from '../../runtimes/cell/executions.ts';
import { Outbound } from '../../runtimes/cell/outbound.ts';
import { addWork, type Work } from '../../runtimes/cell/work.ts';
import { encodeFrame } from '../../runtimes/frame.ts';
import { type CellMessage, cellMessage } from '../../runtimes/protocol.ts';

/** What a cell sends, each message held to what the channel carries and the host takes. */
function cell() {
  const messages: CellMessage[] = [];
  const outbound = new Outbound({
    send(message, payloads) {
      encodeFrame(message, payloads);
      messages.push(cellMessage.parse(message));
    },
    flush() {},
  });
  const flushed = () => new Promise<readonly CellMessage[]>((resolve) => setImmediate(() => resolve(messages)));
  return { outbound, flushed };
}

const ended = (handle: number, work: Work | undefined): Execution => ({
  handle,
  description: '',
  number: 0,
  partition: 0,
  inFlight: 0,
  received: 1,
  work,
  cancelled: undefined,
});

/** By message. */
const outletsOf = (runs: ArrayLike<number>): number[] => {
  const outlets: number[] = [];
  for (let run = 0; run < runs.length; run += 4) for (let row = 0; row < (runs[run + 3] as number); row++) outlets.push(runs[run + 1] as number);
  return outlets;
};

const workOf = (actors: number): Work | undefined => {
  let work: Work | undefined;
  for (let actor = 0; actor < actors; actor++) work = addWork(work, actor, 5);
  return work;
};

test('the ends of many executions at many actors fit their frames', async () => {
  const { outbound, flushed } = cell();
  for (let handle = 1; handle <= 10_000; handle++) outbound.settled(ended(handle, workOf(40)));
  const settled = (await flushed()).flatMap((message) => (message.type === 'settled' ? [message] : []));
  expect(settled.flatMap((message) => Array.from(message.execution))).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  expect(settled.flatMap((message) => Array.from(message.work)).length).toBe(10_000 * 40 * 3);
});

test('executions that had the same work tell of it once', async () => {
  const { outbound, flushed } = cell();
  const [shared, other] = [workOf(2), workOf(3)];
  for (const [handle, work] of [shared, shared, other, other, other, undefined].entries()) outbound.settled(ended(handle, work));
  const [settled] = await flushed();
  expect(settled).toMatchObject({ type: 'settled', execution: [0, 1, 2, 3, 4, 5], groups: [2, 2, 3, 3, 1, 0] });
  expect(settled).toMatchObject({ work: [1, 1, 5, 0, 1, 5, 2, 1, 5, 1, 1, 5, 0, 1, 5] });
});

test('the work of an actor that had many turns is one entry in the end', () => {
  let work: Work | undefined;
  for (let turn = 0; turn < 10_000; turn++) work = addWork(work, turn % 3, 2);
  const messages = [0, 0, 0];
  for (let at = work; at !== undefined; at = at.before) messages[at.actor] = (messages[at.actor] ?? 0) + at.messages;
  expect(messages).toEqual([3334, 3333, 3333]);
  expect(work?.length).toBeLessThan(40);
});

test('half a character at the end of a payload does not meet the other half at the beginning of the next', async () => {
  const { outbound, flushed } = cell();
  outbound.emit(0, 0, [1, 2], { lane: 0, lengths: '\x03\0\x03\0', body: '"a\ud83d\ude00b"', writer: undefined });
  const [emitted] = await flushed();
  expect(emitted).toMatchObject({ type: 'emit', length: [5, 5] });
});

test('more bytes than a frame holds make several', async () => {
  const { outbound, flushed } = cell();
  const text = '\u3042'.repeat(1024 * 1024);
  for (let number = 0; number < 40; number++) outbound.emit(0, number, [1], onePayload(0, text));
  outbound.emit(0, 40, [1], onePayload(0, '\u3042'.repeat(16 * 1024 * 1024)));
  for (let number = 41; number < 10_000; number++) outbound.emit(0, number, [1], onePayload(0, '1'));
  const emitted = (await flushed()).flatMap((message) => (message.type === 'emit' ? outletsOf(message.runs) : []));
  expect(emitted).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
});

test('lines leave together, in frames that the host takes, before what is told after them', async () => {
  const { outbound, flushed } = cell();
  const count = 1_000;
  for (let n = 0; n < count; n++) outbound.log({ actor: 1, execution: 0, level: 'info', text: `line ${n}`, dropped: 0 });
  // Each character is escaped with six.
  for (let n = 0; n < 300; n++) outbound.log({ actor: 1, execution: 0, level: 'warn', text: '\u0000'.repeat(8 * 1024), dropped: 0 });
  outbound.tell({ type: 'stopped', actor: 1 });
  outbound.log({ actor: 1, execution: 0, level: 'info', text: 'last', dropped: 0 });
  const messages = await flushed();
  const lines = messages.flatMap((message) => (message.type === 'log' ? message.lines : []));
  expect(lines).toHaveLength(count + 300 + 1);
  expect(lines.slice(0, count).map(({ text }) => text)).toEqual(Array.from({ length: count }, (_, n) => `line ${n}`));
  expect(messages.slice(-2)).toMatchObject([{ type: 'stopped' }, { type: 'log', lines: [{ text: 'last' }] }]);
  expect(messages.length).toBeLessThan(12);
});
