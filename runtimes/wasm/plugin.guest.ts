/** One instance of a plugin: a module with a memory, blocks and variables of its own. */
import { textLimits } from '../limits.ts';
import { table } from '../guest/primordials.ts';
import type { Kernel, Turn } from '../guest/kernel.ts';
import type { Content } from './blocks.guest.ts';
import type { Codec } from './codec.guest.ts';
import type { Link } from './extism.guest.ts';
import { faultOf } from './fault.guest.ts';
import type { Surroundings } from './surroundings.guest.ts';
import { toShow } from './text.guest.ts';
import { Exit } from './wasi.guest.ts';

/** What all instances of one actor share. */
export interface PluginSource {
  readonly kernel: Kernel;
  readonly link: Link;
  readonly module: WebAssembly.Module;
  /** The name under which it exports its memory, if it does. */
  readonly memory: string | undefined;
  readonly wasi: boolean;
  readonly output: Codec;
  /** For one instance. */
  readonly surroundings: () => Surroundings;
}

export interface Result {
  /** Empty if there is none. */
  readonly output: Content;
  /** Why the call failed, if the plugin says so. */
  readonly failure: string | undefined;
  /** The program has ended: the instance takes no more calls. */
  readonly over: boolean;
}

export interface Plugin {
  /**
   * Runs an exported function. A promise if the plugin may wait for the host: then nothing else is called until it settles.
   * @throws what ended the call, see {@link faultOf}; the instance takes no more calls.
   */
  call(name: string, input: Content, turn: Turn | undefined): Result | Promise<Result>;
  /** Ends what it waits for. It takes no more calls. */
  abandon(): void;
  /** Its memory and that of its blocks, at most. Bytes. */
  size(): number;
}

/** @throws what the module's own start throws. */
export async function openPlugin(source: PluginSource): Promise<Plugin> {
  const { kernel, link, module } = source;
  const { webAssembly } = kernel.captured;
  const { blocks, caller, functions, waits: mayWait, attach, flush, admit, memory, size } = source.surroundings();
  const waits = mayWait(module);
  let exports: WebAssembly.Instance['exports'] = {};
  const callable = table<() => unknown>();
  const run = (name: string): (() => unknown) => {
    const known = callable[name];
    if (known !== undefined) return known;
    const made = waits ? webAssembly.promising(exports[name]) : (exports[name] as () => unknown);
    callable[name] = made;
    return made;
  };
  await link(module, source.wasi, functions, (instance) => {
    exports = instance.exports;
    attach(source.memory === undefined ? undefined : (exports[source.memory] as Parameters<typeof attach>[0]));
  });
  if (typeof exports['_initialize'] === 'function') await run('_initialize')();

  const finish = (code: unknown): Result => {
    flush();
    admit();
    const error = blocks.error(textLimits.message);
    const failure = error !== undefined ? toShow(error) : Number(code ?? 0) === 0 ? undefined : `the function returned ${code}`;
    return { output: blocks.output(source.output.isText), failure, over: false };
  };

  const broken = (thrown: unknown): Result => {
    flush();
    if (!(thrown instanceof Exit)) throw faultOf(thrown, memory());
    return { output: blocks.output(source.output.isText), failure: thrown.code === 0 ? undefined : thrown.message, over: true };
  };

  return {
    call(name, input, turn) {
      caller.turn = turn;
      try {
        blocks.begin(input);
        const returned = run(name)();
        return waits ? (returned as Promise<unknown>).then(finish).catch(broken) : finish(returned);
      } catch (thrown) {
        return broken(thrown);
      }
    },
    abandon: caller.abandon,
    size,
  };
}
