/** What the host tells whoever listens: plain data, in the order in which it happened. */
import type { ErrorRecord } from '../sdk/errors.ts';
import type { LogLevel } from '../runtimes/protocol.ts';
import type { AuditEvent } from './policy/index.ts';
import type { Logger } from './options.ts';

/** One line that a guest wrote. Control characters are escaped: a line stays one line, and cannot speak for another actor. */
export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly namespace: string;
  readonly actor: string;
  /** The id of the execution; `undefined` outside a turn. */
  readonly execution: string | undefined;
  readonly level: LogLevel;
  readonly text: string;
  /** Lines before this one that exceeded the log limit and were dropped. */
  readonly dropped: number;
}

/**
 * What happened to a cell. `started`: ready for its first message, after `millis`. `died`: gone, for `reason`.
 * `replaced`: as `started`, after a death. `violation`: an actor broke a limit and has a fresh instance.
 * `quarantined`, `released`: an actor is held back, or no longer.
 */
export interface CellEvent {
  readonly time: number;
  readonly namespace: string;
  readonly cell: number;
  /** How many cells held this place before. */
  readonly generation: number;
  /** Of the cell's process; undefined if there is none. */
  readonly pid: number | undefined;
  readonly event: 'started' | 'died' | 'replaced' | 'violation' | 'quarantined' | 'released';
  /** The actor that is to blame, where one is known. */
  readonly actor?: string | undefined;
  readonly reason?: ErrorRecord | undefined;
  readonly millis?: number | undefined;
}

/** An execution has ended. */
export interface ExecutionEvent {
  readonly time: number;
  readonly namespace: string;
  readonly id: string;
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly attempt: number;
  /** Milliseconds from acceptance to end. */
  readonly duration: number;
  readonly errors: readonly ErrorRecord[];
}

/** As many actors live as may, and all are busy: a message of this one has to wait. Told when it begins, and then every ten seconds. */
export interface FullEvent {
  readonly time: number;
  readonly namespace: string;
  readonly actor: string;
  /** How many are busy, who of the same cell or namespace, and since when: what the message will be answered with if nobody makes room. */
  readonly reason: ErrorRecord;
}

export interface HostEvents {
  readonly audit: AuditEvent;
  readonly log: LogEvent;
  readonly cell: CellEvent;
  readonly execution: ExecutionEvent;
  readonly full: FullEvent;
}

export type Listener<Event> = (event: Event) => void;

/** Listeners by event. A listener that throws harms neither the host nor the listeners after it; only {@link Events.emit} tells that one did. */
export class Events<All extends object> {
  readonly #listeners = new Map<keyof All, Set<Listener<never>>>();
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  /** @returns a function that removes the listener */
  on<Name extends keyof All>(name: Name, listener: Listener<All[Name]>): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Whether anyone listens: an event that nobody hears need not be made. */
  heard(name: keyof All): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** @returns whether every listener has heard it out */
  emit<Name extends keyof All>(name: Name, event: All[Name]): boolean {
    let heard = true;
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<All[Name]>)(event);
      } catch (error) {
        heard = false;
        this.#logger?.error(`a listener of '${String(name)}' threw`, { error });
      }
    }
    return heard;
  }
}
