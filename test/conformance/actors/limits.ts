/** Breaks each limit. */
import type { Handler } from 'vivarium/actor';

export const handle: Handler = (message) => ['fine', message];

export const spin: Handler = () => {
  for (;;);
};

export const hang: Handler = () => new Promise(() => {});

export const hangInCall: Handler = (_, { services }) => services['gate']?.['wait']?.();

export const grow: Handler = () => {
  const kept: unknown[] = [];
  for (let n = 0; ; n++) kept.push({ n, text: `${n}` });
};

export const growBuffers: Handler = () => {
  const kept: unknown[] = [];
  for (;;) kept.push(new Uint8Array(1024 * 1024).fill(1));
};

/** Returns a message of so many bytes. */
export const large: Handler<number> = (bytes) => 'x'.repeat(bytes);

/** Sends so many messages. */
export const many: Handler<number> = (count, context) => {
  for (let n = 0; n < count; n++) context.emit('out', n);
};

/** Sends messages of 500 bytes until it has sent so many. */
export const much: Handler<number> = (count, context) => {
  for (let n = 0; n < count; n++) context.emit('out', 'x'.repeat(498));
};

export const timers: Handler<number> = (count) => {
  for (let n = 0; n < count; n++) setTimeout(() => {}, 60_000);
  return 'set';
};

/** Calls a service so many times at once, and tells how many were not refused. */
export const calls: Handler<number> = async (count, { services }) => {
  const results = await Promise.allSettled(Array.from({ length: count }, async () => services['gate']?.['pass']?.()));
  return results.filter(({ status }) => status === 'fulfilled').length;
};

/** Calls a service once, and lets the error pass. */
export const call: Handler = (_, { services }) => services['gate']?.['pass']?.();
