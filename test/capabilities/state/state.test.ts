import { expect, test } from 'vitest';
import { createHost } from '../../../host/index.ts';

test('what is put can be got: a value that is too large to come back is refused, and changes nothing', async () => {
  await using host = await createHost({ ceiling: { state: '10MiB' } });
  const flow = await host.deploy({
    vivarium: 1,
    actors: {
      keeper: {
        runtime: 'javascript',
        code: `export const handle = async (length, { state }) => {
          try { await state.put('key', 'x'.repeat(length)); } catch ({ code }) { return [code, (await state.get('key'))?.value.length]; }
          return (await state.get('key')).value.length;
        };`,
        policy: { state: '10MiB', limits: { message: '64KiB' } },
      },
    },
  });
  const put = (length: number): Promise<unknown> => flow.actor('keeper').ask(length);
  expect(await put(1_000)).toBe(1_000);
  const lengths = Array.from({ length: 128 }, (_, index) => 64 * 1024 - index);
  const answers = [];
  for (const length of lengths) answers.push(await put(length));
  for (const [index, answer] of answers.entries()) expect([lengths[index], ['limit.message', expect.any(Number)]]).toContainEqual(answer);
  expect(answers).toContainEqual(['limit.message', 1_000]);
});
