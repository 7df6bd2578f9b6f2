/** Pyodide as its documentation shows it, in Node itself; messages go in and out as JSON, which is its fastest way. */
import { loadPyodide } from 'pyodide';
import { residentOf } from '../memory.ts';
import { milliseconds, rate } from '../timing.ts';

export type Task = { readonly task: 'line'; readonly length: number; readonly messages: number; readonly repetitions: number } | { readonly task: 'start' };

const program = `
from json import dumps, loads
def handle(message):
    return {"n": message["n"] + 1}
lambda text: dumps(handle(loads(text)))`;

type Handle = (text: string) => string;
const open = async (): Promise<Handle> => (await loadPyodide()).runPython(program) as Handle;

export async function measure(task: Task): Promise<Record<string, number>> {
  if (task.task === 'start') {
    const before = residentOf(process.pid);
    const time = await milliseconds(async () => (await open())('{"n":1}'));
    return { time, megabytes: (residentOf(process.pid) - before) / 1e6 };
  }
  const { length, messages, repetitions } = task;
  const handle = await open();
  const drive = async (): Promise<void> => {
    for (let n = 0; n < messages; n++) {
      let text = JSON.stringify({ n });
      for (let hop = 0; hop < length; hop++) text = handle(text);
      JSON.parse(text);
    }
  };
  return { rate: await rate(repetitions, messages * length, drive) };
}
