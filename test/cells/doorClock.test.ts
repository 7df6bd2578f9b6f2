import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DoorClock } from '../../runtimes/cell/doorClock.ts';
import { Meter } from '../../runtimes/cell/meter.ts';

/** Uses the processor for so long, whatever else the machine does. */
function compute(milliseconds: number): void {
  const began = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(began);
    if (user + system >= milliseconds * 1000) return;
  }
}

test('what a door has used stays used when the process gets less of the processor', async () => {
  const clock = new DoorClock(new Meter());
  clock.opened(1);
  compute(100);
  // Long enough for several samples, in which this process does nothing.
  await sleep(300);
  expect(clock.used()).toBeGreaterThan(70);
  clock.closed(1);
  expect(clock.spentBy(1)).toBeGreaterThan(70);
});

test('time asleep in a call is not used', async () => {
  const clock = new DoorClock(new Meter());
  clock.opened(1);
  clock.sleeps(true);
  await sleep(200);
  clock.sleeps(false);
  compute(50);
  await sleep(50);
  expect(clock.used()).toBeLessThan(150);
  clock.closed(1);
});
