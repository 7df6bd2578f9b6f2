import { AbortController, AbortSignal } from './abort.ts';
import { atob, btoa } from './base64.ts';
import { DOMException } from './dom-exception.ts';
import { encoding } from './encoding.ts';
import { CustomEvent, Event, EventTarget } from './events.ts';
import { Request, Response } from './fetch.ts';
import { Headers } from './headers.ts';
import type { Late } from './late.ts';
import { CloseEvent, MessageEvent } from './message-events.ts';
import { ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader } from './streams.ts';
import { structuredClone } from './structured-clone.ts';
import { urls } from './url.ts';

export { formatLog } from './format.ts';

const webGlobals = {
  AbortController,
  AbortSignal,
  CloseEvent,
  CustomEvent,
  DOMException,
  Event,
  EventTarget,
  Headers,
  MessageEvent,
  ReadableStream,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request,
  Response,
  atob,
  btoa,
  structuredClone,
} as const;

/**
 * Defines the web globals that need nothing of the host, as browsers do: writable, configurable, not enumerable.
 * Called once, while the snapshot is made. What it defines belongs to the guest: nothing privileged lies in it.
 * `AbortSignal.timeout` and the report of a listener's error use the `setTimeout` and `console` that are global when they are needed.
 *
 * @example installWebGlobals(globalThis);
 */
export function installWebGlobals(global: object): void {
  for (const [name, value] of Object.entries(webGlobals)) define(global, name, value);
  for (const [part] of lateParts) for (const name of part.names) Object.defineProperty(global, name, lateGlobal(global, name, part));
}

function define(global: object, name: string, value: unknown): void {
  // The bundler shortens the names of classes, and guests see them in logs and stacks.
  Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(global, name, { value, writable: true, configurable: true });
}

/** Becomes what it stands for when it is asked for first. */
const lateGlobal = (global: object, name: string, part: Late<object>): PropertyDescriptor => ({
  get() {
    const value = (part.make() as Record<string, unknown>)[name];
    define(global, name, value);
    return value;
  },
  set(value: unknown) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true });
  },
  configurable: true,
});

/**
 * With words of which one leads to them. Who gets there without a word of it gets them too. Each is searched for by itself: V8 compiles a
 * regular expression anew in each isolate, which takes a tenth of a millisecond.
 */
const lateParts: readonly (readonly [part: Late<object>, words: readonly string[]])[] = [
  [urls as Late<object>, ['URL', 'fetch', 'Request', 'WebSocket']],
  [encoding as Late<object>, ['TextDecoder', 'TextEncoder', 'fetch', 'Request', 'Response']],
];

/** To be called before code of an author runs in the realm: what it needs is made of built-ins that nobody has touched. */
export function prepareWebGlobals(global: object, code: string): void {
  for (const [part, words] of lateParts) {
    if (!words.some((word) => code.includes(word))) continue;
    for (const name of part.names) define(global, name, (part.make() as Record<string, unknown>)[name]);
  }
}
