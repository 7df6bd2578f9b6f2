import URL from 'core-js-pure/web/url.js';
import URLSearchParams from 'core-js-pure/web/url-search-params.js';

/**
 * URLs as in the URL standard, with two liberties of core-js: international host names are lower-cased and encoded but not
 * normalised or checked further, and `file:` URLs follow an older text (a drive letter drops the host, empty segments are dropped).
 */
export { URL, URLSearchParams };

// core-js leaves its registry on the global object, where a guest would find it and nobody needs it again.
Reflect.deleteProperty(globalThis, '__core-js_shared__');
