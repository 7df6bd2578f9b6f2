/**
 * What a language is to the cell: which files it needs, and how a source enters an isolate. The other half,
 * inside the isolate, is `Language` in guest/kernel.ts.
 */
import type { Context, Isolate } from 'isolated-vm';
import type { Limits } from './limits.ts';
import type { ActorPlan, RuntimeName } from './protocol.ts';

/**
 * Opens a file of the cell's own folder, which is only possible before permissions are dropped. What it returns reads
 * the file, once: a cell without Python never holds Python's thirty megabytes.
 */
export type OpenFile = (name: string) => () => Buffer;

export interface Runtime {
  readonly name: RuntimeName;
  /** Its guests may wait for the host in the middle of a function: they get a shared buffer. */
  readonly synchronous: boolean;
  /** Opens what isolates of this language will need. Called once, before permissions are dropped. */
  prepare(open: OpenFile): void;
  /** The heap limit of the isolate in MiB: what V8 counts. Memory of WebAssembly is bounded inside. */
  heap(limits: Pick<Limits, 'memory' | 'message'>): number;
  /**
   * What its isolates can be made ready with before it is known for whom: the arguments of `__warm` in guest/main.ts.
   * Absent: nothing.
   * @param memory of the actor, see Limits
   */
  warm?(isolate: Isolate, context: Context, memory: number): Promise<readonly unknown[]>;
  /**
   * The arguments of the `load` door: strings, and copies that the host's own files are transferred by.
   * @param payloads what came with `create`, see ActorPlan.source
   */
  load(isolate: Isolate, context: Context, plan: ActorPlan, payloads: readonly Buffer[]): Promise<readonly unknown[]>;
  /** Rewrites a stack of this language to the author's own lines, and finds the place of the error. */
  locate(plan: ActorPlan, payloads: readonly Buffer[]): StackReader;
}

export interface AuthorPlace {
  readonly stack: string | undefined;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export type StackReader = (stack: string | undefined) => AuthorPlace;
