/**
 * The clocks of Python, in place of Emscripten's: that makes big integers of its answers, which takes longer than to look at the clock.
 * Python looks once for each message that runs ahead (actor.py).
 */
import { floor, now } from '../guest/primordials.ts';

type Clock = (clock: number, precision: bigint, at: number) => number;

const realTime = 0;
const monotonic = 1;
const nanosecondsPerMillisecond = 1_000_000;
const word = 2 ** 32;
const Uint32ArrayIntrinsic = Uint32Array;

/**
 * Replaces the import that reads a clock.
 * @param memory that of the interpreter, once it is instantiated
 */
export function replaceClock(imports: Record<string, unknown>, memory: () => { readonly buffer: ArrayBuffer }): void {
  const name = 'clock_time_get';
  const original = imports[name] as Clock;
  if (typeof original !== 'function') throw new Error(`the module of Pyodide does not import ${name} any more`);
  const { performance } = globalThis as unknown as { performance: { now(): number } };
  const sinceStart = performance.now.bind(performance);
  let words = new Uint32ArrayIntrinsic(0);
  const clock: Clock = (which, precision, at) => {
    if (which !== realTime && which !== monotonic) return original(which, precision, at);
    const time = (which === realTime ? now() : sinceStart()) * nanosecondsPerMillisecond;
    // Also when the memory has grown: what showed it before shows nothing any more.
    if (words[at >>> 2] === undefined) words = new Uint32ArrayIntrinsic(memory().buffer);
    const high = floor(time / word);
    words[at >>> 2] = time - high * word;
    words[(at >>> 2) + 1] = high;
    return 0;
  };
  imports[name] = clock;
}
