import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHost, type Host } from '../../host/index.ts';

const MiB = 1024 * 1024;
const pageBytes = 4096;

let host: Host;
let pid: number | undefined;
beforeAll(async () => {
  host = await createHost({ spare: 0 });
  host.on('cell', (event) => {
    pid = event.pid ?? pid;
  });
});
afterAll(() => host.close());

const resident = (): number => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes;

function* messages(count: number): Generator<{ text: string }> {
  const text = 'x'.repeat(200);
  for (let n = 0; n < count; n++) yield { text };
}

/** What passes through an isolate lies outside of its heap, where V8 alone would leave 64 MiB of it in each. */
test('what has passed through a cell is not kept', async () => {
  const echo = { runtime: 'javascript', code: 'export const handle = (message) => message;' } as const;
  await using flow = await host.deploy({
    vivarium: 1,
    actors: { a: echo, b: echo, c: echo },
    connections: ['a -> b', 'b -> c'],
    inputs: { in: 'a' },
    outputs: { out: 'c' },
  });
  const send = async (count: number): Promise<void> => {
    for await (const { status } of flow.pipe(messages(count), { input: 'in', raw: true })) expect(status).toBe('completed');
  };
  await send(50_000);
  const before = resident();
  await send(250_000);
  expect(resident() - before).toBeLessThan(72 * MiB);
});
