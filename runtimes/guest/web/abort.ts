import { apply, arraySplice, uncurry } from './captured.ts';
import { DOMException } from './dom-exception.ts';
import { countListeners, type Event, type EventCallback, EventTarget, fire, setSignalHooks } from './events.ts';

/** A signal that `AbortSignal.any` made, as its sources know it. */
interface Dependent {
  readonly weak: WeakRef<AbortSignal>;
  /** Set while somebody listens to the signal: a listener need not hold it. */
  held: AbortSignal | undefined;
}

// Captured, because guests have no WeakRef. With strong references a signal that lives long would keep every signal ever made from it.
const WeakReference = WeakRef;
const deref = uncurry(WeakRef.prototype.deref) as (self: unknown) => AbortSignal | undefined;

/** Only this file constructs signals. */
const permit = Symbol('AbortSignal');
const fewDependents = 32;

const abortError = (): DOMException => new DOMException('This operation was aborted', 'AbortError');

let requireSignal: (value: unknown) => AbortSignal;
/** Has `algorithm` run when the signal aborts, until what it returns is called; undefined if it has aborted. */
export let watchSignal: (signal: AbortSignal, algorithm: () => void) => (() => void) | undefined;
let abort: (signal: AbortSignal, reason: unknown) => void;

/** Says that something is to be given up. Made by an `AbortController` or by the static methods. */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown;
  /** They run before the event, unseen by listeners. */
  readonly #algorithms: (() => void)[] = [];
  /** Of a signal made by `any`: the signals that it follows, none of them made by `any`. */
  readonly #sources: AbortSignal[] = [];
  #dependents: Dependent[] = [];
  /** With so many dependents the dead ones are swept out. */
  #sweepAt = fewDependents;
  #self: Dependent | undefined;
  #onabort: EventCallback | null = null;
  readonly #callOnabort = (event: Event): void => {
    if (typeof this.#onabort === 'function') apply(this.#onabort, this, [event]);
  };

  static {
    requireSignal = (value) => {
      if (typeof value === 'object' && value !== null && #aborted in value) return value;
      throw new TypeError('Expected an instance of AbortSignal');
    };
    abort = (signal, reason) => signal.#abort(reason);
    watchSignal = (signal, algorithm) => signal.#watch(algorithm);
    setSignalHooks({
      watch: (signal, algorithm) => requireSignal(signal).#watch(algorithm),
      listenersChanged: (target) => {
        if (#aborted in target) target.#holdWhileListenedTo();
      },
    });
  }

  constructor(key?: unknown) {
    if (key !== permit) throw new TypeError('Illegal constructor');
    super();
  }

  /** A signal that has aborted already. */
  static abort(reason: unknown = abortError()): AbortSignal {
    const signal = new AbortSignal(permit);
    signal.#aborted = true;
    signal.#reason = reason;
    return signal;
  }

  /** A signal that aborts with a `TimeoutError` after so many milliseconds, by the `setTimeout` that is global when it is called. */
  static timeout(milliseconds: number): AbortSignal {
    const delay = +milliseconds;
    if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) throw new RangeError('The "delay" argument must be a number from 0 to 2 ** 53 - 1');
    const signal = new AbortSignal(permit);
    const { setTimeout } = globalThis as unknown as { setTimeout(callback: () => void, delay: number): unknown };
    setTimeout(() => signal.#abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')), delay);
    return signal;
  }

  /** A signal that aborts with the first of `signals`, and with its reason. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const given = [...signals];
    for (const source of given) requireSignal(source);
    for (const source of given) if (source.#aborted) return AbortSignal.abort(source.#reason);
    const signal = new AbortSignal(permit);
    signal.#self = { weak: new WeakReference(signal), held: undefined };
    for (const source of given) {
      for (const root of source.#self === undefined ? [source] : source.#sources) signal.#follow(root, signal.#self);
    }
    return signal;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Undefined until the signal aborts. */
  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  get onabort(): EventCallback | null {
    return this.#onabort;
  }

  set onabort(handler: unknown) {
    const wanted = typeof handler === 'function' || typeof handler === 'object' ? (handler as EventCallback | null) : null;
    if (wanted === null) this.removeEventListener('abort', this.#callOnabort);
    else if (this.#onabort === null) this.addEventListener('abort', this.#callOnabort);
    this.#onabort = wanted;
  }

  override get [Symbol.toStringTag](): string {
    return 'AbortSignal';
  }

  #abort(reason: unknown): void {
    if (this.#aborted) return;
    const aborting: AbortSignal[] = [];
    const mark = (signal: AbortSignal | undefined): void => {
      if (signal === undefined || signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      aborting[aborting.length] = signal;
    };
    mark(this);
    for (let index = 0; index < this.#dependents.length; index++) mark(deref(this.#dependents[index]?.weak));
    this.#dependents = [];
    // All have aborted before anybody hears of one.
    for (let index = 0; index < aborting.length; index++) (aborting[index] as AbortSignal).#announce();
  }

  #announce(): void {
    const algorithms: readonly (() => void)[] = arraySplice(this.#algorithms, 0, this.#algorithms.length) as (() => void)[];
    for (let index = 0; index < algorithms.length; index++) algorithms[index]?.();
    fire(this, 'abort');
    this.#holdWhileListenedTo();
  }

  #watch(algorithm: () => void): (() => void) | undefined {
    if (this.#aborted) return undefined;
    this.#algorithms[this.#algorithms.length] = algorithm;
    this.#holdWhileListenedTo();
    return () => {
      const index = this.#algorithms.indexOf(algorithm);
      if (index >= 0) arraySplice(this.#algorithms, index, 1);
      this.#holdWhileListenedTo();
    };
  }

  #follow(root: AbortSignal, self: Dependent): void {
    this.#sources[this.#sources.length] = root;
    root.#dependents[root.#dependents.length] = self;
    if (root.#dependents.length < root.#sweepAt) return;
    root.#dependents = root.#dependents.filter(({ weak }) => deref(weak)?.aborted === false);
    root.#sweepAt = Math.max(fewDependents, 2 * root.#dependents.length);
  }

  #holdWhileListenedTo(): void {
    if (this.#self === undefined) return;
    const listened = !this.#aborted && (this.#algorithms.length > 0 || countListeners(this) > 0);
    this.#self.held = listened ? this : undefined;
  }
}

/** Owns one signal and aborts it. */
export class AbortController {
  readonly #signal = new AbortSignal(permit);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = abortError()): void {
    abort(this.#signal, reason);
  }

  get [Symbol.toStringTag](): string {
    return 'AbortController';
  }
}
