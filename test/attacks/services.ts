/** Services of an embedder for the attackers to call: honest, failing, silent. */
import { z } from 'zod';
import { defineService, type ServiceTree } from '../../host/index.ts';

const any = { input: z.unknown(), output: z.unknown() };

export const services: ServiceTree = {
  probe: {
    echo: defineService({ ...any, handle: (input) => input }),
    fail: defineService({
      ...any,
      handle: () => {
        throw Object.assign(new TypeError('the database is closed'), { path: '/srv/secret/of/the/host', errno: -2 });
      },
    }),
    rejects: defineService({ ...any, handle: () => Promise.reject(new Error('the queue is closed')) }),
    odd: defineService({ ...any, handle: () => Symbol('no message') }),
    never: defineService({
      ...any,
      handle: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    }),
  },
};
