import type { Context } from 'vivarium/actor';

const wishes: Record<string, (context: Context) => unknown> = {
  nothing: () => 'fine',
  time: () => {
    for (;;);
  },
  patience: () => new Promise(() => {}),
  words: () => 'x'.repeat(100_000),
  letters: async ({ emit }) => {
    for (let i = 0; i < 20; i++) await emit('out', i);
  },
  alarms: () => {
    for (let i = 0; i < 20; i++) setTimeout(() => {}, 1000);
  },
};

export const handle = (wish: string, context: Context): unknown => wishes[wish]?.(context);
