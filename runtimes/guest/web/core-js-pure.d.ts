/** `core-js-pure` ships no types; this is what is used of it. */
declare module 'core-js-pure/web/url.js' {
  interface URL {
    readonly href: string;
    toString(): string;
  }
  const constructor: { new (url: unknown, base?: unknown): URL; readonly prototype: URL };
  export default constructor;
}

declare module 'core-js-pure/web/url-search-params.js' {
  interface URLSearchParams {
    forEach(each: (value: string, name: string) => void): void;
    toString(): string;
  }
  const constructor: { new (init?: unknown): URLSearchParams; readonly prototype: URLSearchParams };
  export default constructor;
}
