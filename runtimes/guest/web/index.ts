import { TextDecoder, TextEncoder } from '@exodus/bytes/encoding-lite.js';
import { AbortController, AbortSignal } from './abort.ts';
import { atob, btoa } from './base64.ts';
import { DOMException } from './dom-exception.ts';
import { CustomEvent, Event, EventTarget } from './events.ts';
import { Request, Response } from './fetch.ts';
import { Headers } from './headers.ts';
import { CloseEvent, MessageEvent } from './message-events.ts';
import { ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader } from './streams.ts';
import { structuredClone } from './structured-clone.ts';
import { namesOfUrls, urls } from './url.ts';

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
  TextDecoder,
  TextEncoder,
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
  for (const [name, value] of Object.entries(webGlobals)) {
    define(global, name, value);
  }
  for (const name of namesOfUrls) Object.defineProperty(global, name, late(global, name));
}

function define(global: object, name: string, value: unknown): void {
  // The bundler shortens the names of classes, and guests see them in logs and stacks.
  Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(global, name, { value, writable: true, configurable: true });
}

/** Becomes what it stands for when it is asked for first. */
const late = (global: object, name: (typeof namesOfUrls)[number]): PropertyDescriptor => ({
  get() {
    define(global, name, urls()[name]);
    return urls()[name];
  },
  set(value: unknown) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true });
  },
  configurable: true,
});

/** What leads to URLs. Who reaches them without a word of it gets them too, made of the built-ins as they are then. */
const needUrls = /URL|fetch|Request|WebSocket/;

/** To be called before code of an author runs in the realm: what it needs is made of built-ins that nobody has touched. */
export function prepareWebGlobals(global: object, code: string): void {
  if (needUrls.test(code)) for (const name of namesOfUrls) define(global, name, urls()[name]);
}
