/** Python inside the isolate: restores the interpreter from its memory snapshot and runs the handlers of an actor. */
import { foreignError } from '../guest/failure.ts';
import type { Kernel, Language, Turn } from '../guest/kernel.ts';
import { parse, PromiseIntrinsic, stringify, Uint8ArrayIntrinsic } from '../guest/primordials.ts';
import { textLane } from '../lanes.ts';
import { type Ahead, createAhead } from './ahead.guest.ts';
import { createBridge } from './bridge.guest.ts';
import { doorNames, type PythonDoors } from './doors.guest.ts';
import { mountFiles } from './files.guest.ts';
import { bootInterpreter, type Factory, type Interpreter } from './interpreter.guest.ts';
import { makeSnapshot } from './snapshot.guest.ts';

/**
 * What {@link warmPython} is given: see python.ts. `sizes` are those of the module and of the library: shared buffers are larger than what
 * they hold. When there is no memory yet, it is made: from a `Preload` as JSON, and into a buffer.
 */
type Files = readonly [
  factory: Factory,
  sizes: string,
  wasm: ArrayBuffer,
  library: ArrayBuffer,
  text: ArrayBuffer,
  memory: ArrayBuffer | undefined,
  preload?: string,
  target?: ArrayBuffer,
];

/** Starts the interpreter, before it is known for whom. @returns undefined if its memory snapshot was made instead */
export async function warmPython(kernel: Kernel, files: readonly unknown[]): Promise<Language | undefined> {
  const [factory, sizes, wasmBuffer, libraryBuffer, text, memory, preload, target] = files as unknown as Files;
  const [wasmSize, librarySize] = parse(sizes) as [number, number];
  const wasm = new Uint8ArrayIntrinsic(wasmBuffer, 0, wasmSize);
  const library = new Uint8ArrayIntrinsic(libraryBuffer, 0, librarySize);
  const parts = { factory, wasm, library, text, memory };
  if (memory === undefined) {
    await makeSnapshot(kernel.captured, parts, preload as string, target as ArrayBuffer);
    return undefined;
  }
  const interpreter = await bootInterpreter(kernel.captured, parts);
  interpreter.seal();
  return createPython(kernel, interpreter);
}

/** @param interpreter of its own */
function createPython(kernel: Kernel, interpreter: Interpreter): Language {
  let doors: PythonDoors;
  let bridge: ReturnType<typeof createBridge>;
  let ahead: Ahead;

  const connect = (): void => {
    doors = interpreter.doors('vivarium.actor', doorNames);
    ahead = createAhead(kernel, doors, interpreter.text(), (turn) => doors.cancel(turn.id));
    bridge = createBridge(
      kernel,
      () => doors,
      mountFiles(kernel, interpreter.pyodide._module.FS),
      () => ahead,
    );
    const { actor, inlets, outlets, peers, functions, config, environment, secrets, services, limits } = kernel.settings;
    const settings = { __proto__: null, actor, inlets, outlets, peers, functions, config, environment, secrets, services, message: limits.message };
    doors.connect(stringify(settings), ...(bridge.functions as never[]));
  };

  /** `start` or `stop`. Rejects with what the author's function failed with. */
  const lifecycle = (name: 'start' | 'stop'): Promise<void> =>
    new PromiseIntrinsic((resolve, reject) => {
      bridge.onFinished = (record) => (record === undefined ? resolve() : reject(foreignError(record)));
      const outcome = doors.lifecycle(name);
      if (outcome === undefined) resolve();
      else if (typeof outcome === 'string') reject(foreignError(outcome));
    });

  return {
    /** @param files the names of the author's files as JSON, the first of them the actor, and their texts */
    async load(files) {
      interpreter.attend(kernel);
      const [told, ...texts] = files as [names: string, ...texts: string[]];
      const names = parse(told) as string[];
      for (let i = 0; i < names.length; i++) interpreter.writeFile(`/actor/${names[i]}`, texts[i] as string);
      connect();
      const loaded = parse(doors.load(`/actor/${names[0]}`) as string) as { inlets: string[] } | { error: object };
      if ('error' in loaded) throw foreignError(stringify(loaded.error));
      await lifecycle('start');
      return loaded.inlets;
    },

    begin(turn: Turn) {
      const outcome = doors.deliver(turn.id, turn.inlet, turn.lane, turn.text);
      if (typeof outcome === 'string') kernel.settle(turn, { lane: textLane, text: outcome });
      else if (outcome === undefined) kernel.settle(turn, undefined);
      else if (!turn.ended) turn.onCancel = () => doors.cancel(turn.id);
    },

    beginRow: (row, places) => ahead.beginRow(row, places),
    running: () => (ahead as Ahead | undefined)?.running() ?? 0,

    idle() {
      if (bridge.stirred()) doors.idle();
    },

    stop: () => lifecycle('stop'),
  };
}
