import { expect, test } from 'vitest';
import { Deadlines } from '../../host/executions/deadlines.ts';

test('many deadlines are met in the order of their times, and those called off are not', async () => {
  const deadlines = new Deadlines();
  const met: number[] = [];
  const now = Date.now();
  const last = Promise.withResolvers<void>();
  const times = Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 50);
  const all = times.map((time, index) => ({ time, deadline: deadlines.at(now + time, () => met.push(time)), off: index % 3 > 0 }));
  for (const { deadline, off } of all) if (off) deadlines.callOff(deadline);
  deadlines.at(now + 60, last.resolve);
  await last.promise;
  expect(met).toEqual(
    all
      .filter(({ off }) => !off)
      .map(({ time }) => time)
      .toSorted((a, b) => a - b),
  );
});

test('what is called off is forgotten long before its time', async () => {
  const deadlines = new Deadlines();
  const far = Date.now() + 2 ** 40;
  for (let round = 0; round < 100_000; round++) deadlines.callOff(deadlines.at(far, () => undefined));
  expect(deadlines.size).toBeLessThan(5_000);
  const soon = Promise.withResolvers<string>();
  deadlines.at(Date.now() + 5, () => soon.resolve('met'));
  expect(await soon.promise).toBe('met');
});
