/** A started execution in the hands of the embedder: its outputs as they come, its end, and the way to cancel it. */
import type { Message } from '../sdk/message.ts';
import { open, type OutputBuffer } from './executions/outputs.ts';
import type { Opened, RunResult } from './executions/result.ts';
import { type FlowShape, outputBudget } from './routing/topology.ts';

export interface OutputMessage<Outputs extends string = string, Value = Message> {
  readonly output: Outputs;
  readonly message: Value;
  /** Counts the outputs of the execution, from 0. */
  readonly index: number;
}

/**
 * An execution that was accepted.
 *
 * @example
 * const execution = await flow.start({ records: message });
 * for await (const { output, message } of execution.outputs) console.log(output, message);
 * const { status } = await execution.result;
 */
export interface Execution<Outputs extends string = string, Value = Message> {
  readonly id: string;
  /**
   * Its outputs, one by one, as they come; ends when the execution has ended, in whatever way.
   *
   * Who reads slowly slows the flow down; who leaves the loop gives up the rest. If a cell dies, the execution runs again:
   * what was read before may then come a second time.
   */
  readonly outputs: AsyncIterable<OutputMessage<Outputs, Value>>;
  /** The end. Never rejects; `outputs` in it holds what was not read from the iterable above, if that was never begun. */
  readonly result: Promise<RunResult<Outputs, Value>>;
  /** Stops whatever runs of it, within 100 ms. Resolves when that is done. */
  cancel(reason?: string): Promise<void>;
}

/** Reads outputs as they arrive. Several loops over it share them. */
export class OutputReader implements AsyncIterable<OutputMessage<string, Opened>> {
  readonly #buffer: OutputBuffer;
  readonly #shape: FlowShape;
  readonly #raw: boolean;

  constructor(buffer: OutputBuffer, shape: FlowShape, raw: boolean) {
    this.#buffer = buffer;
    this.#shape = shape;
    this.#raw = raw;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputMessage<string, Opened>, undefined> {
    this.#buffer.stream();
    try {
      for (;;) {
        const next = this.#buffer.shift();
        if (next !== undefined)
          yield {
            output: this.#shape.outputs[next.output]?.name ?? '',
            message: open(next.payload, this.#raw, outputBudget(this.#shape, next.output)),
            index: next.index,
          };
        else if (this.#buffer.ended) return;
        else await this.#buffer.changed();
      }
    } finally {
      this.#buffer.abandon();
    }
  }
}
