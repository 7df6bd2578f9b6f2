/** Values that are no messages. */
import type { Handler } from 'vivarium/actor';

const circle: { items: unknown[] } = { items: [] };
circle.items.push(circle);

const items: Record<string, unknown> = {
  function: () => 1,
  instance: new Set([1]),
  key: new Map([[1, 'a']]),
  large: 2n ** 64n,
  cycle: circle,
  half: '\ud83d',
};

export const handle: Handler<string> = (name) => ({ items: [items[name]] });
