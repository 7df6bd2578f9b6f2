/** `core-js-pure` ships no types; this is what is used of it. */
declare module 'core-js-pure/web/url.js' {
  interface URL {
    readonly href: string;
    toString(): string;
  }
  const URLConstructor: { new (url: unknown, base?: unknown): URL; readonly prototype: URL };
  export default URLConstructor;
}

declare module 'core-js-pure/web/url-search-params.js' {
  interface URLSearchParams {
    forEach(each: (value: string, name: string) => void): void;
    toString(): string;
  }
  const URLSearchParamsConstructor: { new (init?: unknown): URLSearchParams; readonly prototype: URLSearchParams };
  export default URLSearchParamsConstructor;
}
