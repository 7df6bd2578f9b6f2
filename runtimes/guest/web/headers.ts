/** `Headers` as in the fetch standard, without guards: what may be sent is for the host to say. */
import { isArray, objectKeys } from './captured.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const around = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const forbidden = /[^\t\u0020-\u007e\u0080-\u00ff]/;

export type HeadersInit = Headers | Iterable<readonly [unknown, unknown]> | Readonly<Record<string, unknown>>;

let entriesOf: (headers: Headers) => readonly (readonly [string, string])[];

export class Headers {
  /** As they were added, names in lower case. */
  #list: (readonly [name: string, value: string])[] = [];

  static {
    entriesOf = (headers) => headers.#list;
  }

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) return;
    if (typeof init !== 'object') throw new TypeError('The "init" argument must be headers, a list of pairs, or an object');
    if (#list in init) this.#list = [...init.#list];
    else if (isArray(init) || typeof (init as Iterable<never>)[Symbol.iterator] === 'function') {
      for (const pair of init as Iterable<readonly [unknown, unknown]>) {
        const [name, value, ...rest] = [...(pair as unknown as Iterable<unknown>)];
        if (value === undefined || rest.length > 0) throw new TypeError('Each header must be a pair of name and value');
        this.append(name, value);
      }
    } else for (const name of objectKeys(init)) this.append(name, (init as Record<string, unknown>)[name]);
  }

  append(name: unknown, value: unknown): void {
    this.#list[this.#list.length] = [nameOf(name), valueText(value)];
  }

  delete(name: unknown): void {
    const wanted = nameOf(name);
    this.#list = this.#list.filter(([known]) => known !== wanted);
  }

  get(name: unknown): string | null {
    const wanted = nameOf(name);
    const values = this.#list.filter(([known]) => known === wanted).map(([, value]) => value);
    return values.length === 0 ? null : values.join(', ');
  }

  getSetCookie(): string[] {
    return this.#list.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
  }

  has(name: unknown): boolean {
    const wanted = nameOf(name);
    return this.#list.some(([known]) => known === wanted);
  }

  set(name: unknown, value: unknown): void {
    const [wanted, given] = [nameOf(name), valueText(value)];
    const at = this.#list.findIndex(([known]) => known === wanted);
    this.#list = this.#list.filter(([known], index) => known !== wanted || index === at);
    this.#list[at < 0 ? this.#list.length : at] = [wanted, given];
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    for (const [name, value] of this.#sorted()) callback.call(self, value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const [name, value] of this.#sorted()) yield [name, value];
  }

  *keys(): Generator<string> {
    for (const [name] of this.#sorted()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.#sorted()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }

  /** Each name once, in order; every cookie by itself. */
  #sorted(): readonly (readonly [string, string])[] {
    const names = [...new Set(this.#list.map(([name]) => name))].sort();
    return names.flatMap((name) =>
      name === 'set-cookie' ? this.getSetCookie().map((value) => [name, value] as const) : [[name, this.get(name) ?? ''] as const],
    );
  }
}

/** As they were added: how they go out. */
export const headerList = (headers: Headers): readonly (readonly [string, string])[] => entriesOf(headers);

function nameOf(name: unknown): string {
  const text = `${name}`;
  if (!token.test(text)) throw new TypeError(`${text} is an invalid header name`);
  return text.toLowerCase();
}

function valueText(value: unknown): string {
  const text = `${value}`.replace(around, '');
  if (forbidden.test(text)) throw new TypeError(`${text} is an invalid header value`);
  return text;
}
