import { expect, test } from 'vitest';
import type { Execution } from '../../runtimes/cell/executions.ts';
import { Outbound } from '../../runtimes/cell/outbound.ts';
import { encodeFrame } from '../../runtimes/frame.ts';
import { type CellMessage, cellMessage } from '../../runtimes/protocol.ts';

/** What a cell sends, each message held to what the channel carries and the host takes. */
function cell() {
  const messages: CellMessage[] = [];
  const outbound = new Outbound((message, payloads) => {
    encodeFrame(message, payloads);
    messages.push(cellMessage.parse(message));
  });
  const flushed = () => new Promise<readonly CellMessage[]>((resolve) => setImmediate(() => resolve(messages)));
  return { outbound, flushed };
}

const execution = (handle: number, actors: number): Execution => ({
  handle,
  description: '',
  inFlight: 0,
  received: 1,
  work: Array.from({ length: actors }, (_, actor) => [actor, 1, 5]).flat(),
  cancelled: undefined,
});

test('the ends of many executions at many actors fit their frames', async () => {
  const { outbound, flushed } = cell();
  for (let handle = 1; handle <= 10_000; handle++) outbound.settled(execution(handle, 40));
  const settled = (await flushed()).flatMap((message) => (message.type === 'settled' ? [message] : []));
  expect(settled.flatMap((message) => Array.from(message.execution))).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  expect(settled.flatMap((message) => Array.from(message.work)).length).toBe(10_000 * 40 * 3);
});

test('more bytes than a frame holds make several', async () => {
  const { outbound, flushed } = cell();
  const text = '\u3042'.repeat(1024 * 1024);
  for (let number = 0; number < 40; number++) outbound.emit(0, number, 1, 0, text);
  outbound.emit(0, 40, 1, 0, '\u3042'.repeat(16 * 1024 * 1024));
  for (let number = 41; number < 10_000; number++) outbound.emit(0, number, 1, 0, '1');
  const emitted = (await flushed()).flatMap((message) => (message.type === 'emit' ? Array.from(message.outlet) : []));
  expect(emitted).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
});
