/** Reads the strings of `{ "names": [ … ] }` from JSON text. Other keys are skipped, whatever they hold. */

const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;
const COMMA: i32 = 0x2c;
const END: i32 = -1;

/** Nesting that is skipped; deeper input is refused before it fills the stack. */
const MAXIMUM_DEPTH: i32 = 64;

export class NamesReader {
  readonly names: string[] = [];
  /** Empty while the text is what it should be. */
  problem: string = '';
  private at: i32 = 0;

  constructor(private readonly text: string) {}

  /** @returns whether the text was read; if not, `problem` says why. */
  read(): bool {
    let found = false;
    if (!this.expect('{')) return false;
    while (this.next() != '}'.charCodeAt(0)) {
      const key = this.readString();
      if (!this.expect(':')) return false;
      if (key == 'names') {
        found = true;
        this.readNames();
      } else {
        this.skipValue(0);
      }
      if (!this.separator('}')) return false;
    }
    this.at++;
    if (this.next() != END) return this.fail('text after the object');
    if (!found) return this.fail('the key "names" is missing');
    return true;
  }

  private readNames(): void {
    if (!this.expect('[')) return;
    while (this.next() != ']'.charCodeAt(0)) {
      this.names.push(this.readString());
      if (!this.separator(']')) return;
    }
    this.at++;
  }

  private readString(): string {
    if (!this.expect('"')) return '';
    let result = '';
    let start = this.at;
    while (true) {
      const code = this.here();
      if (code < 0x20) {
        this.fail('a string that does not end');
        return '';
      }
      if (code == QUOTE) {
        result += this.text.substring(start, this.at++);
        return result;
      }
      this.at++;
      if (code != BACKSLASH) continue;
      result += this.text.substring(start, this.at - 1) + this.readEscape();
      start = this.at;
    }
  }

  private readEscape(): string {
    const escape = String.fromCharCode(this.here());
    this.at++;
    if (escape == '"' || escape == '\\' || escape == '/') return escape;
    if (escape == 'n') return '\n';
    if (escape == 't') return '\t';
    if (escape == 'r') return '\r';
    if (escape == 'b') return '\b';
    if (escape == 'f') return '\f';
    if (escape == 'u') return this.readCodeUnit();
    this.fail('an unknown escape');
    return '';
  }

  private readCodeUnit(): string {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexadecimal(this.here());
      if (digit < 0) {
        this.fail('an incomplete \\u escape');
        return '';
      }
      unit = unit * 16 + digit;
      this.at++;
    }
    return String.fromCharCode(unit);
  }

  private skipValue(depth: i32): void {
    if (depth > MAXIMUM_DEPTH) {
      this.fail('nested too deeply');
      return;
    }
    const first = this.next();
    if (first == QUOTE) {
      this.readString();
    } else if (first == '['.charCodeAt(0)) {
      this.at++;
      while (this.next() != ']'.charCodeAt(0)) {
        this.skipValue(depth + 1);
        if (!this.separator(']')) return;
      }
      this.at++;
    } else if (first == '{'.charCodeAt(0)) {
      this.at++;
      while (this.next() != '}'.charCodeAt(0)) {
        this.readString();
        if (!this.expect(':')) return;
        this.skipValue(depth + 1);
        if (!this.separator('}')) return;
      }
      this.at++;
    } else {
      this.skipWord();
    }
  }

  /** A number, `true`, `false` or `null`. */
  private skipWord(): void {
    const start = this.at;
    while (isWord(this.here())) this.at++;
    if (this.at == start) this.fail('a value is missing');
  }

  /** The next character that is no white space, or END. */
  private next(): i32 {
    while (isSpace(this.here())) this.at++;
    return this.here();
  }

  private here(): i32 {
    return this.problem.length == 0 && this.at < this.text.length ? this.text.charCodeAt(this.at) : END;
  }

  private expect(character: string): bool {
    if (this.next() != character.charCodeAt(0)) return this.fail(`${character} is missing`);
    this.at++;
    return true;
  }

  /** A comma before another entry, or the end of the list. */
  private separator(close: string): bool {
    const code = this.next();
    if (code == close.charCodeAt(0)) return true;
    if (code != COMMA) return this.fail(`${close} is missing`);
    this.at++;
    if (this.next() == close.charCodeAt(0)) return this.fail('a comma before the end of a list');
    return true;
  }

  private fail(problem: string): bool {
    if (this.problem.length == 0) this.problem = `${problem} at character ${this.at}`;
    return false;
  }
}

function isSpace(code: i32): bool {
  return code == 0x20 || code == 0x09 || code == 0x0a || code == 0x0d;
}

/** Digits, letters, plus, minus, point. */
function isWord(code: i32): bool {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a) || code == 0x45 || code == 0x2b || code == 0x2d || code == 0x2e;
}

function hexadecimal(code: i32): i32 {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A string as JSON text. */
export function quoted(text: string): string {
  let result = '"';
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x20 && code != QUOTE && code != BACKSLASH) continue;
    result += `${text.substring(start, i)}\\u${code.toString(16).padStart(4, '0')}`;
    start = i + 1;
  }
  return `${result}${text.substring(start)}"`;
}
