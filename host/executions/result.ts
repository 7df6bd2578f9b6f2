/** What an execution has come to, as the embedder gets it. */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { Message, Payload } from '../../sdk/message.ts';
import { type FlowShape, outputBudget } from '../routing/topology.ts';
import { type HeldOutput, open } from './outputs.ts';
import type { ExecutionStatus, TrackedExecution } from './tracked.ts';
import type { ActorWork } from './work.ts';

export type { ActorWork };

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

/** Nothing went wrong. */
const noErrors: readonly ErrorRecord[] = Object.freeze([]);
const noActors: Readonly<Record<string, ActorWork>> = Object.freeze({});

export function resultOf(execution: TrackedExecution, outputs: readonly HeldOutput[], shape: FlowShape, raw: boolean): RunResult<string, Opened> {
  const byName = emptyOutputs(shape);
  const mistakes: ErrorRecord[] = [];
  for (const { output, payload } of outputs) {
    try {
      addOutput(byName, shape, output, open(payload, raw, outputBudget(shape, output)));
    } catch (error) {
      mistakes.push((error as VivariumError).record);
    }
  }
  return resultWith(execution, byName, mistakes, shape);
}

/** @param mistakes of outputs: a cell that was taken over can send what no guest's encoder makes */
export function resultWith(
  execution: TrackedExecution,
  outputs: Record<string, Opened[]>,
  mistakes: readonly ErrorRecord[],
  shape: FlowShape,
): RunResult<string, Opened> {
  const { id, droppedErrors } = execution;
  let errors = noErrors;
  if (execution.errors.length + mistakes.length > 0) {
    const dropped: ErrorRecord[] = droppedErrors === 0 ? [] : [{ code: 'actor.failed', message: `and ${droppedErrors} more errors`, execution: id }];
    errors = [...execution.errors, ...mistakes.map((error) => ({ ...error, execution: id })), ...dropped];
  }
  const status = execution.status === 'completed' && errors.length > 0 ? 'failed' : execution.status;
  return { id, status, outputs, errors, actors: execution.work?.told(shape) ?? noActors };
}

/** The result of what never became an execution. */
export const refusedResult = (id: string, error: unknown, shape: FlowShape): RunResult<string, Opened> => ({
  id,
  status: 'failed',
  outputs: emptyOutputs(shape),
  errors: [error instanceof VivariumError ? error.record : { code: 'message.unsupported', message: String(error) }],
  actors: {},
});

export const emptyOutputs = (shape: FlowShape): Record<string, Opened[]> => {
  const outputs: Record<string, Opened[]> = {};
  for (const { name } of shape.outputs) outputs[name] ??= [];
  return outputs;
};

/** Most outputs get one message: a list of one is a tenth of what `push` reserves. */
export function addOutput(outputs: Record<string, Opened[]>, shape: FlowShape, output: number, message: Opened): void {
  const { name } = shape.outputs[output] as FlowShape['outputs'][number];
  const before = outputs[name] as Opened[];
  if (before.length === 0) outputs[name] = [message];
  else before.push(message);
}
