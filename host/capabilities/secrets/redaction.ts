/**
 * Takes the values of secrets out of what comes back. In their place stands `[secret NAME]`.
 *
 * A stream is held back by as much as may be the beginning of a value, and this much depends on nothing but lengths and line
 * breaks: were only what looks like the beginning of the value held back, a guest that has a server echo its guesses would see
 * from where the stream is cut how much of a guess is right, and so find the value one character after the other.
 */
import { formsOf } from './forms.ts';

/** Takes values out of a stream of bytes. */
export interface StreamRedactor {
  /** What may go on now; the rest is held back. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. */
  end(): Uint8Array;
}

/** Secrets consist of printable ASCII, and so do their forms: no value begins before another byte and ends after it. */
const outside = /[^\u0020-\u007e]/;

export class Redaction {
  readonly #pattern: RegExp | undefined;
  readonly #names = new Map<string, string>();
  readonly #longest: number;

  /** @param values by name */
  constructor(values: ReadonlyMap<string, string>) {
    for (const [name, value] of values) for (const form of formsOf(value)) this.#names.set(form, name);
    const forms = [...this.#names.keys()].toSorted((left, right) => right.length - left.length);
    this.#longest = forms[0]?.length ?? 0;
    this.#pattern = forms.length === 0 ? undefined : new RegExp(forms.map(RegExp.escape).join('|'), 'g');
  }

  text(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, (form) => this.#mark(form));
  }

  /** For one stream. Undefined where there is nothing to take out. */
  stream(): StreamRedactor | undefined {
    const pattern = this.#pattern;
    if (pattern === undefined) return undefined;
    let held = '';
    return {
      push: (chunk) => {
        const { done, rest } = this.#advance(pattern, held + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1'));
        held = rest;
        return Buffer.from(done, 'latin1');
      },
      end: () => {
        const last = this.text(held);
        held = '';
        return Buffer.from(last, 'latin1');
      },
    };
  }

  /** Takes out every value that begins before what is held back; such a one lies in the text as a whole. */
  #advance(pattern: RegExp, text: string): { readonly done: string; readonly rest: string } {
    const tail = Math.max(0, text.length - (this.#longest - 1));
    const from = lastOutside(text, tail) + 1 || tail;
    let done = '';
    let at = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null && match.index < from; match = pattern.exec(text)) {
      done += text.slice(at, match.index) + this.#mark(match[0]);
      at = match.index + match[0].length;
    }
    const until = Math.max(at, from);
    return { done: done + text.slice(at, until), rest: text.slice(until) };
  }

  #mark(form: string): string {
    return `[secret ${this.#names.get(form)}]`;
  }
}

/** The place of the last character that no secret holds, not before `from`; -1 if there is none. */
function lastOutside(text: string, from: number): number {
  for (let at = text.length - 1; at >= from; at--) if (outside.test(text[at] as string)) return at;
  return -1;
}
