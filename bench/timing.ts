/** How often, how long, and what of it counts: shared by benchmarks and peers. */
import { createHistogram } from 'node:perf_hooks';

/** The one in the middle; of an even number the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (index: number): number => sorted[index] as number;
  return (at((sorted.length - 1) >> 1) + at(sorted.length >> 1)) / 2;
}

/** Runs a measurement several times after a warm-up that does not count. */
export async function repeat(repetitions: number, measure: () => Promise<number>): Promise<number[]> {
  await measure();
  const values: number[] = [];
  for (let i = 0; i < repetitions; i++) values.push(await measure());
  return values;
}

export async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** The median rate of several repetitions, in pieces per second. @param pieces how many pieces of work `run` does */
export async function rate(repetitions: number, pieces: number, run: () => Promise<unknown>): Promise<number> {
  return pieces / (median(await repeat(repetitions, () => milliseconds(run))) / 1000);
}

/** Milliseconds that half, 99 and 99.9 percent of the times did not exceed. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** Collects times. One nanosecond is the smallest. */
export class Times {
  readonly #histogram = createHistogram();

  /** @param time in milliseconds */
  add(time: number): void {
    this.#histogram.record(Math.max(1, Math.round(time * 1e6)));
  }

  get percentiles(): Percentiles {
    const at = (percentile: number): number => this.#histogram.percentile(percentile) / 1e6;
    return { p50: at(50), p99: at(99), p999: at(99.9) };
  }
}

/** The times of calls, one after the other. */
export async function timesOf(count: number, call: (index: number) => Promise<unknown>): Promise<Percentiles> {
  const times = new Times();
  for (let index = 0; index < count; index++) times.add(await milliseconds(() => call(index)));
  return times.percentiles;
}

/**
 * Messages at fixed times, evenly spread, each as soon as its time has come. Times of one millisecond come together, because a timer is
 * no finer; each keeps its own.
 * @param rate messages per second @param duration milliseconds @param due takes the times
 */
export async function* arrivals(rate: number, duration: number, due: number[]): AsyncGenerator<{ n: number }> {
  const began = performance.now();
  const count = Math.floor((rate * duration) / 1000);
  const timeOf = (index: number): number => began + (index * 1000) / rate;
  while (due.length < count) {
    for (let time = timeOf(due.length); due.length < count && time <= performance.now(); time = timeOf(due.length)) yield { n: due.push(time) };
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
