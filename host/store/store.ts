/**
 * What outlives actors, cells and deployments: in memory, or in a file of SQLite that outlives the host too.
 *
 * A thread of its own reads and writes: however slow a disk is, the host goes on answering.
 */
import { open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { VivariumError } from '../../sdk/errors.ts';
import type { StateOperation, StateResults } from './state.ts';
import type { Outcome } from './stateTable.ts';
import type { StoreReply, StoreRequest } from './storeThread.ts';

export interface StoreOptions {
  /** A file, made if it is not there, readable for its owner alone. Without it everything is kept in memory. */
  readonly path?: string | undefined;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: VivariumError): void;
}

export class Store {
  readonly #path: string | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #thread: Promise<Worker> | undefined;
  /** Why nothing can be read or written any more. */
  #ended: VivariumError | undefined;
  #closed: Promise<void> | undefined;

  /** Nothing is opened before the first use, or {@link open}. */
  constructor({ path }: StoreOptions = {}) {
    this.#path = path;
  }

  /** Opens it now, for whoever wants to know whether that can be. @throws VivariumError host.option */
  async open(): Promise<void> {
    await this.#start();
  }

  /** @throws VivariumError store.failed, host.option */
  async perform<Operation extends StateOperation>(operation: Operation): Promise<StateResults[Operation['is']]> {
    const thread = await this.#start();
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      thread.ref();
      thread.postMessage({ id, operation } satisfies StoreRequest);
    });
  }

  /** What is under way ends first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #start(): Promise<Worker> {
    if (this.#closed !== undefined) throw new VivariumError('host.closed', 'the store has been closed');
    this.#thread ??= this.#open();
    return this.#thread;
  }

  async #open(): Promise<Worker> {
    const { promise, resolve, reject } = Promise.withResolvers<Worker>();
    if (this.#path !== undefined) await makeFile(this.#path);
    const program = new URL(`./storeThread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
    const thread = new Worker(program, { workerData: { path: this.#path }, execArgv: [], env: {} });
    thread.on('message', (reply: StoreReply) => {
      if ('outcomes' in reply) this.#settle(thread, reply.outcomes);
      else if (reply.opened !== null) reject(cannotOpen(this.#path, reply.opened));
      else {
        thread.unref();
        resolve(thread);
      }
    });
    const lost = (error: unknown): void => {
      this.#ended = new VivariumError('store.failed', 'the store was lost', { cause: error });
      reject(this.#ended);
      for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
      this.#waiting.clear();
    };
    thread.on('error', lost);
    thread.on('exit', () => lost(undefined));
    return promise;
  }

  #settle(thread: Worker, outcomes: readonly (readonly [number, Outcome])[]): void {
    for (const [id, outcome] of outcomes) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if ('result' in outcome) waiting?.resolve(outcome.result);
      else waiting?.reject(new VivariumError('store.failed', 'the store cannot do this now', { cause: new Error(outcome.failed) }));
    }
    // While it closes, the process waits for it.
    if (this.#waiting.size === 0 && this.#closed === undefined) thread.unref();
  }

  async #close(): Promise<void> {
    const thread = await this.#thread?.catch(() => undefined);
    if (thread === undefined || this.#ended !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    thread.ref();
    thread.once('exit', () => resolve());
    thread.postMessage(null);
    await promise;
  }
}

/** SQLite would make it readable for all. */
async function makeFile(path: string): Promise<void> {
  try {
    await (await open(path, 'a', 0o600)).close();
  } catch (error) {
    throw cannotOpen(path, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}

const cannotOpen = (path: string | undefined, reason: string): VivariumError =>
  new VivariumError('host.option', `the store ${path ?? 'in memory'} cannot be opened: ${reason}`, {
    hint: 'name a file in a folder that is there and that this user may write to',
  });
