import type { Handler, Lifecycle } from 'vivarium/actor';

interface Config {
  readonly start?: 'fail' | 'hang' | 'spin' | 'later' | 'emit' | 'call' | 'tick';
  readonly stop?: 'fail' | 'later';
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

let starts = 0;
let calls = 0;
let got: unknown = null;
let ticks = 0;
let hasLeftBehind = false;

export const start: Lifecycle<Config> = (context) => {
  context.log.info('start', context.execution === undefined ? 'outside' : 'in a turn');
  starts++;
  switch (context.config?.start) {
    case 'fail':
      throw new RangeError('cannot start'); // here
    case 'spin':
      for (;;);
    case 'hang':
      return new Promise(() => {});
    case 'later':
      return pause(20).then(() => {
        got = 'later';
      });
    case 'emit':
      context.emit('out', 'early');
      return;
    case 'call':
      return context.services['orders']?.['list']?.(1).then((answer) => {
        got = answer;
      });
    case 'tick':
      setInterval(() => ticks++, 5);
  }
};

export const handle: Handler = () => ({ starts, calls: ++calls, got });

export const ticking: Handler = async () => {
  const before = ticks;
  while (ticks < before + 3) await pause(5);
  return 'ticks';
};

/** Leaves a timer behind. */
export const leave: Handler = () => {
  setTimeout(() => {
    hasLeftBehind = true;
  }, 10);
};

/** Whether it ran. */
export const left: Handler = async () => {
  await pause(60);
  return hasLeftBehind;
};

export const spin: Handler = () => {
  for (;;);
};

export const stop: Lifecycle<Config> = async (context) => {
  if (context.config?.stop === 'later') await pause(20);
  context.log.info('stop', calls);
  if (context.config?.stop === 'fail') throw new RangeError('cannot stop');
};
