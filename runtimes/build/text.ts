/** Assembles the functions that carry text into and out of a memory of WebAssembly. AssemblyScript, which compiles the rest, has no arrays of V8's heap. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import binaryen from 'assemblyscript/binaryen';

const source = join(import.meta.dirname, '../guest/assembly/text.wat');

/** Writes `text.wasm` to the folder of the cell. */
export function buildText(folder: string): void {
  const module = binaryen.parseText(readFileSync(source, 'utf8'));
  const { GC, ReferenceTypes, MutableGlobals } = binaryen.Features;
  module.setFeatures(GC | ReferenceTypes | MutableGlobals);
  if (module.validate() === 0) throw new Error(`${source} is not valid`);
  binaryen.setOptimizeLevel(2);
  module.optimize();
  writeFileSync(join(folder, 'text.wasm'), module.emitBinary());
  module.dispose();
}
