/**
 * Makes the memory snapshot: an interpreter with the standard library's common modules and our own loaded, written out for all instances.
 *
 * What the interpreter drew at random is in it, and so the same in all instances of an installation. `random` is seeded anew in each
 * (actor.py); the seed of `hash()` cannot be, so who can run Python here can find keys that collide for others: they cost processor
 * time, which is limited.
 */
import { parse, setBytes, stringify, Uint8ArrayIntrinsic } from '../guest/primordials.ts';
import type { Captured } from '../guest/realm.ts';
import { bootInterpreter, type InterpreterFiles } from './interpreter.guest.ts';
import { writeSnapshot } from './memory.guest.ts';

/** What the snapshot has loaded. */
export interface Preload {
  /** Of the standard library. */
  readonly imports: readonly string[];
  /** Ours: names and sources, in the order in which they are loaded. */
  readonly modules: readonly (readonly [name: string, source: string])[];
}

/**
 * Modules exist before any of them runs, so that they can import each other. Frozen, what is in the snapshot is no longer
 * looked at by the garbage collection of every instance.
 */
const program = (imports: string, names: string, sources: string): string => `
def _preload(names, sources):
    import gc, sys, types
    import ${imports}
    for name in sorted(names, key=lambda name: name.count(".")):
        module = sys.modules[name] = types.ModuleType(name)
        module.__file__ = f"<{name}>"
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
        else:
            module.__path__ = []
    for name, source in zip(names, sources):
        exec(compile(source, f"<{name}>", "exec"), sys.modules[name].__dict__)
    sys.modules["vivarium.actor"].install()
    gc.collect()
    gc.freeze()
_preload(${names}, ${sources})
del _preload
`;

/**
 * @param target where the snapshot is written: the size of the file and of the interpreter's memory as 32-bit words, then the file
 */
export async function makeSnapshot(captured: Captured, files: InterpreterFiles, preload: string, target: ArrayBuffer): Promise<void> {
  const { imports, modules } = parse(preload) as Preload;
  const { pyodide } = await bootInterpreter(captured, files);
  // A list of strings in JSON is one in Python too.
  pyodide.runPython(program(imports.join(', '), stringify(modules.map(([name]) => name)), stringify(modules.map(([, source]) => source))));
  const file = writeSnapshot(pyodide.makeMemorySnapshot());
  const sizes = new Uint32Array(target, 0, 2);
  sizes[0] = file.length;
  sizes[1] = pyodide._module.HEAPU8.length;
  setBytes(new Uint8ArrayIntrinsic(target), file, 8);
}
