/**
 * `setTimeout`, `setInterval` and their kin. The isolate keeps the callback under a number, the cell keeps
 * the clock and enters by the `timer` door, so a callback runs under the same limits as a message.
 */
import { hostError } from './failure.ts';
import type { Kernel, Timers } from './kernel.ts';
import { defineGlobals } from './globals.ts';
import { apply, defineProperty, NumberIntrinsic, resolved, table, then, TypeErrorIntrinsic } from './primordials.ts';

interface Timer {
  readonly run: () => void;
  /** Milliseconds between runs of an interval; 0 for a timeout. */
  readonly repeat: number;
  /** Begun by `start`, or by such a timer: lives until `stop`. */
  readonly background: boolean;
}

const longestDelay = 2 ** 31 - 1;

export function createTimers(kernel: Kernel): Timers {
  let pending = table<Timer>();
  let count = 0;
  let next = 1;

  const set = (run: () => void, delay: unknown, repeat: boolean, background = kernel.inBackground()): number => {
    if (count >= kernel.settings.limits.timers) {
      throw hostError('limit.timers', `this actor already has ${count} timers pending`, 'limits: { timers: … }');
    }
    if (!background && kernel.idle()) throw hostError('actor.turn-ended', 'a timer cannot be set after the turn has ended');
    const id = next++;
    const wait = clampDelay(delay);
    pending[id] = { run, repeat: repeat ? (wait === 0 ? 1 : wait) : 0, background };
    count++;
    kernel.outbox.event({ is: 'timer', id, delay: wait });
    return id;
  };

  const clear = (id: unknown): void => {
    const key = NumberIntrinsic(id);
    if (pending[key] === undefined) return;
    delete pending[key];
    count--;
    kernel.outbox.event({ is: 'untimer', id: key });
  };

  return {
    set: (callback, delay, background) => set(callback, delay, false, background),
    every: (callback, delay) => set(callback, delay, true),
    clear,
    fire(id) {
      const timer = pending[id];
      if (timer === undefined) return;
      if (timer.repeat === 0) {
        delete pending[id];
        count--;
      } else kernel.outbox.event({ is: 'timer', id, delay: timer.repeat });
      kernel.runAs(timer.background, timer.run);
    },
    clearForeground() {
      if (count === 0) return;
      const kept = table<Timer>();
      let left = 0;
      for (const id in pending) {
        const timer = pending[id] as Timer;
        if (timer.background) {
          kept[id] = timer;
          left++;
        } else kernel.outbox.event({ is: 'untimer', id: NumberIntrinsic(id) });
      }
      pending = kept;
      count = left;
    },
  };
}

function clampDelay(delay: unknown): number {
  const wait = NumberIntrinsic(delay);
  return wait >= 1 ? (wait > longestDelay ? longestDelay : wait) : 0;
}

/** Timers as authors know them. String callbacks are refused: there is no reason to evaluate text here. */
export function installTimers(realm: object, timers: Timers): void {
  const callable = (callback: unknown, name: string): ((...args: unknown[]) => void) => {
    if (typeof callback !== 'function') throw new TypeErrorIntrinsic(`${name} takes a function`);
    return callback as never;
  };
  const kept = resolved(undefined);
  defineProperty(kept, 'constructor', { value: undefined });
  const globals = {
    setTimeout(callback: unknown, delay?: unknown, ...args: unknown[]): number {
      const run = callable(callback, 'setTimeout');
      return timers.set(() => apply(run, undefined, args), delay);
    },
    setInterval(callback: unknown, delay?: unknown, ...args: unknown[]): number {
      const run = callable(callback, 'setInterval');
      return timers.every(() => apply(run, undefined, args), delay);
    },
    clearTimeout: (id?: unknown): void => timers.clear(id),
    clearInterval: (id?: unknown): void => timers.clear(id),
    queueMicrotask(callback: unknown): void {
      const run = callable(callback, 'queueMicrotask');
      then(kept, () => {
        run();
      });
    },
  };
  defineGlobals(realm, globals);
}
