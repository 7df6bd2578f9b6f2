/**
 * Isolates made ahead: each has a context from the snapshot, in which nothing has run yet. One is taken once, by one actor, and never
 * comes back: what an actor leaves is disposed with it.
 */
import type { Context, Isolate } from 'isolated-vm';
import type { IsolatedVm } from './addon.ts';

export interface Shell {
  readonly isolate: Isolate;
  readonly context: Context;
  /** The heap limit, in MiB. */
  readonly heap: number;
  /** V8 gave up: a thread is lost, perhaps the process. */
  catastrophic: (message: string) => void;
}

/** Until the next one is made, so that it competes with no actor that starts. Milliseconds. */
const pause = 10;
/** When none was taken for so long, those that are kept are given up. Milliseconds. */
const forgottenAfter = 60_000;

export class Shells {
  /** How many may be kept. */
  most = 0;
  readonly #ivm: IsolatedVm;
  readonly #snapshot: InstanceType<IsolatedVm['ExternalCopy']>;
  readonly #catastrophic: (message: string) => void;
  /** All have the heap limit that was asked for last. */
  #kept: Shell[] = [];
  #making = false;
  #forgetting: NodeJS.Timeout | undefined;

  /** @param catastrophic told of one that no actor has taken */
  constructor(ivm: IsolatedVm, snapshot: InstanceType<IsolatedVm['ExternalCopy']>, catastrophic: (message: string) => void) {
    this.#ivm = ivm;
    this.#snapshot = snapshot;
    this.#catastrophic = catastrophic;
  }

  /** @param heap its limit in MiB */
  async take(heap: number): Promise<Shell> {
    const kept = this.#kept.findIndex((shell) => shell.heap === heap);
    const shell = kept < 0 ? await this.#make(heap) : (this.#kept.splice(kept, 1)[0] as Shell);
    this.#refill(heap);
    return shell;
  }

  #refill(heap: number): void {
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => this.#keep([]), forgottenAfter).unref();
    if (this.#making || this.most === 0) return;
    this.#making = true;
    setTimeout(async () => {
      try {
        this.#keep(this.#kept.filter((shell) => shell.heap === heap));
        while (this.#kept.length < this.most) this.#kept.push(await this.#make(heap));
      } catch {
        // Who wakes next makes one itself, and says what is wrong.
      } finally {
        this.#making = false;
      }
    }, pause);
  }

  #keep(shells: Shell[]): void {
    for (const { isolate } of this.#kept) if (!shells.some((shell) => shell.isolate === isolate)) isolate.dispose();
    this.#kept = shells;
  }

  async #make(heap: number): Promise<Shell> {
    const isolate = new this.#ivm.Isolate({
      memoryLimit: heap,
      snapshot: this.#snapshot as never,
      onCatastrophicError: (message: string) => shell.catastrophic(message),
    });
    const shell: { -readonly [K in keyof Shell]: Shell[K] } = { isolate, context: undefined as never, heap, catastrophic: this.#catastrophic };
    try {
      shell.context = await isolate.createContext();
      return shell;
    } catch (error) {
      if (!isolate.isDisposed) isolate.dispose();
      throw error;
    }
  }
}
