/** Worker threads in a row: what a user would write without a sandbox, and the same with equal batches, which is the limit of threads. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';

const program = `const { parentPort } = require('node:worker_threads');
parentPort.once('message', ({ input, output, code }) => {
  const handle = eval(code);
  input.on('message', (message) => output.postMessage(Array.isArray(message) ? message.map(handle) : handle(message)));
});`;

/** Messages on their way at once: as many as a pipe of ours has. */
const window = 1024;

export interface WorkerLine {
  /** Sends so many messages through the line. @returns messages per second */
  run(messages: number, batch: number): Promise<number>;
  end(): Promise<void>;
}

/** @param code an expression that is a function of a message @param length workers in a row */
export function workerLine(code: string, length: number): WorkerLine {
  const workers = Array.from({ length }, () => new Worker(program, { eval: true }));
  const channels = Array.from({ length: length + 1 }, () => new MessageChannel());
  for (const [index, worker] of workers.entries()) {
    const input = (channels[index] as MessageChannel).port2;
    const output = (channels[index + 1] as MessageChannel).port1;
    worker.postMessage({ input, output, code }, [input, output]);
  }
  const first = (channels[0] as MessageChannel).port1;
  const last = (channels[length] as MessageChannel).port2;
  return {
    run: (messages, batch) => drive(first, last, messages, batch),
    async end() {
      first.close();
      last.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function drive(first: MessagePort, last: MessagePort, messages: number, batch: number): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    let sent = 0;
    let received = 0;
    const fill = (): void => {
      while (sent < messages && sent - received < window) {
        const count = Math.min(batch, messages - sent);
        first.postMessage(batch === 1 ? { n: sent } : Array.from({ length: count }, (_, index) => ({ n: sent + index })));
        sent += count;
      }
    };
    const take = (message: unknown): void => {
      received += Array.isArray(message) ? message.length : 1;
      if (received < messages) fill();
      else {
        last.off('message', take);
        resolve(messages / ((performance.now() - began) / 1000));
      }
    };
    last.on('message', take);
    fill();
  });
}
