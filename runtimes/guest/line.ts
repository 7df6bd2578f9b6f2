import type { CallPlace } from './failure.ts';

/** What fetch and sockets need of the kernel. */
export interface Line {
  /** Bytes of a body in one message. */
  readonly piece: number;
  /** One call of the network; the error of a reply is told as the web tells it, with the place of its call. */
  call(operation: string, input: unknown, place?: CallPlace): Promise<unknown>;
  /** A call whose answer nobody waits for. */
  tell(operation: string, input: unknown): void;
  /** A line of the log for an error that no program can catch. */
  warn(error: unknown): void;
  /** Has `close` run when no turn is left, unless it belongs to the background; until what it returns is called. */
  untilIdle(close: () => void): () => void;
  /** As {@link call}, for what lives as long as the instance if it was begun in the background. */
  persistent(): Line;
}
