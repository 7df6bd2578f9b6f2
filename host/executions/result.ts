/** What an execution has come to, as the embedder gets it. */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { Message, Payload } from '../../sdk/message.ts';
import { type FlowShape, nameOf, outputBudget } from '../routing/topology.ts';
import { open, type OutputBuffer } from './outputs.ts';
import type { ExecutionStatus, TrackedExecution } from './tracked.ts';

export interface ActorWork {
  /** Turns of the actor in this execution. */
  readonly messages: number;
  /** Milliseconds that they took together. */
  readonly time: number;
}

/**
 * The end of an execution.
 *
 * `completed`: every actor did its work. `failed`: an actor failed with no `error` outlet connected, or the execution
 * could not go on; what came out before is there. `cancelled`: somebody cancelled it, or the flow was stopped.
 */
export interface RunResult<Outputs extends string = string, Value = Message> {
  readonly id: string;
  readonly status: ExecutionStatus;
  /** By output, in the order of arrival. What was read from `execution.outputs` is not repeated here. */
  readonly outputs: Readonly<Record<Outputs, Value[]>>;
  /** Empty if it completed. The first hundred; `execution` and `actor` say where. */
  readonly errors: readonly ErrorRecord[];
  /** By actor that had a turn. */
  readonly actors: Readonly<Record<string, ActorWork>>;
}

/** What an embedder gets for each message: the message, or its payload undecoded. */
export type Opened = Message | Payload;

export function resultOf(execution: TrackedExecution, outputs: OutputBuffer, shape: FlowShape, raw: boolean): RunResult<string, Opened> {
  const errors = [...execution.errors];
  const byName = emptyOutputs(shape);
  for (const { output, payload } of outputs.drain()) {
    const { name } = shape.outputs[output] as FlowShape['outputs'][number];
    try {
      const opened = open(payload, raw, outputBudget(shape, output));
      const before = byName[name] as Opened[];
      if (before.length === 0) byName[name] = [opened];
      else before.push(opened);
    } catch (error) {
      // A cell that was taken over can send what no guest's encoder makes.
      errors.push({ ...(error as VivariumError).record, execution: execution.id });
    }
  }
  if (execution.droppedErrors > 0) errors.push({ code: 'actor.failed', message: `and ${execution.droppedErrors} more errors`, execution: execution.id });
  const status = execution.status === 'completed' && errors.length > 0 ? 'failed' : execution.status;
  return { id: execution.id, status, outputs: byName, errors, actors: workOf(execution, shape) };
}

/** The result of what never became an execution. */
export const refusedResult = (id: string, error: unknown, shape: FlowShape): RunResult<string, Opened> => ({
  id,
  status: 'failed',
  outputs: emptyOutputs(shape),
  errors: [error instanceof VivariumError ? error.record : { code: 'message.unsupported', message: String(error) }],
  actors: {},
});

const emptyOutputs = (shape: FlowShape): Record<string, Opened[]> => {
  const outputs: Record<string, Opened[]> = {};
  for (const { name } of shape.outputs) outputs[name] ??= [];
  return outputs;
};

const workOf = ({ work }: TrackedExecution, shape: FlowShape): Record<string, ActorWork> => {
  const actors: Record<string, ActorWork> = {};
  for (let at = 0; at < work.length; at += 3) {
    const messages = work[at + 1] as number;
    if (messages > 0) actors[nameOf(shape, work[at] as number)] = { messages, time: (work[at + 2] as number) / 1000 };
  }
  return actors;
};
