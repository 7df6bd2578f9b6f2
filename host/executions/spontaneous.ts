/** Outputs of executions that nobody asked for, on their way to whoever listens. */
import type { Payload } from '../../sdk/message.ts';
import type { Events, Listener } from '../events.ts';
import type { OutputLimits } from './outputs.ts';

/** An output of an execution that nobody asked for: an actor emitted it in `start`, or outside any turn. */
export interface SpontaneousOutput<Outputs extends string = string> {
  readonly output: Outputs;
  readonly payload: Payload;
  /** The id of the execution that it came through; undefined if it went straight to the output. */
  readonly execution: string | undefined;
}

/**
 * A flow sends before it is in anybody's hands: actors start one after another. What it sends until then is held, up to the
 * limits of one execution, for who listens as soon as it is deployed.
 */
export class SpontaneousOutputs {
  readonly #events: Events<{ output: SpontaneousOutput }>;
  readonly #limits: OutputLimits;
  #held: SpontaneousOutput[] | undefined = [];
  #bytes = 0;

  constructor(events: Events<{ output: SpontaneousOutput }>, limits: OutputLimits) {
    this.#events = events;
    this.#limits = limits;
  }

  emit(output: SpontaneousOutput): void {
    if (this.#held === undefined) {
      this.#events.emit('output', output);
      return;
    }
    const { payload } = output;
    this.#bytes += payload.lane === 'text' ? payload.text.length : payload.bytes.length;
    if (this.#held.length < this.#limits.messages && this.#bytes <= this.#limits.bytes) this.#held.push(output);
  }

  /** @returns a function that removes the listener */
  on(event: 'output', listener: Listener<SpontaneousOutput>): () => void {
    const off = this.#events.on(event, listener);
    this.release();
    return off;
  }

  /** Who listens now hears what was held; if nobody does, nobody wants it. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const output of held) this.#events.emit('output', output);
  }
}
