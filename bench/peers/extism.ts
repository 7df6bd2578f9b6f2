/** Extism as its documentation shows it, in Node itself. */
import { readFileSync } from 'node:fs';
import { createPlugin } from '@extism/extism';
import { median, milliseconds, rate, repeat } from '../timing.ts';

export type Task =
  | { readonly task: 'line'; readonly plugin: string; readonly length: number; readonly messages: number; readonly repetitions: number }
  | { readonly task: 'start'; readonly plugin: string; readonly repetitions: number };

export async function measure(task: Task): Promise<Record<string, number>> {
  const wasm = [{ data: readFileSync(task.plugin) }];
  if (task.task === 'start') return { time: median(await repeat(task.repetitions, () => milliseconds(() => start(wasm)))) };
  const { length, messages, repetitions } = task;
  const plugins = await Promise.all(Array.from({ length }, () => createPlugin({ wasm })));
  const drive = async (): Promise<void> => {
    for (let n = 0; n < messages; n++) {
      let text = JSON.stringify({ n });
      for (const plugin of plugins) text = (await plugin.call('handle', text))?.text() ?? '';
      JSON.parse(text);
    }
  };
  return { rate: await rate(repetitions, messages * length, drive) };
}

/** From nothing to the first answer. */
async function start(wasm: { data: Uint8Array }[]): Promise<void> {
  const plugin = await createPlugin({ wasm });
  await plugin.call('handle', '{"n":1}');
  await plugin.close();
}
