/**
 * One input of a pipe on its way: what is asked of the execution, what takes its outputs, and its result, in one object, since a
 * pipe has one of them for each message.
 */
import type { ErrorRecord, VivariumError } from '../sdk/errors.ts';
import type { Engine } from './engine.ts';
import { type ExecutionId, idText } from './executions/ids.ts';
import { open, type OutputLimits, type OutputSink } from './executions/outputs.ts';
import { addOutput, emptyOutputs, type Opened, refusedResult, resultWith, type RunResult } from './executions/result.ts';
import type { ExecutionInput, ExecutionSettings, TrackedExecution } from './executions/tracked.ts';
import type { PipedExecution } from './pipe.ts';
import { cancelled } from './request.ts';
import type { Emission } from './routing/emission.ts';
import { outputBudget } from './routing/topology.ts';

const none: readonly string[] = [];

/** What the executions of one pipe share. */
export interface PipedRuns {
  readonly engine: Engine;
  readonly raw: boolean;
  readonly limits: OutputLimits;
  /** One of them has ended. */
  readonly ended: (run: PipedRun) => void;
}

export class PipedRun implements PipedExecution, ExecutionSettings, OutputSink {
  readonly id: ExecutionId;
  inputs: readonly ExecutionInput[];
  readonly partition: ExecutionSettings['partition'];
  readonly size: number;
  hasEnded = false;
  bytes = 0;
  readonly #runs: PipedRuns;
  #execution: TrackedExecution | undefined;
  #outputs: Record<string, Opened[]> | undefined;
  #messages = 0;
  #mistakes: ErrorRecord[] | undefined;

  constructor(runs: PipedRuns, id: ExecutionId, inputs: readonly ExecutionInput[], partition: ExecutionSettings['partition']) {
    this.#runs = runs;
    this.id = id;
    this.inputs = inputs;
    this.partition = partition;
    let size = 0;
    for (const { payload } of inputs) size += payload.length;
    this.size = size;
  }

  /** @throws VivariumError as Engine.begin */
  begin(): void {
    this.#execution = this.#runs.engine.begin(this);
  }

  get sink(): OutputSink {
    return this;
  }

  // What is the same for all of them takes no place in each.
  get parents(): readonly string[] {
    return none;
  }
  get deadline(): number {
    return 0;
  }
  get trace(): string {
    return '';
  }
  get unread(): number {
    return 0;
  }

  /** Opened as it comes: the result is read soon, and the frame that it came in can go. */
  take(output: number, emission: Emission): boolean {
    const { engine, raw, limits } = this.#runs;
    const { size } = emission;
    if (this.#messages >= limits.messages || this.bytes + size > limits.bytes) return false;
    const { shape } = engine.deployment;
    this.#messages++;
    this.bytes += size;
    this.#outputs ??= emptyOutputs(shape);
    try {
      addOutput(this.#outputs, shape, output, open(raw ? emission.payload : emission.passing, raw, outputBudget(shape, output)));
    } catch (error) {
      this.#mistakes ??= [];
      this.#mistakes.push((error as VivariumError).record);
    }
    return true;
  }

  restart(): void {
    this.#outputs = undefined;
    this.#mistakes = undefined;
    this.#messages = 0;
    this.bytes = 0;
  }

  end(): void {}

  ended(): void {
    this.hasEnded = true;
    // One that ends while it begins is not in the pipe yet: whoever begins it looks.
    if (this.#execution !== undefined) this.#runs.ended(this);
  }

  get accepted(): Promise<void> | undefined {
    return this.#execution === undefined ? undefined : acceptance(this.#execution);
  }

  result(): RunResult<string, Opened> {
    const { shape } = this.#runs.engine.deployment;
    return resultWith(this.#execution as TrackedExecution, this.#outputs ?? emptyOutputs(shape), this.#mistakes ?? [], shape);
  }

  cancel(reason: string): void {
    if (this.#execution !== undefined) this.#runs.engine.stopExecution(this.#execution, cancelled(reason), 'cancelled');
  }
}

/** Settles when a cell has room for the inputs; undefined if it had. */
export const acceptance = (execution: TrackedExecution): Promise<void> | undefined => {
  if (execution.unaccepted === 0 || execution.phase === 'ended') return undefined;
  return new Promise((resolve) => {
    execution.accepted = resolve;
  });
};

/** An input that never became an execution: its result is the reason. */
export class RefusedRun implements PipedExecution {
  readonly hasEnded = true;
  readonly bytes = 0;
  readonly size = 0;
  readonly accepted = undefined;
  readonly #result: RunResult<string, Opened>;

  constructor(id: ExecutionId, error: unknown, { deployment }: Engine) {
    this.#result = refusedResult(idText(id), error, deployment.shape);
  }

  result(): RunResult<string, Opened> {
    return this.#result;
  }

  cancel(): void {}
}
