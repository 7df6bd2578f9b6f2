/**
 * One isolate and the doors into it. The only file that calls isolated-vm once guest code exists.
 *
 * A call of a door that went well is rejected with the decoy, a primitive: see CELL rules in docs/architecture.md.
 * After a time-out the isolate may be entered once more, by `postmortem`, and is then disposed.
 */
import type { Isolate } from 'isolated-vm';
import { decoy, type DoorName, type Send, type Settings } from '../guest/wire.ts';
import type { Runtime } from '../runtime.ts';
import type { ActorPlan } from '../protocol.ts';
import type { IsolatedVm } from './addon.ts';
import type { OpenDoors } from './doors.ts';
import type { Shell } from './shells.ts';

export type Broken =
  | { readonly by: 'time' }
  | { readonly by: 'memory' }
  /** What is none of these: the isolate is not to be trusted any more. */
  | { readonly by: 'unknown'; readonly message: string };

export interface GuestOptions {
  readonly ivm: IsolatedVm;
  /** Nobody else's. */
  readonly shell: Shell;
  readonly runtime: Runtime;
  readonly plan: ActorPlan;
  readonly settings: Settings;
  readonly payloads: readonly Buffer[];
  readonly shared: SharedArrayBuffer | undefined;
  readonly receive: Send;
  /** The thread of a disposed isolate has not come back. */
  readonly wedged: () => void;
}

/** How long a disposed isolate may keep its thread before its cell is given up. Milliseconds. */
const disposeGrace = 1_000;

export class Guest {
  readonly #ivm: IsolatedVm;
  readonly #isolate: Isolate;
  readonly #doors: OpenDoors;
  readonly #wedged: () => void;
  #running = 0;
  #disposed = false;
  readonly #left = Promise.withResolvers<void>();
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(ivm: IsolatedVm, isolate: Isolate, doors: OpenDoors, wedged: () => void) {
    this.#ivm = ivm;
    this.#isolate = isolate;
    this.#doors = doors;
    this.#wedged = wedged;
  }

  /** Takes the isolate; `load` has not been called yet. @returns its arguments */
  static async create(options: GuestOptions): Promise<{ guest: Guest; files: readonly unknown[] }> {
    const { ivm, shell, runtime, plan, settings, payloads, shared } = options;
    const { isolate, context, doors } = shell;
    try {
      shell.receive = options.receive;
      const buffer = shared === undefined ? undefined : new ivm.ExternalCopy(shared).copyInto();
      const files = await runtime.load(isolate, context, plan, payloads);
      return { guest: new Guest(ivm, isolate, doors, options.wedged), files: [JSON.stringify(settings), buffer, ...files] };
    } catch (error) {
      if (!isolate.isDisposed) isolate.dispose();
      throw error;
    }
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** A door is open now. */
  get running(): boolean {
    return this.#running > 0;
  }

  /**
   * Enters by a door, one call after another. Never rejects.
   * @param limit computed when the call begins; milliseconds
   * @returns why the isolate must be given up, or `undefined` when all is well
   */
  enter(door: DoorName, args: readonly unknown[], limit: () => number, entered: () => void, left: () => void): Promise<Broken | undefined> {
    const call = this.#queue.then(() => this.#call(door, args, limit, entered, left));
    this.#queue = call;
    return call;
  }

  /** The last call after a time-out: lets the guest's bootstrap send what it holds. */
  async postmortem(): Promise<void> {
    await this.#apply('postmortem', [], 20);
  }

  /**
   * Gives the isolate up.
   * @returns resolves when no thread is in it any more; never, if one does not come back
   */
  dispose(): Promise<void> {
    if (this.#disposed) return this.#left.promise;
    this.#disposed = true;
    if (!this.#isolate.isDisposed) this.#isolate.dispose();
    if (this.#running === 0) this.#left.resolve();
    else {
      const timer = setTimeout(() => {
        if (this.#running > 0) this.#wedged();
      }, disposeGrace);
      timer.unref();
    }
    return this.#left.promise;
  }

  async #call(door: DoorName, args: readonly unknown[], limit: () => number, entered: () => void, left: () => void): Promise<Broken | undefined> {
    if (this.#disposed) return undefined;
    entered();
    try {
      return await this.#apply(door, args, limit());
    } finally {
      left();
    }
  }

  /** What a door is given: a buffer goes over as it is, and is the guest's from then on. */
  #carried(arg: unknown): unknown {
    return arg instanceof ArrayBuffer ? new this.#ivm.ExternalCopy(arg, { transferOut: true }).copyInto({ transferIn: true, release: true }) : arg;
  }

  async #apply(door: DoorName, args: readonly unknown[], limit: number): Promise<Broken | undefined> {
    this.#running++;
    try {
      await this.#doors[door].apply(undefined, args.map((arg) => this.#carried(arg)) as never, { timeout: timeoutOf(limit) });
      return undefined;
    } catch (error) {
      return error === decoy || this.#disposed ? undefined : diagnose(error);
    } finally {
      if (--this.#running === 0 && this.#disposed) this.#left.resolve();
    }
  }
}

/** A limit may last longer by this part of it. */
const grain = 32;

/**
 * isolated-vm wakes a thread when the limit of a call is over, though the call ended long before. So limits end together with those of
 * other calls, and it wakes once for many of them. Milliseconds.
 */
function timeoutOf(limit: number): number {
  const step = 2 ** Math.floor(Math.log2(limit / grain));
  if (step <= 1) return Math.max(1, Math.ceil(limit));
  const now = performance.now();
  return Math.ceil(Math.ceil((now + limit) / step) * step - now);
}

export function diagnose(error: unknown): Broken {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('timed out')) return { by: 'time' };
  if (message.includes('memory limit')) return { by: 'memory' };
  return { by: 'unknown', message: message.slice(0, 1024) };
}
