/** A deployed flow in the hands of the embedder. */
import { type ErrorRecord, VivariumError } from '../sdk/errors.ts';
import { type Budget, decode, encode, type Message, type Payload } from '../sdk/message.ts';
import { binaryLane, textLane } from '../runtimes/protocol.ts';
import type { Engine } from './engine.ts';
import { type Execution, OutputReader } from './execution.ts';
import { type ExecutionId, idText, newId } from './executions/ids.ts';
import { FirstOutput, OutputBuffer, payloadOf } from './executions/outputs.ts';
import { type Opened, resultOf, type RunResult } from './executions/result.ts';
import type { SpontaneousOutput, SpontaneousOutputs } from './executions/spontaneous.ts';
import type { ExecutionInput, ExecutionSettings, TrackedExecution } from './executions/tracked.ts';
import { Pipe, type PipedExecution } from './pipe.ts';
import { acceptance, PipedRun, type PipedRuns, RefusedRun } from './pipedRun.ts';
import { cancelled, checkTexts, deadlineOf, partitionIn, reasonText, type RunOptions, type WaitOptions } from './request.ts';
import { actorsOf, outputBudget, type Port } from './routing/topology.ts';
import type { FlowStatus } from './status.ts';

type Raw = { readonly raw: true };

/** What an execution is to its caller. */
type NewExecution = Omit<ExecutionSettings, 'inputs' | 'parents' | 'trace' | 'deadline' | 'partition'>;

/** Messages by input. */
export type FlowInputs<Inputs extends string> = { readonly [Input in Inputs]?: unknown };

export interface PipeOptions<Inputs extends string> {
  /** The input that the messages go to. */
  readonly input: Inputs;
  /** Executions under way or unread at once. Default 4096. */
  readonly window?: number;
  /**
   * The key of a message, as `partition` of a run; undefined: it has none. What it throws is the failure of that message.
   */
  readonly partition?: (message: unknown) => string | undefined;
  /** When it is aborted, no more messages are taken; what is under way is cancelled, its results come, and then the results end. */
  readonly signal?: AbortSignal;
  /** Outputs come as payloads, undecoded. */
  readonly raw?: boolean;
}

export interface ActorHandle {
  /**
   * Asks one actor and waits for what its handler returns. Its outlets see that too, as ever.
   * @param options.inlet which of its inlets; default `in`
   * @throws VivariumError the error of the actor; actor.inlet, execution.no-answer, execution.deadline, actor.quarantined, …
   */
  ask(message: unknown, options?: WaitOptions & { readonly inlet?: string }): Promise<Message>;
}

export const usualWindow = 4096;

/**
 * A flow that runs. What its functions promise: a promise of an execution resolves when its input is accepted,
 * and every execution ends with a result, whatever happens to its cells.
 *
 * @example
 * const flow = await host.deploy('./vivarium.yaml');
 * const { status, outputs } = await flow.run({ records: { price: 2 } });
 * for await (const result of flow.pipe(records, { input: 'records' })) console.log(result.outputs);
 * await flow.stop({ drain: 5_000 });
 */
export class Flow<Inputs extends string = string, Outputs extends string = string, Actors extends string = string> {
  readonly namespace: string;
  readonly #engine: Engine;
  readonly #spontaneous: SpontaneousOutputs;
  /** Of actors by name; made when the first is asked for. */
  #indices: ReadonlyMap<string, number> | undefined;
  #stopped: Promise<void> | undefined;
  readonly #onStopped: () => void;

  /** Not for embedders: `host.deploy` makes flows. */
  constructor(engine: Engine, spontaneous: SpontaneousOutputs, onStopped: () => void) {
    this.namespace = engine.deployment.namespace;
    this.#engine = engine;
    this.#spontaneous = spontaneous;
    this.#onStopped = onStopped;
  }

  /** Names of the actors, in the order of the manifest. */
  get actors(): readonly Actors[] {
    return actorsOf(this.#engine.deployment.shape).map(({ part }) => part.name as Actors);
  }

  /** Names of the inputs. */
  get inputs(): readonly Inputs[] {
    return Object.keys(this.#engine.deployment.shape.inputs) as Inputs[];
  }

  /** What each actor may do, what it asked for and was refused, and where that is written. */
  get grants(): Engine['deployment']['grants'] {
    return this.#engine.deployment.grants;
  }

  /** What is no mistake of the manifest, its policies and sources, and yet may surprise their author: one text each. */
  get warnings(): readonly string[] {
    return this.#engine.deployment.warnings;
  }

  /** Executions that have not ended. */
  get live(): number {
    return this.#engine.live;
  }

  /**
   * Where the flow stands: each actor with what waits for it and what it has done. Costs nothing until it is asked for.
   * @example
   * const longest = flow.status().actors.toSorted((a, b) => b.waiting.host + b.waiting.cell - (a.waiting.host + a.waiting.cell))[0];
   */
  status(): FlowStatus<Actors> {
    return this.#engine.status as FlowStatus<Actors>;
  }

  /**
   * Runs an execution to its end.
   * @param inputs a message for one or more of the inputs
   * @returns its result; a failure of the flow is a result too
   * @throws VivariumError for what cannot begin: flow.input, message.unsupported, limit.message, execution.duplicate, host.closed
   */
  run(inputs: FlowInputs<Inputs>, options: RunOptions & Raw): Promise<RunResult<Outputs, Payload>>;
  run(inputs: FlowInputs<Inputs>, options?: RunOptions): Promise<RunResult<Outputs>>;
  async run(inputs: FlowInputs<Inputs>, options: RunOptions = {}): Promise<RunResult<Outputs, never>> {
    const execution = this.#begin(inputs, options);
    return (await execution.result) as RunResult<Outputs, never>;
  }

  /**
   * Starts an execution; resolves when there is room for its inputs.
   * @throws VivariumError as `run`
   */
  start(inputs: FlowInputs<Inputs>, options: RunOptions & Raw): Promise<Execution<Outputs, Payload>>;
  start(inputs: FlowInputs<Inputs>, options?: RunOptions): Promise<Execution<Outputs>>;
  async start(inputs: FlowInputs<Inputs>, options: RunOptions = {}): Promise<Execution<Outputs, never>> {
    const execution = this.#begin(inputs, options);
    await execution.accepted;
    return execution as unknown as Execution<Outputs, never>;
  }

  /**
   * Sends a stream of messages through the flow: one execution each, results in the order of the messages.
   * Messages are taken as results are read, a window ahead. A failed execution is a failed result and ends nothing.
   *
   * @throws VivariumError flow.input at once; while reading: what the source throws, and host.closed
   */
  pipe(source: Iterable<unknown> | AsyncIterable<unknown>, options: PipeOptions<Inputs> & Raw): AsyncIterableIterator<RunResult<Outputs, Payload>, undefined>;
  pipe(source: Iterable<unknown> | AsyncIterable<unknown>, options: PipeOptions<Inputs>): AsyncIterableIterator<RunResult<Outputs>, undefined>;
  pipe(source: Iterable<unknown> | AsyncIterable<unknown>, options: PipeOptions<Inputs>): AsyncIterableIterator<RunResult<Outputs, never>, undefined> {
    const { input, window = usualWindow, raw = false, signal, partition } = options;
    if (!Number.isSafeInteger(window) || window < 1) throw new VivariumError('host.option', `the window of a pipe is a whole number from 1, and not ${window}`);
    const port = this.#demandInput(input);
    const engine = this.#engine;
    const runs: PipedRuns = { engine, raw, limits: engine.context.outputLimits, ended: (run) => pipe.ended(run) };
    const pipe = new Pipe(source, window, (value) => this.#beginPiped(port, value, partition, runs), signal);
    return pipe as AsyncIterableIterator<RunResult<Outputs, never>, undefined>;
  }

  /**
   * Runs an execution and waits for the first message of its outputs.
   * @throws VivariumError the first error of the execution; execution.no-answer if it ends without an output
   */
  async ask(input: Inputs, message: unknown, options: WaitOptions = {}): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const { shape } = this.#engine.deployment;
    const id = newId();
    const sink = new FirstOutput((payload, output) => settle(resolve, reject, () => decode(payload, outputBudget(shape, output))));
    this.#track({ [input]: message } as FlowInputs<Inputs>, options, {
      id,
      sink,
      failed: (error) => reject(VivariumError.from(error)),
      // An error takes its stack with it: it is made only where nobody has answered.
      ended: () => {
        if (!sink.taken) reject(noAnswer(id));
      },
    });
    return promise;
  }

  /** One actor by name, whether an input leads to it or not. @throws VivariumError actor.unknown */
  actor(name: Actors): ActorHandle {
    const { shape } = this.#engine.deployment;
    const index = this.#indexOf(name);
    const { part, budget } = shape.actors[index] as (typeof shape.actors)[number];
    return {
      ask: async (message, options = {}) => {
        const { inlet: inletName = 'in' } = options;
        const inlet = part.inlets.indexOf(inletName);
        if (inlet < 0)
          throw new VivariumError('actor.inlet', `'${name}' has no inlet '${inletName}'`, { actor: name, hint: `its inlets: ${part.inlets.join(', ')}` });
        const { promise, resolve, reject } = Promise.withResolvers<Message>();
        const id = newId();
        let answered = false;
        this.#trackInputs([this.#input({ actor: index, inlet }, message)], options, {
          id,
          sink: new FirstOutput(() => undefined),
          answer: (error, lane, bytes) => {
            answered = true;
            settle(resolve, reject, () => answerOf(error && { ...error, execution: idText(id) }, payloadOf(lane, bytes), budget));
          },
          ended: ({ errors }) => {
            if (!answered) reject(errors[0] === undefined ? noAnswer(id) : VivariumError.from(errors[0]));
          },
        });
        return promise;
      },
    };
  }

  /**
   * Admits an actor again that is in quarantine.
   * @throws VivariumError actor.unknown, or why it does not start
   */
  async release(actor: Actors): Promise<void> {
    await this.#engine.release(this.#indexOf(actor));
  }

  /**
   * Hears outputs of executions that nobody asked for, also those from before the flow was deployed, if it is called at once.
   * @returns a function that removes the listener
   */
  on(event: 'output', listener: (output: SpontaneousOutput<Outputs>) => void): () => void {
    return this.#spontaneous.on(event, listener as (output: SpontaneousOutput) => void);
  }

  /**
   * Takes no more messages, lets executions end for `drain` milliseconds, cancels those that remain, stops the actors.
   * @param options.drain default 0
   */
  stop(options: { readonly drain?: number } = {}): Promise<void> {
    this.#stopped ??= this.#engine.stop(options.drain ?? 0).finally(this.#onStopped);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #begin(inputs: FlowInputs<Inputs>, options: RunOptions): Execution<string, Opened> & { readonly accepted: Promise<void> | undefined } {
    const { context, deployment } = this.#engine;
    const { promise: result, resolve } = Promise.withResolvers<RunResult<string, Opened>>();
    const raw = options.raw ?? false;
    const sink = new OutputBuffer(context.outputLimits);
    const id = options.id ?? newId();
    const execution = this.#track(inputs, options, {
      id,
      sink,
      ended: (ended) => resolve(resultOf(ended, sink.drain(), deployment.shape, raw)),
    });
    return {
      id: idText(id),
      outputs: new OutputReader(sink, deployment.shape, raw),
      result,
      accepted: acceptance(execution),
      cancel: async (reason) => {
        this.#engine.stopExecution(execution, cancelled(reason), 'cancelled');
        await result;
      },
    };
  }

  #beginPiped(ports: readonly Port[], value: unknown, keyOf: PipeOptions<Inputs>['partition'], runs: PipedRuns): PipedExecution {
    this.#demandRunning();
    const id = newId();
    try {
      const inputs = ports.map((port) => this.#input(port, value));
      const partition = keyOf === undefined ? undefined : partitionIn({ partition: keyFor(value, keyOf) });
      const run = new PipedRun(runs, id, inputs, partition);
      run.begin();
      return run;
    } catch (error) {
      return new RefusedRun(id, error, this.#engine);
    }
  }

  #track(inputs: FlowInputs<Inputs>, options: RunOptions, settings: NewExecution): TrackedExecution {
    const entries = Object.entries(inputs).filter(([, message]) => message !== undefined);
    if (entries.length === 0) throw new VivariumError('flow.input', 'no message was given for any input', { hint: `the inputs: ${this.#inputNames()}` });
    const tracked = entries.flatMap(([name, message]) => this.#demandInput(name).map((port) => this.#input(port, message)));
    return this.#trackInputs(tracked, options, settings);
  }

  #trackInputs(inputs: readonly ExecutionInput[], options: RunOptions, settings: NewExecution): TrackedExecution {
    this.#demandRunning();
    const { signal, parents = [], trace = '' } = options;
    checkTexts(idText(settings.id), parents, trace);
    signal?.throwIfAborted();
    const asked = { inputs, parents, trace, deadline: deadlineOf(options), partition: partitionIn(options), ...settings };
    if (signal === undefined) return this.#engine.begin(asked);
    const abort = (): void => this.#engine.stopExecution(execution, cancelled(reasonText(signal.reason)), 'cancelled');
    const ended = (tracked: TrackedExecution): void => {
      signal.removeEventListener('abort', abort);
      settings.ended(tracked);
    };
    const execution = this.#engine.begin({ ...asked, ended });
    if (execution.phase !== 'ended') signal.addEventListener('abort', abort, { once: true });
    return execution;
  }

  #input({ actor, inlet }: Port, message: unknown): ExecutionInput {
    const { shape } = this.#engine.deployment;
    const { inputBudget, part } = shape.actors[actor] as (typeof shape.actors)[number];
    try {
      const payload = encode(message, inputBudget);
      return payload.lane === 'text' ? { actor, inlet, lane: textLane, payload: payload.text } : { actor, inlet, lane: binaryLane, payload: payload.bytes };
    } catch (error) {
      throw error instanceof VivariumError ? VivariumError.from({ ...error.record, actor: part.name }) : error;
    }
  }

  #demandInput(name: string): readonly Port[] {
    const { inputs } = this.#engine.deployment.shape;
    const ports = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (ports === undefined) throw new VivariumError('flow.input', `the flow has no input '${name}'`, { hint: `the inputs: ${this.#inputNames()}` });
    return ports;
  }

  #inputNames(): string {
    return Object.keys(this.#engine.deployment.shape.inputs).join(', ') || 'none';
  }

  #indexOf(name: string): number {
    this.#indices ??= new Map(this.actors.map((actor, index) => [actor, index]));
    const index = this.#indices.get(name);
    if (index === undefined) throw new VivariumError('actor.unknown', `the flow has no actor '${name}'`, { hint: `the actors: ${this.actors.join(', ')}` });
    return index;
  }

  #demandRunning(): void {
    if (this.#stopped !== undefined) throw new VivariumError('host.closed', `the flow in '${this.namespace}' has been stopped`);
  }
}

const settle = (resolve: (message: Message) => void, reject: (error: unknown) => void, make: () => Message): void => {
  try {
    resolve(make());
  } catch (error) {
    reject(error);
  }
};

const answerOf = (error: ErrorRecord | null, payload: Payload, budget: Budget): Message => {
  if (error !== null) throw VivariumError.from(error);
  return decode(payload, budget);
};

/** @throws VivariumError host.option */
const keyFor = (message: unknown, keyOf: (message: unknown) => string | undefined): string | undefined => {
  try {
    return keyOf(message);
  } catch (error) {
    throw new VivariumError('host.option', `\`partition\` of the pipe threw: ${String(error)}`);
  }
};

const noAnswer = (id: ExecutionId): VivariumError =>
  new VivariumError('execution.no-answer', 'the execution ended without an answer', { execution: idText(id) });
