/**
 * URLs as in the URL standard, with two liberties of core-js: international host names are lower-cased and encoded but not
 * normalised or checked further, and `file:` URLs follow an older text (a drive letter drops the host, empty segments are dropped).
 *
 * What the library makes takes a quarter of a megabyte of an isolate, and most actors have no URL: it is made when it is needed.
 */
import type URLConstructor from 'core-js-pure/web/url.js';
import type URLSearchParamsConstructor from 'core-js-pure/web/url-search-params.js';
import { defineProperty, getOwnPropertyDescriptor, getterOf, uncurry } from './captured.ts';

/** Resolved by the bundler. */
declare const require: (module: string) => unknown;

export interface Urls {
  readonly URL: typeof URLConstructor;
  readonly URLSearchParams: typeof URLSearchParamsConstructor;
  /** What URLs say of themselves, whatever a guest makes of their prototypes. */
  readonly hrefOf: (url: unknown) => string;
  readonly forEachParameter: (parameters: unknown, each: (value: string, name: string) => void) => void;
}

export const namesOfUrls = ['URL', 'URLSearchParams'] as const;

let made: Urls | undefined;

/** What there is of them: undefined if nobody can have a URL. */
export const madeUrls = (): Urls | undefined => made;

/** Built-ins are used as they are when it is called first. */
export function urls(): Urls {
  made ??= make();
  return made;
}

function make(): Urls {
  // core-js asks for those of the realm: it must not find what waits for it.
  const found = namesOfUrls.map((name) => [name, getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name] of found) Reflect.deleteProperty(globalThis, name);
  const URL = require('core-js-pure/web/url.js') as Urls['URL'];
  const URLSearchParams = require('core-js-pure/web/url-search-params.js') as Urls['URLSearchParams'];
  // core-js leaves its registry on the global object, where a guest would find it and nobody needs it again.
  Reflect.deleteProperty(globalThis, '__core-js_shared__');
  for (const [name, descriptor] of found) if (descriptor !== undefined) defineProperty(globalThis, name, descriptor);
  return { URL, URLSearchParams, hrefOf: getterOf(URL.prototype, 'href'), forEachParameter: uncurry(URLSearchParams.prototype.forEach) };
}
