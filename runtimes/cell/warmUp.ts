/** Isolates that are ready for a language before it is known for which actor: `__warm` in guest/main.ts. */
import { defaultLimits } from '../limits.ts';
import type { WarmIsolates } from '../protocol.ts';
import type { Runtime } from '../runtime.ts';
import { type MakeShell, type Shell, Shells } from './shells.ts';

/**
 * @param shell disposed of if it does not become ready
 * @param memory of the actor, in bytes @param limit in milliseconds
 * @throws Error why not
 */
export async function warmUp(runtime: Runtime, { isolate, context }: Shell, memory: number, limit: number): Promise<void> {
  if (runtime.warm === undefined) return;
  try {
    const given = await runtime.warm(isolate, context, memory);
    await context.evalClosure('return __warm(...arguments)', [runtime.name, ...given], {
      result: { promise: true, copy: true },
      timeout: limit,
    });
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}

/** Those that are kept, by language. One for WASM is made of one that is kept for JavaScript, if there is one like it. */
export function openShells(make: MakeShell, runtimes: Readonly<Record<keyof WarmIsolates, Runtime>>): Readonly<Record<keyof WarmIsolates, Shells>> {
  const javascript = new Shells(make, runtimes.javascript.heap(defaultLimits.javascript));
  const makeForWasm: MakeShell = async (heap) => {
    // What an actor in WASM needs says nothing of what the next one in JavaScript will.
    const shell = await (heap === javascript.heap ? javascript.take(heap) : make(heap));
    await warmUp(runtimes.wasm, shell, defaultLimits.wasm.memory, defaultLimits.wasm.start);
    return shell;
  };
  return { javascript, wasm: new Shells(makeForWasm, runtimes.wasm.heap(defaultLimits.wasm)) };
}
