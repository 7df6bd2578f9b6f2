/**
 * The door rests on how isolated-vm treats unhandled rejections after a task. So each cell tries it at start,
 * with a guest that leaves behind a rejection whose `message` never returns: without the decoy this hangs.
 *
 * The guest is an actor like any other, and what is said to it goes the way of the host's frames: V8 has compiled by then what the
 * first actor of the cell needs, which would wait five milliseconds for it.
 */
import { encodeFrame, type FrameReader, type Piece } from '../frame.ts';
import { hostsText, protocolVersion } from '../lanes.ts';
import type { CellMessage, HostMessage } from '../protocol.ts';
import type { Cell } from './cell.ts';
import type { Channel } from './outbound.ts';
import { plan } from './trial.ts';

const hostile = 'const handle = () => { Promise.reject({ get message() { for (;;); } }); return 1; };\nreturn { handle };';
/** The first to the output, the second there and to whoever asks. */
const answers = '1,1,1';

/** Far more than the test needs, far less than for ever. Milliseconds. */
const patience = 2_000;

const hello: HostMessage = { type: 'hello', version: protocolVersion, cell: 0, generation: 0, credit: 16, careful: false, idle: 0 };
const files = [Buffer.from(hostile), Buffer.alloc(0)];
const create: HostMessage = { type: 'create', actor: plan, instance: 1, length: files.map((file) => file.length) };
const description = Buffer.from(JSON.stringify({ parents: [], attempt: 1, deadline: 0, trace: '', id: 'trial' }));
const message = Buffer.from('1');

/** A message, whose answer is awaited under this number; 0: nobody asked, and it goes to an output. */
const deliver = (execution: number, reply: number): HostMessage => ({
  type: 'deliver',
  executions: [execution],
  partition: [],
  description: [0],
  number: [0],
  described: description.length,
  runs: [plan.index, 0, hostsText, 1],
  execution: [0],
  reply: reply === 0 ? [] : [0, reply],
  length: [message.length],
});

/**
 * @param open a cell that speaks through this channel, and what reads what is said to it
 * @returns whether the guest was entered twice, answered each time, and was stopped
 */
export async function tryDoor(open: (channel: Channel) => { readonly cell: Cell; readonly reader: FrameReader }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const given: string[] = [];
  let executions = 0;
  const heard = (said: CellMessage, payloads: readonly Piece[]): void => {
    switch (said.type) {
      case 'created':
        tell(deliver(++executions, 0), [description, message]);
        return;
      case 'emit':
      case 'answer':
        given.push(String(payloads[0]));
        return;
      case 'settled':
        if (executions === 1) tell(deliver(++executions, 1), [description, message]);
        else tell({ type: 'stop', actor: plan.index });
        return;
      case 'stopped':
        resolve(String(given) === answers);
        return;
      case 'failed':
      case 'violation':
      case 'wedged':
        resolve(false);
    }
  };
  const { reader } = open({
    send(said, payloads) {
      encodeFrame(said, payloads);
      setImmediate(heard, said, payloads);
    },
    flush() {},
  });
  const tell = (to: HostMessage, payloads: readonly Uint8Array[] = []): void => reader.push(Buffer.concat(encodeFrame(to, payloads)));
  tell(hello);
  tell(create, files);
  setTimeout(resolve, patience, false).unref();
  return promise;
}
