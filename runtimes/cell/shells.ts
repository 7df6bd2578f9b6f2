/**
 * Isolates made ahead: each has a context from the snapshot and its doors, and nothing has run in it yet but what every actor of a language
 * needs. One is taken once, by one actor, and never comes back: what an actor leaves is disposed with it.
 */
import type { Context, Isolate } from 'isolated-vm';
import type { Send } from '../guest/wire.ts';
import type { IsolatedVm } from './addon.ts';
import { type OpenDoors, openDoors } from './doors.ts';

export interface Shell {
  readonly isolate: Isolate;
  readonly context: Context;
  readonly doors: OpenDoors;
  /** Hears what leaves it. */
  receive: Send;
  /** V8 gave up: a thread is lost, perhaps the process. */
  catastrophic: (message: string) => void;
}

/** Makes an isolate. @param heap its limit in MiB */
export type MakeShell = (heap: number) => Promise<Shell>;

/** @param catastrophic told of one that no actor has taken */
export function shellMaker(ivm: IsolatedVm, snapshot: InstanceType<IsolatedVm['ExternalCopy']>, catastrophic: (message: string) => void): MakeShell {
  return async (heap) => {
    const isolate = new ivm.Isolate({
      memoryLimit: heap,
      snapshot: snapshot as never,
      onCatastrophicError: (message: string) => shell.catastrophic(message),
    });
    const shell: { -readonly [K in keyof Shell]: Shell[K] } = {
      isolate,
      context: undefined as never,
      doors: undefined as never,
      receive: () => undefined,
      catastrophic,
    };
    try {
      shell.context = await isolate.createContext();
      shell.doors = await openDoors(ivm, shell.context, (...sent) => shell.receive(...sent));
      return shell;
    } catch (error) {
      if (!isolate.isDisposed) isolate.dispose();
      throw error;
    }
  };
}

/** After one was taken, until the next one is made: that holds up the thread on which the actor that took it gets its first message. Milliseconds. */
const pause = 50;

/** Those of one language. */
export class Shells {
  readonly #make: MakeShell;
  #most = 0;
  /** Of those that are kept: what was asked for last. MiB. */
  #heap: number;
  /** Those that are just being made included. */
  #kept: Promise<Shell>[] = [];
  #pause: NodeJS.Timeout | undefined;
  #fills = false;

  /** @param heap of those that are kept before one was taken, in MiB */
  constructor(make: MakeShell, heap: number) {
    this.#make = make;
    this.#heap = heap;
  }

  /** The limit of those that are kept, in MiB. */
  get heap(): number {
    return this.#heap;
  }

  /** How many are kept. */
  set most(most: number) {
    this.#most = most;
    this.#giveUp(most);
    void this.#fill();
  }

  /** @param heap its limit in MiB */
  async take(heap: number): Promise<Shell> {
    if (heap !== this.#heap) this.#giveUp(0);
    this.#heap = heap;
    const kept = this.#kept.shift();
    this.#pause ??= setTimeout(() => this.#fill(), pause);
    // Why one could not be made ahead, that which is made now tells if it lasts.
    return (await kept?.catch(() => undefined)) ?? (await this.#make(heap));
  }

  /** One after another: each holds up what else the cell does. */
  async #fill(): Promise<void> {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    if (this.#fills) return;
    this.#fills = true;
    while (this.#kept.length < this.#most) {
      const made = this.#make(this.#heap);
      this.#kept.push(made);
      if ((await made.catch(() => undefined)) !== undefined) continue;
      this.#kept = this.#kept.filter((kept) => kept !== made);
      break;
    }
    this.#fills = false;
  }

  /** All but so many. */
  #giveUp(left: number): void {
    for (const kept of this.#kept.splice(left)) {
      kept.then(
        ({ isolate }) => {
          if (!isolate.isDisposed) isolate.dispose();
        },
        () => undefined,
      );
    }
  }
}
