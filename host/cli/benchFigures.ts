/** What `vivarium bench` measures: counts and latencies of executions, and where the flow stood meanwhile. */
import { createHistogram } from 'node:perf_hooks';
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { RunResult } from '../executions/result.ts';
import type { Flow } from '../flow.ts';
import type { FlowStatus } from '../status.ts';

/** How an execution ended, as far as it counts here. */
export type Ended = Pick<RunResult, 'status' | 'outputs' | 'errors'>;

/** Samples of a queue over its time. Messages. */
export interface Waiting {
  readonly median: number;
  readonly maximum: number;
}

export interface ActorFigures {
  readonly actor: string;
  /** Turns that ended within the time. */
  readonly messages: number;
  /** Of these turns together, waiting included. */
  readonly busyMilliseconds: number;
  /** Of the time that was measured, in each of the turns that it may have at once: 1 is always busy. */
  readonly busyShare: number;
  readonly waiting: { readonly cell: Waiting; readonly host: Waiting };
}

/** Milliseconds. */
export interface Latency {
  readonly count: number;
  /** Of these: what had not ended, counted with the time that it had taken so far. The percentiles are then the least that they can be. */
  readonly unfinished: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly maximum: number;
}

export interface Figures {
  /** Of the time that was measured. */
  readonly seconds: number;
  /** What ended within the time. */
  readonly ended: { readonly inputs: number; readonly outputs: number; readonly deliveries: number };
  /** How the executions ended whose latency was measured. */
  readonly executions: Readonly<Record<RunResult['status'], number>>;
  readonly warmUp: { readonly executions: number; readonly failed: number };
  /** Undefined if nothing ended. */
  readonly latency: Latency | undefined;
  readonly errors: ReadonlyMap<string, { readonly count: number; readonly first: ErrorRecord }>;
  readonly actors: readonly ActorFigures[];
  /** How often it was looked where messages wait. */
  readonly samples: number;
}

/** Between looks at where messages wait: never less, and never more looks than this. */
const shortestInterval = 50;
const mostSamples = 400;

/** What a latency of the histogram may be at most: microseconds of an hour. */
const longestLatency = 3_600_000_000;

export class Measurement {
  readonly #flow: Flow;
  readonly #latency = createHistogram({ lowest: 1, highest: longestLatency, figures: 3 });
  readonly #executions = { completed: 0, failed: 0, cancelled: 0 };
  readonly #errors = new Map<string, { count: number; readonly first: ErrorRecord }>();
  readonly #warmUp = { executions: 0, failed: 0 };
  readonly #ended = { inputs: 0, outputs: 0 };
  readonly #samples: FlowStatus[] = [];
  #unfinished = 0;
  #sampler: NodeJS.Timeout | undefined;
  #begun: { readonly at: number; readonly status: FlowStatus } | undefined;
  #over: { readonly at: number; readonly status: FlowStatus } | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  get running(): boolean {
    return this.#begun !== undefined && this.#over === undefined;
  }

  /** The warm-up is over: from now on it counts. @param seconds that will be measured */
  begin(seconds: number): void {
    if (this.#over !== undefined) return;
    this.#begun = { at: performance.now(), status: this.#flow.status() };
    this.#sampler = setInterval(() => this.#samples.push(this.#flow.status()), Math.max(shortestInterval, (seconds * 1000) / mostSamples));
  }

  /** The time is over. What still ends counts for its latency alone. */
  end(): void {
    if (this.#over !== undefined) return;
    clearInterval(this.#sampler);
    this.#over = { at: performance.now(), status: this.#flow.status() };
  }

  /**
   * An execution has ended.
   * @param milliseconds since its input was due
   * @param counts it belongs to those whose latency is measured
   */
  add({ status, outputs, errors }: Ended, milliseconds: number, counts: boolean): void {
    if (this.running) {
      this.#ended.inputs++;
      for (const name in outputs) this.#ended.outputs += outputs[name]?.length ?? 0;
    }
    if (!counts) {
      this.#warmUp.executions++;
      if (status === 'failed') this.#warmUp.failed++;
      return;
    }
    this.#executions[status]++;
    if (status === 'cancelled') this.#unfinished++;
    this.#record(milliseconds);
    if (status === 'failed') for (const error of errors) this.#count(error);
  }

  /** An input was due so many milliseconds ago, and could not even be sent. */
  unsent(milliseconds: number): void {
    this.#unfinished++;
    this.#record(milliseconds);
  }

  progress(): string {
    const { completed, failed } = this.#executions;
    if (this.#begun === undefined) return `warming up, ${this.#warmUp.executions} executions`;
    const seconds = Math.max((performance.now() - this.#begun.at) / 1000, 0.001);
    return `measuring for ${seconds.toFixed(1)} s: ${Math.round((completed + failed) / seconds)} executions a second, ${failed} failed`;
  }

  figures(): Figures {
    const now = { at: performance.now(), status: this.#flow.status() };
    const over = this.#over ?? now;
    const begun = this.#begun ?? over;
    const seconds = (over.at - begun.at) / 1000;
    const actors = over.status.actors.map((_, actor) => this.#figuresOf(actor, begun.status, over.status, seconds));
    return {
      seconds,
      ended: { ...this.#ended, deliveries: actors.reduce((sum, { messages }) => sum + messages, 0) },
      executions: this.#executions,
      warmUp: this.#warmUp,
      latency: this.#latency.count === 0 ? undefined : this.#latencies(),
      errors: this.#errors,
      actors,
      samples: this.#samples.length,
    };
  }

  #figuresOf(actor: number, begun: FlowStatus, over: FlowStatus, seconds: number): ActorFigures {
    const [before, after] = [begun.actors[actor], over.actors[actor]] as [FlowStatus['actors'][number], FlowStatus['actors'][number]];
    const busyMilliseconds = after.time - before.time;
    const samples = this.#samples.map(({ actors }) => (actors[actor] as FlowStatus['actors'][number]).waiting);
    return {
      actor: after.name,
      messages: after.turns - before.turns,
      busyMilliseconds,
      busyShare: seconds === 0 ? 0 : busyMilliseconds / 1000 / seconds / after.concurrency,
      waiting: { cell: spread(samples.map(({ cell }) => cell)), host: spread(samples.map(({ host }) => host)) },
    };
  }

  #record(milliseconds: number): void {
    this.#latency.record(Math.min(longestLatency, Math.max(1, Math.round(milliseconds * 1000))));
  }

  #count(error: ErrorRecord): void {
    const known = this.#errors.get(error.code);
    if (known === undefined) this.#errors.set(error.code, { count: 1, first: error });
    else known.count++;
  }

  #latencies(): Latency {
    const at = (percentile: number): number => this.#latency.percentile(percentile) / 1000;
    const { count, mean, max } = this.#latency;
    return { count, unfinished: this.#unfinished, mean: mean / 1000, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), maximum: max / 1000 };
  }
}

function spread(samples: readonly number[]): Waiting {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, maximum: sorted.at(-1) ?? 0 };
}
