/**
 * URLs as in the URL standard, with two liberties of core-js: international host names are lower-cased and encoded but not
 * normalised or checked further, and `file:` URLs follow an older text (a drive letter drops the host, empty segments are dropped).
 */
import type URLConstructor from 'core-js-pure/web/url.js';
import type URLSearchParamsConstructor from 'core-js-pure/web/url-search-params.js';
import { getterOf, uncurry } from './captured.ts';
import { late } from './late.ts';

/** Resolved by the bundler. */
declare const require: (module: string) => unknown;

export interface Urls {
  readonly URL: typeof URLConstructor;
  readonly URLSearchParams: typeof URLSearchParamsConstructor;
  /** What URLs say of themselves, whatever a guest makes of their prototypes. */
  readonly hrefOf: (url: unknown) => string;
  readonly forEachParameter: (parameters: unknown, each: (value: string, name: string) => void) => void;
}

export const urls = late<Urls>(['URL', 'URLSearchParams'], () => {
  const URL = require('core-js-pure/web/url.js') as Urls['URL'];
  const URLSearchParams = require('core-js-pure/web/url-search-params.js') as Urls['URLSearchParams'];
  // core-js leaves its registry on the global object, where a guest would find it and nobody needs it again.
  Reflect.deleteProperty(globalThis, '__core-js_shared__');
  return { URL, URLSearchParams, hrefOf: getterOf(URL.prototype, 'href'), forEachParameter: uncurry(URLSearchParams.prototype.forEach) };
});
