/** How `vivarium bench` puts load on a flow: as fast as it takes messages, or at a rate. */
import { setTimeout as wait } from 'node:timers/promises';
import { VivariumError } from '../../sdk/errors.ts';
import type { Flow } from '../flow.ts';
import type { Ended, Measurement } from './benchFigures.ts';

export interface Load {
  readonly input: string;
  /** Sent one after another, and then again from the first. */
  readonly messages: readonly unknown[];
  /** Executions under way at once, at most. */
  readonly window: number;
  /** Seconds. */
  readonly warmUp: number;
  /** Seconds. */
  readonly duration: number;
}

/** What came of a plan. */
export interface OpenFigures {
  /** Inputs a second. */
  readonly rate: number;
  /** Inputs that were due in the time that was measured. */
  readonly planned: number;
  /** Of these: not sent, because too many executions were under way. */
  readonly unsent: number;
  /** Inputs that were due and not answered, after half of the time and at its end. */
  readonly backlog: { readonly half: number; readonly end: number };
  /** Milliseconds by which the answers trailed the plan at the end. */
  readonly behind: number;
  readonly keptUp: boolean;
}

/** Why the time is over, if it was not cut short. */
export const timeOver = 'the time is over';

/** Between looks at what is due. Milliseconds. */
const longestPause = 10;

/** How long executions under way may take to end when the time is over, so that their latencies are known. Milliseconds. */
export const patience = 5_000;

/**
 * Closed loop: each result that is read makes room for another input, as for any reader of `flow.pipe`.
 * @param over aborted when the time is over
 */
export async function closedLoop(flow: Flow, { input, messages, window }: Load, measurement: Measurement, over: AbortSignal): Promise<void> {
  const pulled: number[] = [];
  const source = function* (): Generator<unknown> {
    for (let next = 0; ; next++) {
      pulled.push(performance.now());
      yield messages[next % messages.length];
    }
  };
  for await (const result of flow.pipe(source(), { input, window, signal: over })) {
    const from = pulled.shift() as number;
    if (!over.aborted) measurement.add(result, performance.now() - from, measurement.running);
  }
}

/**
 * Open loop: inputs are due at fixed times, whatever becomes of those before, and latency counts from the time that an input was
 * due. So a flow that stalls is charged for all that would have come meanwhile.
 */
export class OpenLoop {
  readonly #flow: Flow;
  readonly #load: Load;
  readonly #rate: number;
  readonly #measurement: Measurement;
  /** The first input that is measured, and the end of all. */
  readonly #warming: number;
  readonly #last: number;
  readonly #began = performance.now();
  #begun = 0;
  #answered = 0;
  #half = 0;

  /** @param rate inputs a second */
  constructor(flow: Flow, load: Load, rate: number, measurement: Measurement) {
    this.#flow = flow;
    this.#load = load;
    this.#rate = rate;
    this.#measurement = measurement;
    this.#warming = Math.ceil(load.warmUp * rate);
    this.#last = Math.floor((load.warmUp + load.duration) * rate);
  }

  /** @param over aborted when the time is over */
  async run(over: AbortSignal): Promise<OpenFigures> {
    const { warmUp, duration, window } = this.#load;
    const halfTime = setTimeout(
      () => {
        this.#half = this.#due - this.#answered;
      },
      (warmUp + duration / 2) * 1000,
    );
    while (!over.aborted) {
      const due = this.#due;
      while (this.#begun < due && this.#begun - this.#answered < window) this.#enter(this.#begun++);
      await wait(Math.min(longestPause, Math.max(1, this.#dueAt(this.#begun) - performance.now())));
    }
    clearTimeout(halfTime);
    const due = this.#due;
    const figures = this.#figures(due);
    if (over.reason === timeOver) await this.#drain();
    const now = performance.now();
    for (let number = due - figures.unsent; number < due; number++) this.#measurement.unsent(now - this.#dueAt(number));
    return figures;
  }

  /** What is still under way may end, so that its latency is known. */
  async #drain(): Promise<void> {
    const until = performance.now() + patience;
    while (this.#answered < this.#begun && performance.now() < until) await wait(longestPause);
  }

  #enter(number: number): void {
    const { input, messages } = this.#load;
    const ended = (result: Ended): void => {
      this.#answered++;
      this.#measurement.add(result, performance.now() - this.#dueAt(number), number >= this.#warming);
    };
    this.#flow.run({ [input]: messages[number % messages.length] }).then(ended, (error: unknown) => ended(refused(error)));
  }

  #figures(due: number): OpenFigures {
    const end = due - this.#answered;
    // What came due in a tenth of a second may always be under way, and one in twenty of the second half.
    const allowed = Math.max(2, this.#rate / 10, (this.#rate * this.#load.duration) / 40);
    return {
      rate: this.#rate,
      planned: Math.max(0, due - this.#warming),
      unsent: due - Math.min(due, Math.max(this.#begun, this.#warming)),
      backlog: { half: this.#half, end },
      behind: (end / this.#rate) * 1000,
      keptUp: end - this.#half <= allowed,
    };
  }

  /** How many inputs have come due. */
  get #due(): number {
    return Math.min(this.#last, Math.floor(((performance.now() - this.#began) * this.#rate) / 1000) + 1);
  }

  #dueAt(number: number): number {
    return this.#began + (number * 1000) / this.#rate;
  }
}

/** What could not begin is a failure, as it is for `flow.pipe`. */
const refused = (error: unknown): Ended => ({
  status: 'failed',
  outputs: {},
  errors: [error instanceof VivariumError ? error.record : { code: 'message.unsupported', message: String(error) }],
});
