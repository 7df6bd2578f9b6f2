/**
 * Finds package names that could be mistaken for one another: the way typosquatting works.
 *
 *     { "names": ["lodash", "lodahs", …] }  →  { "pairs": [{ "a", "b", "distance" }, …], "comparisons": 124750 }
 *
 * Every name of five letters or more is compared with every other. Names of one scope (`@scope/…`) are left
 * alone among themselves: they belong to one publisher.
 */
import { Host, Memory } from '@extism/as-pdk';
import { error_set } from '@extism/as-pdk/lib/env';
import { distance, lettersOf } from './distance';
import { NamesReader, quoted } from './names';

const SHORTEST: i32 = 5;
const LIMIT: i32 = 2;

/** AssemblyScript calls this where it cannot go on. */
function abort(_message: string | null, _file: string | null, _line: u32, _column: u32): void {
  unreachable();
}

class Name {
  readonly letters: u64;
  /** `@scope/`, or empty. */
  readonly scope: string;

  constructor(readonly text: string) {
    this.letters = lettersOf(text);
    this.scope = text.startsWith('@') ? text.substring(0, text.indexOf('/') + 1) : '';
  }
}

export function digest(): i32 {
  const reader = new NamesReader(Host.inputString());
  if (!reader.read()) {
    error_set(Memory.allocateString(`The input is not { "names": [string, …] }: ${reader.problem}.`).offset);
    return 1;
  }
  const names: Name[] = [];
  for (let i = 0; i < reader.names.length; i++) {
    if (reader.names[i].length >= SHORTEST) names.push(new Name(reader.names[i]));
  }
  Host.output(Uint8Array.wrap(String.UTF8.encode(lookAlikes(names))));
  return 0;
}

function lookAlikes(names: Name[]): string {
  const pairs: string[] = [];
  let comparisons = 0;
  for (let i = 0; i < names.length; i++) {
    const a = names[i];
    for (let j = i + 1; j < names.length; j++) {
      const b = names[j];
      if (a.scope.length > 0 && a.scope == b.scope) continue;
      comparisons++;
      if (popcnt(a.letters ^ b.letters) > 2 * LIMIT) continue;
      const apart = distance(a.text, b.text, LIMIT);
      if (apart > 0 && apart <= LIMIT) pairs.push(`{"a":${quoted(a.text)},"b":${quoted(b.text)},"distance":${apart}}`);
    }
  }
  return `{"pairs":[${pairs.join(',')}],"comparisons":${comparisons}}`;
}
