/** Makes an isolate ready for a language before it is known for which actor: `__warm` in guest/main.ts. */
import { randomFillSync } from 'node:crypto';
import type { Runtime } from '../runtime.ts';
import type { IsolatedVm } from './addon.ts';
import type { Shell } from './shells.ts';

/**
 * @param shell disposed of if it does not become ready
 * @param memory of the actor, in bytes @param limit in milliseconds
 * @throws Error why not
 */
export async function warmUp(ivm: IsolatedVm, runtime: Runtime, { isolate, context }: Shell, memory: number, limit: number): Promise<void> {
  if (runtime.warm === undefined) return;
  try {
    const seed = new ivm.ExternalCopy(randomFillSync(new Uint8Array(32)).buffer).copyInto({ release: true });
    const given = await runtime.warm(isolate, context, memory);
    await context.evalClosure('return __warm(...arguments)', [runtime.name, seed, ...given], { result: { promise: true, copy: true }, timeout: limit });
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}
