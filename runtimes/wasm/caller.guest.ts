/** On whose behalf a plugin calls the functions of the host, and whether it still may. */
import { hostError } from '../guest/failure.ts';
import type { Turn } from '../guest/kernel.ts';

/** One for each instance of a plugin. */
export interface Caller {
  /** The turn of the present call; none in `start` and `stop`. */
  turn: Turn | undefined;
  /** Suspends the plugin until the promise settles, or until it is abandoned. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** @throws HostError call.cancelled when the instance is abandoned. */
  check(): void;
  /** The same functions, refused once the instance is abandoned. */
  guarded(functions: Functions): Functions;
  /**
   * Ends what the instance waits for with an error, which unwinds its stack: V8 keeps a suspended stack that is never resumed
   * for as long as the isolate lives. A plugin that catches the error can reach nothing any more.
   */
  abandon(): void;
}

export type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

export function createCaller(): Caller {
  let abandoned = false;
  let interrupt: ((error: unknown) => void) | undefined;

  const check = (): void => {
    if (abandoned) throw hostError('call.cancelled', 'the turn of this call has ended');
  };

  return {
    turn: undefined,
    wait: (promise) =>
      new Promise((resolve, reject) => {
        interrupt = reject;
        promise.then(resolve, reject);
      }),
    check,
    guarded: (functions) =>
      Object.fromEntries(
        Object.entries(functions).map(([name, run]) => [
          name,
          (...args: never[]) => {
            check();
            return run(...args);
          },
        ]),
      ),
    abandon() {
      abandoned = true;
      interrupt?.(hostError('call.cancelled', 'the turn of this call has ended'));
    },
  };
}
