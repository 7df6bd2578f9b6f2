/** The types of WebAssembly as they stand in a module: of values, of functions, of what is imported and exported, and the limits of memories and tables. */
import { type ModuleReader, malformed, refused } from './reader.ts';

export type EntityKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

const kinds: readonly EntityKind[] = ['function', 'table', 'memory', 'global', 'tag'];

/** By their byte. References of WasmGC and of typed functions are not among them. */
export const valueTypes = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
  [0x69, 'exnref'],
]);

/** V8's own limit for the parameters and for the results of a function. */
const maximumValues = 1_000;

/** A function type in words: `(i64, i32) -> i64`. */
export function readSignature(reader: ModuleReader): string {
  const { offset } = reader;
  const form = reader.byte();
  if (form !== 0x60) throw refused(`has a type that is no function type (0x${form.toString(16)})`, offset, 'Build it without garbage collection (WasmGC).');
  const parameters = readValueTypes(reader);
  const results = readValueTypes(reader);
  return `(${parameters.join(', ')}) -> ${results.length === 1 ? results[0] : `(${results.join(', ')})`}`;
}

function readValueTypes(reader: ModuleReader): string[] {
  const types: string[] = [];
  for (let left = reader.count('parameters of one function', maximumValues); left > 0; left -= 1) {
    const { offset } = reader;
    const type = reader.byte();
    const name = valueTypes.get(type);
    if (name === undefined)
      throw refused(`uses a value type that is not supported (0x${type.toString(16)})`, offset, 'Build it without typed references and garbage collection.');
    types.push(name);
  }
  return types;
}

export function readKind(reader: ModuleReader): EntityKind {
  const { offset } = reader;
  const kind = kinds[reader.byte()];
  if (kind === undefined) throw malformed('an import or export of an unknown kind', offset);
  return kind;
}

/** Initial and maximum size. Bit 0: there is a maximum; bit 1: shared; bit 2: 64-bit; bit 3: pages of another size. */
export function readLimits(reader: ModuleReader, what: 'memory' | 'table', largest: number): { initial: number; maximum: number } {
  const { offset } = reader;
  const flags = reader.byte();
  if (flags > 1) {
    const why = flags > 7 ? 'uses a feature that is not supported' : flags >= 4 ? 'has 64-bit addresses' : 'is shared';
    throw refused(`has a ${what} that ${why}`, offset, 'Build it for wasm32, without threads.');
  }
  const initial = reader.unsigned();
  const maximum = flags === 1 ? reader.unsigned() : largest;
  if (initial > largest || maximum > largest || initial > maximum) throw malformed(`a ${what} with impossible limits (${initial} to ${maximum})`, offset);
  return { initial, maximum };
}
