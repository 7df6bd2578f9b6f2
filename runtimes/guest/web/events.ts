// biome-ignore-all lint/complexity/noArguments: the standards tell a missing argument from an undefined one
import { apply, arraySlice, arraySplice } from './captured.ts';
import { DOMException } from './dom-exception.ts';

/**
 * Events as in the DOM standard, without a tree: a target is its own path, so nothing bubbles.
 * What a listener throws goes to `console.error`, and the other listeners are called all the same.
 */

interface EventState {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number;
  trusted: boolean;
  target: EventTarget | null;
  dispatching: boolean;
  propagationStopped: boolean;
  immediatePropagationStopped: boolean;
  canceled: boolean;
  inPassiveListener: boolean;
}

interface EventInit {
  readonly bubbles?: unknown;
  readonly cancelable?: unknown;
  readonly composed?: unknown;
}

export type EventCallback = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface ListenerOptions {
  readonly capture?: unknown;
  readonly once?: unknown;
  readonly passive?: unknown;
  readonly signal?: unknown;
}

interface Listener {
  readonly type: string;
  readonly callback: EventCallback;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
  unwatch?: (() => void) | undefined;
}

const now = Date.now;

let stateOf: (event: Event) => EventState;

export class Event {
  readonly #state: EventState;

  static {
    stateOf = (event) => event.#state;
  }

  constructor(type: unknown, init?: EventInit | null) {
    if (arguments.length === 0) throw new TypeError('The "type" argument must be specified');
    if (init !== undefined && init !== null && typeof init !== 'object' && typeof init !== 'function')
      throw new TypeError('The "options" argument must be of type object');
    this.#state = {
      type: `${type}`,
      bubbles: !!init?.bubbles,
      cancelable: !!init?.cancelable,
      composed: !!init?.composed,
      timeStamp: now(),
      trusted: false,
      target: null,
      dispatching: false,
      propagationStopped: false,
      immediatePropagationStopped: false,
      canceled: false,
      inPassiveListener: false,
    };
  }

  get type(): string {
    return this.#state.type;
  }

  get target(): EventTarget | null {
    return this.#state.target;
  }

  get srcElement(): EventTarget | null {
    return this.#state.target;
  }

  get currentTarget(): EventTarget | null {
    return this.#state.dispatching ? this.#state.target : null;
  }

  get eventPhase(): number {
    return this.#state.dispatching ? phases.AT_TARGET : phases.NONE;
  }

  get bubbles(): boolean {
    return this.#state.bubbles;
  }

  get cancelable(): boolean {
    return this.#state.cancelable;
  }

  get composed(): boolean {
    return this.#state.composed;
  }

  get isTrusted(): boolean {
    return this.#state.trusted;
  }

  /** Milliseconds since 1970, as whole as `Date.now` gives them. */
  get timeStamp(): number {
    return this.#state.timeStamp;
  }

  get defaultPrevented(): boolean {
    return this.#state.canceled;
  }

  get returnValue(): boolean {
    return !this.#state.canceled;
  }

  set returnValue(value: unknown) {
    if (!value) this.preventDefault();
  }

  get cancelBubble(): boolean {
    return this.#state.propagationStopped;
  }

  set cancelBubble(value: unknown) {
    if (value) this.#state.propagationStopped = true;
  }

  composedPath(): EventTarget[] {
    const { dispatching, target } = this.#state;
    return dispatching && target !== null ? [target] : [];
  }

  preventDefault(): void {
    const state = this.#state;
    if (state.cancelable && !state.inPassiveListener) state.canceled = true;
  }

  stopPropagation(): void {
    this.#state.propagationStopped = true;
  }

  stopImmediatePropagation(): void {
    this.#state.propagationStopped = true;
    this.#state.immediatePropagationStopped = true;
  }

  get [Symbol.toStringTag](): string {
    return 'Event';
  }
}

const phases = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 } as const;
for (const [name, value] of Object.entries(phases)) {
  Object.defineProperty(Event, name, { value, enumerable: true });
  Object.defineProperty(Event.prototype, name, { value, enumerable: true });
}

export class CustomEvent extends Event {
  readonly #detail: unknown;

  constructor(type: unknown, init?: (EventInit & { readonly detail?: unknown }) | null) {
    if (arguments.length === 0) throw new TypeError('The "type" argument must be specified');
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }

  override get [Symbol.toStringTag](): string {
    return 'CustomEvent';
  }
}

/** What event targets need to know of signals. Signals are event targets themselves, so they give it to this file and are not imported by it. */
export interface SignalHooks {
  /**
   * Has `algorithm` run when `signal` aborts, until the function that it returns is called.
   * Undefined if the signal has aborted. Throws a TypeError on what is no signal.
   */
  watch(signal: unknown, algorithm: () => void): (() => void) | undefined;
  listenersChanged(target: EventTarget): void;
}

let signals: SignalHooks;
export const setSignalHooks = (hooks: SignalHooks): void => {
  signals = hooks;
};

/** Dispatches an event of ours, which `isTrusted` says. */
export let fire: (target: EventTarget, type: string | Event) => void;

/** How many listeners a target has, of all types together. */
export let countListeners: (target: EventTarget) => number;

export class EventTarget {
  readonly #listeners: Listener[] = [];

  static {
    fire = (target, type) => {
      const event = typeof type === 'string' ? new Event(type) : type;
      stateOf(event).trusted = true;
      target.#dispatch(event);
    };
    countListeners = (target) => target.#listeners.length;
  }

  addEventListener(type: unknown, callback: EventCallback | null | undefined, options?: ListenerOptions | boolean | null): void {
    if (arguments.length < 2) throw new TypeError('The "type" and "listener" arguments must be specified');
    const wanted = `${type}`;
    requireCallback(callback);
    const { capture, once, passive, signal } = typeof options === 'object' && options !== null ? options : { capture: options };
    const listener: Listener = { type: wanted, callback: callback as EventCallback, capture: !!capture, once: !!once, passive: !!passive, removed: false };
    if (callback === null || callback === undefined || this.#find(wanted, callback, !!capture) !== undefined) return;
    if (signal !== undefined) {
      listener.unwatch = signals.watch(signal, () => this.#remove(listener));
      if (listener.unwatch === undefined) return;
    }
    this.#listeners[this.#listeners.length] = listener;
    signals.listenersChanged(this);
  }

  removeEventListener(type: unknown, callback: EventCallback | null | undefined, options?: ListenerOptions | boolean | null): void {
    if (arguments.length < 2) throw new TypeError('The "type" and "listener" arguments must be specified');
    requireCallback(callback);
    const capture = typeof options === 'object' && options !== null ? options.capture : options;
    const listener = this.#find(`${type}`, callback, !!capture);
    if (listener !== undefined) this.#remove(listener);
  }

  /** Calls the listeners now. False if one of them prevented the default of a cancelable event. */
  dispatchEvent(event: Event): boolean {
    if (!(#listeners in this)) throw new TypeError('Illegal invocation');
    if (typeof event !== 'object' || event === null) throw new TypeError('The "event" argument must be an instance of Event');
    if (stateOf(event).dispatching) throw new DOMException('The event is already being dispatched', 'InvalidStateError');
    stateOf(event).trusted = false;
    return this.#dispatch(event);
  }

  get [Symbol.toStringTag](): string {
    return 'EventTarget';
  }

  #dispatch(event: Event): boolean {
    const state = stateOf(event);
    state.target = this;
    state.dispatching = true;
    // Capturing listeners come first, even at the target itself.
    for (const capture of [true, false]) {
      if (!state.propagationStopped) this.#callListeners(event, state, capture);
    }
    state.dispatching = state.propagationStopped = state.immediatePropagationStopped = false;
    return !state.canceled;
  }

  #callListeners(event: Event, state: EventState, capture: boolean): void {
    // Listeners that are added from now on do not hear this event; those that are removed do not either.
    const listeners: readonly Listener[] = arraySlice(this.#listeners);
    for (let index = 0; index < listeners.length && !state.immediatePropagationStopped; index++) {
      const listener = listeners[index] as Listener;
      if (listener.removed || listener.type !== state.type || listener.capture !== capture) continue;
      if (listener.once) this.#remove(listener);
      state.inPassiveListener = listener.passive;
      callListener(this, listener.callback, event);
      state.inPassiveListener = false;
    }
  }

  #find(type: string, callback: unknown, capture: boolean): Listener | undefined {
    for (let index = 0; index < this.#listeners.length; index++) {
      const listener = this.#listeners[index] as Listener;
      if (listener.type === type && listener.callback === callback && listener.capture === capture) return listener;
    }
    return undefined;
  }

  #remove(listener: Listener): void {
    listener.removed = true;
    listener.unwatch?.();
    for (let index = 0; index < this.#listeners.length; index++) {
      if (this.#listeners[index] === listener) {
        arraySplice(this.#listeners, index, 1);
        signals.listenersChanged(this);
        return;
      }
    }
  }
}

function requireCallback(callback: unknown): void {
  if (callback === undefined || callback === null || typeof callback === 'object' || typeof callback === 'function') return;
  throw new TypeError('The "listener" argument must be a function or an object with the method handleEvent');
}

function callListener(target: EventTarget, callback: EventCallback, event: Event): void {
  try {
    if (typeof callback === 'function') apply(callback, target, [event]);
    else callback.handleEvent(event);
  } catch (error) {
    report(error);
  }
}

/** The console is asked for at the time of the error: it is set up after these globals. */
function report(error: unknown): void {
  try {
    (globalThis as unknown as { console: { error(...args: unknown[]): void } }).console.error('Uncaught in an event listener:', error);
  } catch {
    // A guest that breaks its console loses its reports, not its other listeners.
  }
}
