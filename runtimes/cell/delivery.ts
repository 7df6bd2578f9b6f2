/** Reads what the host delivers: columns of a frame become batches for mailboxes. */
import { executionSeparator, hostsText, type Lane, type RunLane, runWidth, textLane } from '../lanes.ts';
import type { HostMessage } from '../protocol.ts';
import { asLength, asLengths, asNumbers, type Batch, host, type Payloads } from './batch.ts';
import { bodyOf } from './body.ts';
import type { Execution, Executions } from './executions.ts';

type Delivery = Extract<HostMessage, { type: 'deliver' }>;

/** @param take gets each batch and the actor that it is for; one whose answer is awaited is alone in its batch */
export function readDelivery(message: Delivery, region: Buffer, executions: Executions, take: (actor: number, batch: Batch) => void): void {
  const introduced = introduce(message, region, executions);
  const replies = repliesOf(message);
  const payloads = region.subarray(message.described);
  let row = 0;
  let at = 0;
  for (let run = 0; run < message.runs.length; run += runWidth) {
    const { runs } = message;
    const [actor, inlet, lane, count] = [runs[run], runs[run + 1], runs[run + 2], runs[run + 3]] as [number, number, RunLane, number];
    const end = row + count;
    while (row < end) {
      const first = introduced[message.execution[row] as number] as Execution;
      const reply = replies?.get(row);
      const causes: Execution[] = [];
      let bytes = 0;
      const from = row;
      for (; row < end && (row === from || (reply === undefined && replies?.has(row) !== true)); row++) {
        const execution = introduced[message.execution[row] as number] as Execution;
        if (execution.description !== first.description) break;
        execution.received++;
        causes.push(execution);
        bytes += message.length[row] as number;
      }
      take(actor, {
        inlet,
        ...payloadsOf(message, from, row, lane, payloads.subarray(at, at + bytes)),
        executions: causes,
        description: first.description,
        numbers: asNumbers(causes),
        reply: reply === undefined ? undefined : { to: 'host', id: reply },
        fromHost: true,
        suspect: false,
      });
      at += bytes;
    }
  }
}

function introduce({ executions: handles, partition, description, number, described }: Delivery, region: Buffer, executions: Executions): Execution[] {
  const lines = region.toString('utf8', 0, described).split(executionSeparator);
  const introduced: Execution[] = [];
  for (let at = 0; at < handles.length; at++) {
    introduced.push(executions.introduce(handles[at] as number, lines[description[at] as number] as string, number[at] as number));
  }
  for (let at = 0; at < partition.length; at += 2) (introduced[partition[at] as number] as Execution).partition = partition[at + 1] as number;
  return introduced;
}

/** By row. */
function repliesOf({ reply }: Delivery): Map<number, number> | undefined {
  if (reply.length === 0) return undefined;
  const replies = new Map<number, number>();
  for (let at = 0; at < reply.length; at += 2) replies.set(reply[at] as number, reply[at + 1] as number);
  return replies;
}

/**
 * The payloads of these rows. If all of them together have as many characters as bytes, so has each; and if not, each is decoded by
 * itself: what one ends with must not become part of the next.
 */
function payloadsOf({ length }: Delivery, from: number, to: number, runLane: RunLane, bytes: Buffer): Payloads {
  const lane: Lane = runLane === hostsText ? textLane : runLane;
  const writer = runLane === hostsText ? host : undefined;
  const whole = lane === textLane ? bytes.toString('utf8') : bodyOf(bytes);
  if (whole.length === bytes.length) return { lane, lengths: asLengths(length, from, to), body: whole, writer };
  let lengths = '';
  let body = '';
  for (let row = from, start = 0; row < to; row++) {
    const end = start + (length[row] as number);
    const text = bytes.toString('utf8', start, end);
    lengths += asLength(text.length);
    body += text;
    start = end;
  }
  return { lane, lengths, body, writer };
}
