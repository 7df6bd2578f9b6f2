/** isolated-vm alone, without a process around it and without a guard: what calls into isolates cost at least. */
import ivm from 'isolated-vm';
import { residentOf } from '../memory.ts';
import { median, milliseconds, rate, repeat } from '../timing.ts';

export type Task =
  | { readonly task: 'line'; readonly length: number; readonly messages: number; readonly batch: number; readonly repetitions: number }
  | { readonly task: 'copy'; readonly kind: 'text' | 'bytes'; readonly size: number; readonly count: number; readonly repetitions: number }
  | { readonly task: 'start'; readonly repetitions: number }
  | { readonly task: 'memory'; readonly count: number };

/** Messages on their way at once: as many as a pipe of ours has. */
const window = 4096;
/** What one call of a copy carries: messages that wait enter an isolate of ours together too. */
const bytesOfCall = 256 * 1024;

const line = 'const handle = (message) => ({ n: message.n + 1 }); (text) => JSON.stringify(JSON.parse(text).map(handle))';

/** @param memoryLimit in MB; copies that wait for the collector count */
async function functionOf(code: string, memoryLimit = 64): Promise<ivm.Reference> {
  const isolate = new ivm.Isolate({ memoryLimit });
  const context = await isolate.createContext();
  return (await context.eval(code, { reference: true })) as ivm.Reference;
}

export async function measure(task: Task): Promise<Record<string, number>> {
  if (task.task === 'start') return { time: median(await repeat(task.repetitions, () => milliseconds(start))) };
  if (task.task === 'memory') return { megabytes: await memory(task.count) };
  if (task.task === 'copy') return { megabytes: (await copies(task)) / 1e6 };
  const { length, messages, batch, repetitions } = task;
  const actors = await Promise.all(Array.from({ length }, () => functionOf(line)));
  return { rate: await rate(repetitions, messages * length, () => drive(actors, messages, batch)) };
}

/** Resident memory of one more isolate, in MB. */
async function memory(count: number): Promise<number> {
  await start();
  const before = residentOf(process.pid);
  const kept: unknown[] = [];
  for (let index = 0; index < count; index++) kept.push(await start());
  return (residentOf(process.pid) - before) / kept.length / 1e6;
}

/** From nothing to the first answer. */
async function start(): Promise<ivm.Reference> {
  const handle = await functionOf(line);
  await handle.apply(undefined, ['[{"n":1}]']);
  return handle;
}

async function drive(actors: readonly ivm.Reference[], messages: number, batch: number): Promise<void> {
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent < messages) {
      const from = sent;
      sent += batch;
      let text = JSON.stringify(Array.from({ length: Math.min(batch, messages - from) }, (_, index) => ({ n: from + index })));
      for (const actor of actors) text = (await actor.apply(undefined, [text])) as string;
      JSON.parse(text);
    }
  };
  await Promise.all(Array.from({ length: Math.ceil(window / batch) }, lane));
}

/** Bytes per second of copies in and out, as large as messages are, as many in one call as ours would take together. */
async function copies({ kind, size, count, repetitions }: Extract<Task, { task: 'copy' }>): Promise<number> {
  const echo = await functionOf('(value) => value', 1024);
  const together = Math.max(1, Math.floor(bytesOfCall / size));
  const text = Buffer.alloc(size * together, 'x').toString('latin1');
  const call =
    kind === 'text'
      ? () => echo.apply(undefined, [text])
      : () => echo.apply(undefined, [new ivm.ExternalCopy(new ArrayBuffer(size * together)).copyInto({ release: true })], { result: { copy: true } });
  const calls = Math.ceil(count / together);
  let called = 0;
  const lane = async (): Promise<void> => {
    while (called++ < calls) await call();
  };
  return await rate(repetitions, calls * together * size, async () => {
    called = 0;
    await Promise.all([lane(), lane()]);
  });
}
