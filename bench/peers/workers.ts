/**
 * Worker threads in a row: what a user would write without a sandbox, with a `postMessage` for each message; and the same with
 * equal batches, which is the limit of threads.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { residentOf } from '../memory.ts';
import { arrivals, median, milliseconds, type Percentiles, rate, repeat, Times, timesOf } from '../timing.ts';

export type Task =
  | { readonly task: 'line'; readonly length: number; readonly messages: number; readonly batch: number; readonly repetitions: number }
  | { readonly task: 'answers'; readonly length: number; readonly count: number }
  | { readonly task: 'load'; readonly length: number; readonly messages: number; readonly duration: number; readonly repetitions: number }
  | { readonly task: 'start'; readonly repetitions: number }
  | { readonly task: 'memory'; readonly count: number };

const program = `const { parentPort } = require('node:worker_threads');
const handle = (message) => ({ n: message.n + 1 });
parentPort.once('message', ({ input, output }) => {
  input.on('message', (message) => output.postMessage(Array.isArray(message) ? message.map(handle) : handle(message)));
});`;

/** Messages on their way at once: as many as a pipe of ours has. */
const window = 4096;

export async function measure(task: Task): Promise<Record<string, number>> {
  if (task.task === 'start') return { time: median(await repeat(task.repetitions, start)) };
  if (task.task === 'memory') return { megabytes: await memory(task.count) };
  const line = workerLine(task.length);
  if (task.task === 'answers') {
    await timesOf(task.count, line.ask);
    return { ...(await timesOf(task.count, line.ask)) };
  }
  if (task.task === 'load') {
    const peak = await rate(task.repetitions, task.messages, () => line.run(task.messages, 1));
    await line.load(peak / 2, task.duration);
    return { peak, ...(await line.load(peak / 2, task.duration)) };
  }
  const { length, messages, batch, repetitions } = task;
  return { rate: await rate(repetitions, messages * length, () => line.run(messages, batch)) };
}

/** From nothing to the first answer. */
async function start(): Promise<number> {
  const line = workerLine(1);
  const time = await milliseconds(() => line.ask(0));
  await line.end();
  return time;
}

/** Resident memory of one more worker, in MB. */
async function memory(count: number): Promise<number> {
  const line = async (): Promise<unknown> => await workerLine(1).ask(0);
  await line();
  const before = residentOf(process.pid);
  for (let index = 0; index < count; index++) await line();
  return (residentOf(process.pid) - before) / count / 1e6;
}

function workerLine(length: number) {
  const workers = Array.from({ length }, () => new Worker(program, { eval: true }));
  const channels = Array.from({ length: length + 1 }, () => new MessageChannel());
  for (const [index, worker] of workers.entries()) {
    const input = (channels[index] as MessageChannel).port2;
    const output = (channels[index + 1] as MessageChannel).port1;
    worker.postMessage({ input, output }, [input, output]);
  }
  const first = (channels[0] as MessageChannel).port1;
  const last = (channels[length] as MessageChannel).port2;
  return {
    /** Sends so many messages through the line. */
    run: (messages: number, batch: number): Promise<void> => drive(first, last, messages, batch),
    /** Sends so many messages a second for so many milliseconds, whether they are answered or not. */
    load: (rate: number, duration: number): Promise<Percentiles> => pour(first, last, rate, duration),
    ask: (n: number): Promise<unknown> =>
      new Promise((resolve) => {
        last.once('message', resolve);
        first.postMessage({ n });
      }),
    async end(): Promise<void> {
      first.close();
      last.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

async function pour(first: MessagePort, last: MessagePort, rate: number, duration: number): Promise<Percentiles> {
  const times = new Times();
  const due: number[] = [];
  let answered = 0;
  let finish = (): void => {};
  const take = (): void => {
    times.add(performance.now() - (due[answered++] as number));
    if (answered === due.length) finish();
  };
  last.on('message', take);
  for await (const message of arrivals(rate, duration, due)) first.postMessage(message);
  if (answered < due.length) await new Promise<void>((resolve) => (finish = resolve));
  last.off('message', take);
  return times.percentiles;
}

function drive(first: MessagePort, last: MessagePort, messages: number, batch: number): Promise<void> {
  return new Promise((resolve) => {
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
        resolve();
      }
    };
    last.on('message', take);
    fill();
  });
}
