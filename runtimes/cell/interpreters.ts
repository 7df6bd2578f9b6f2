/**
 * Isolates in which Python has started before it is known for whom: they hold no actor, no code, nothing that was granted. One is
 * taken once, by one actor, and never comes back: what an actor leaves is disposed with it.
 */
import { defaultLimits } from '../limits.ts';
import type { Runtime } from '../runtime.ts';
import type { MakeShell, Shell } from './shells.ts';
import { warmUp } from './warmUp.ts';

export interface InterpretersOptions {
  readonly make: MakeShell;
  readonly runtime: Runtime;
  /** Whether actors of the cell have something to do. */
  readonly isBusy: () => boolean;
  /** @param ready how many are kept now @param taken how many were taken so far */
  readonly tell: (ready: number, taken: number) => void;
}

interface Kept {
  /** Of the actor, see Limits. */
  readonly memory: number;
  readonly shell: Promise<Shell>;
  isReady: boolean;
  isGivenUp(): boolean;
  giveUp(): void;
}

/** Until the next one is made: who took one has the processor first. Milliseconds. */
const pause = 20;
/** So often it is looked whether the cell still has something to do; after so many times one is made all the same. */
const looks = 50;

export class Interpreters {
  readonly #options: InterpretersOptions;
  /** For actors with so much memory one is kept; 0: none is. */
  #memory = 0;
  #kept: Kept | undefined;
  #taken = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: InterpretersOptions) {
    this.#options = options;
  }

  /** One is to be kept for an actor with so much memory, in bytes; 0: none any more. */
  keep(memory: number): void {
    if (memory === this.#memory) return;
    this.#memory = memory;
    if (this.#kept?.memory !== memory) this.#giveUp();
    this.#refill();
  }

  /**
   * @param memory of the actor, in bytes @param limit for one that must be made, in milliseconds @param again whether another is to be kept
   * @throws Error why Python does not start
   */
  async take(memory: number, limit: number, again: boolean, catastrophic: (message: string) => void): Promise<Shell> {
    const kept = this.#kept;
    const isForIt = kept?.memory === memory;
    if (isForIt) this.#kept = undefined;
    // Whether or not there is one by now: the room for it is the actor's.
    if (memory === this.#memory && !again) this.#memory = 0;
    this.#refill();
    if (isForIt) {
      this.#taken++;
      this.#tell();
      const overdue = setTimeout(kept.giveUp, limit);
      try {
        const shell = await kept.shell;
        shell.catastrophic = catastrophic;
        return shell;
      } catch (error) {
        // Why it did not start, the next one says if it lasts.
        if (kept.isGivenUp()) throw new Error(`Python timed out as it started: ${error instanceof Error ? error.message : 'it was given up'}`);
      } finally {
        clearTimeout(overdue);
      }
    }
    return this.#make(memory, limit, (shell) => {
      shell.catastrophic = catastrophic;
    });
  }

  #refill(look = 0): void {
    clearTimeout(this.#pause);
    if (this.#memory === 0 || this.#kept !== undefined) return;
    this.#pause = setTimeout(() => {
      if (look < looks && this.#options.isBusy()) this.#refill(look + 1);
      else this.#begin(this.#memory);
    }, pause).unref();
  }

  #begin(memory: number): void {
    let made: Shell | undefined;
    let givenUp = false;
    const giveUp = (): void => {
      givenUp = true;
      if (made?.isolate.isDisposed === false) made.isolate.dispose();
    };
    const shell = this.#make(memory, defaultLimits.python.start, (begun) => {
      made = begun;
      if (givenUp) giveUp();
    });
    const kept: Kept = { memory, shell, isReady: false, isGivenUp: () => givenUp, giveUp };
    this.#kept = kept;
    shell.then(
      () => {
        kept.isReady = true;
        if (this.#kept === kept) this.#tell();
      },
      () => {
        if (this.#kept === kept) this.#kept = undefined;
      },
    );
  }

  #giveUp(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    this.#kept = undefined;
    kept.giveUp();
    this.#tell();
  }

  #tell(): void {
    this.#options.tell(this.#kept?.isReady === true ? 1 : 0, this.#taken);
  }

  /** @param begun told of the isolate before anything runs in it */
  async #make(memory: number, limit: number, begun: (shell: Shell) => void): Promise<Shell> {
    const { make, runtime } = this.#options;
    const shell = await make(runtime.heap({ ...defaultLimits.python, memory }));
    begun(shell);
    await warmUp(runtime, shell, memory, limit);
    return shell;
  }
}
