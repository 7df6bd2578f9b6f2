/** Who wrote what, from the host into the mailbox of an actor: only what one alone has written may be read together. */
import { expect, test } from 'vitest';
import type { ExecutionSettings } from '../../host/executions/tracked.ts';
import { TrackedExecution } from '../../host/executions/tracked.ts';
import { Outbound } from '../../host/routing/outbound.ts';
import { type Batch, countOf, host } from '../../runtimes/cell/batch.ts';
import { readDelivery } from '../../runtimes/cell/delivery.ts';
import { Executions } from '../../runtimes/cell/executions.ts';
import { Mailbox } from '../../runtimes/cell/mailbox.ts';
import { packed } from '../../runtimes/cell/packing.ts';
import { firstOfPair, ofOneWriter, secondOfPair } from '../../runtimes/guest/wire.ts';
import type { Piece } from '../../runtimes/frame.ts';
import { textLane } from '../../runtimes/lanes.ts';
import type { HostMessage } from '../../runtimes/protocol.ts';

const settings = { id: 1, inputs: [], parents: [], deadline: 0, trace: '', partition: 0 } as unknown as ExecutionSettings;

const asBytes = (piece: Piece): Uint8Array => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);

/** What a cell reads when the host delivers these payloads: texts that it has encoded, bytes that it brings from another cell. */
async function delivered(payloads: readonly (string | Uint8Array)[]): Promise<Batch[]> {
  const frames: { readonly message: HostMessage; readonly region: Buffer }[] = [];
  const outbound = new Outbound(
    { writable: true, drained: () => Promise.resolve(), send: (message, pieces = []) => frames.push({ message, region: Buffer.concat(pieces.map(asBytes)) }) },
    () => undefined,
  );
  for (const [handle, payload] of payloads.entries()) {
    const execution = new TrackedExecution(settings, 1);
    execution.handle = handle + 1;
    outbound.deliver(execution, 0, 0, textLane, payload, 0);
  }
  await new Promise((resolve) => setImmediate(resolve));
  const batches: Batch[] = [];
  const executions = new Executions(() => undefined);
  for (const { message, region } of frames) {
    if (message.type === 'deliver') readDelivery(message, region, executions, (_, batch) => batches.push(batch));
  }
  return batches;
}

const readTogether = (batches: readonly Batch[]): boolean[] => {
  const { headers } = packed(batches, 'javascript');
  return batches.map((_, at) => firstOfPair(headers.charCodeAt(3 * at)) === 0 && secondOfPair(headers.charCodeAt(3 * at)) === ofOneWriter);
};

test('the host has written what it encoded, and not what it brings', async () => {
  const batches = await delivered(['{"a":1}', '{"a":2}', Buffer.from('{"a":3}'), Buffer.from('{"a":4}'), '{"a":5}']);
  expect(batches.map((batch) => [countOf(batch), batch.writer])).toEqual([
    [2, host],
    [2, undefined],
    [1, host],
  ]);
  expect(readTogether(batches)).toEqual([true, false, true]);
});

test('messages of several writers that come together in a mailbox have none', async () => {
  const [one] = (await delivered(['{"a":1}'])) as [Batch];
  const joined = (...writers: readonly Batch['writer'][]): Batch['writer'] => {
    const mailbox = new Mailbox(10);
    for (const writer of writers) mailbox.push({ ...one, writer });
    const batch = mailbox.take(10, 1000) as Batch;
    expect(countOf(batch)).toBe(writers.length);
    return batch.writer;
  };
  const [a, b] = [{}, {}];
  expect(joined(a, a, a)).toBe(a);
  expect(joined(a, b)).toBeUndefined();
  expect(joined(a, b, a)).toBeUndefined();
  expect(joined(a, host)).toBeUndefined();
  expect(joined(undefined, host)).toBeUndefined();
});
