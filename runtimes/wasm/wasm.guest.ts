/**
 * WebAssembly inside the isolate: runs the functions of an Extism plugin as handlers.
 *
 * A guest of this language has no JavaScript, so nothing here can be replaced by it: unlike the rest of the bootstrap,
 * these files use the library as it is. All that a plugin can do is what its imports do.
 *
 * A plugin is not reentrant: it runs one call at a time, whatever the concurrency of the actor. What ends a call
 * otherwise than by returning (a trap, an error of a host function, a cancellation) leaves its memory in the middle of something.
 * So that instance is given up, and the next turn gets a fresh one of the same module, `start` included: its state is a cache.
 */
import { budgetFor } from '../guest/codec.ts';
import { hostError } from '../guest/failure.ts';
import type { Kernel, Language, Turn } from '../guest/kernel.ts';
import { ArrayBufferIntrinsic } from '../guest/primordials.ts';
import type { Settings } from '../guest/wire.ts';
import { createCodec } from './codec.guest.ts';
import { type ExtismScript, loadExtism } from './extism.guest.ts';
import { failed } from './fault.guest.ts';
import { type Handlers, handlersOf } from './handlers.guest.ts';
import { openPlugin, type Plugin, type PluginSource, type Result } from './plugin.guest.ts';

const nothing = new Uint8Array(0);

export function createWasm(kernel: Kernel): Language {
  const { settings, captured } = kernel;
  const wasm = settings.wasm as NonNullable<Settings['wasm']>;
  const budget = budgetFor(settings.limits.message);
  const input = createCodec(wasm.input, budget);
  const output = createCodec(wasm.output, budget);
  const { crypto } = globalThis as unknown as { crypto: { getRandomValues(bytes: Uint8Array): void } };
  const fillRandom = (bytes: Uint8Array): void => crypto.getRandomValues(bytes);
  let source: PluginSource;
  let handlers: Handlers;
  /** The instance that takes calls, and whether it is in one. */
  let plugin: Plugin | undefined;
  let busy = false;
  /** The instance that will: its `start` runs, and may wait for the host. */
  let starting: Plugin | undefined;
  let opening = false;
  /** Turns for which there is no free instance. While there are any, one is busy or opening, or `proceed` runs. */
  let waiting: Turn[] = [];
  /** What instances held that were given up since the last collection. Bytes. */
  let garbage = 0;

  const open = async (): Promise<void> => {
    if (garbage > settings.limits.memory / 2) {
      collectGarbage();
      garbage = 0;
    }
    starting = await openPlugin(source);
    if (handlers.start) check(await starting.call('start', nothing, undefined));
    plugin = starting;
    starting = undefined;
  };

  const reopen = (): void => {
    if (opening) return;
    opening = true;
    open().then(
      (fresh) => {
        if (starting !== fresh) return;
        starting = undefined;
        plugin = fresh;
        proceed();
      },
      kernel.fatal,
    );
  };

  const giveUp = (): void => {
    const lost = plugin ?? starting;
    lost?.abandon();
    garbage += lost?.size() ?? 0;
    plugin = undefined;
    starting = undefined;
    busy = false;
    opening = false;
  };

  /** Runs what waits for an instance. */
  const proceed = (): void => {
    while (!busy && waiting.length > 0) {
      if (plugin === undefined) {
        reopen();
        return;
      }
      const turn = waiting.shift() as Turn;
      if (!turn.ended) run(plugin, turn);
    }
  };

  const wait = (turn: Turn): void => {
    waiting.push(turn);
    turn.onCancel = () => {
      waiting = waiting.filter((other) => !other.ended);
      // Its `start` may wait for a call that went with the turn.
      if (opening) giveUp();
      proceed();
    };
    proceed();
  };

  const run = (instance: Plugin, turn: Turn): void => {
    try {
      const bytes = input.encode(turn);
      busy = true;
      const result = instance.call(handlers.functions[turn.inlet] as string, bytes, turn);
      if (result instanceof Promise) suspend(instance, turn, result);
      else settle(turn, result);
    } catch (error) {
      if (busy) giveUp();
      kernel.fail(turn, error);
    }
  };

  /** The plugin may wait for the host: its turn stays open. */
  const suspend = (instance: Plugin, turn: Turn, result: Promise<Result>): void => {
    turn.onCancel = () => {
      giveUp();
      proceed();
    };
    result.then(
      (value) => {
        if (plugin !== instance) return;
        settle(turn, value);
        proceed();
      },
      (error) => {
        if (plugin !== instance) return;
        giveUp();
        kernel.fail(turn, error);
        proceed();
      },
    );
  };

  /** Ends the turn with what its function gave; nothing given, nothing sent. */
  const settle = (turn: Turn, result: Result): void => {
    busy = false;
    turn.onCancel = undefined;
    if (result.over) giveUp();
    try {
      check(result);
      kernel.settle(turn, result.output.length === 0 ? undefined : output.decode(result.output));
    } catch (error) {
      kernel.fail(turn, error);
    }
  };

  return {
    async load(files) {
      const [script, module, blocks] = files as [ExtismScript, ArrayBuffer, ArrayBuffer];
      const { webAssembly } = captured;
      const compiled = compile(webAssembly, module);
      handlers = handlersOf(webAssembly.Module.exports(compiled), settings);
      const link = loadExtism(script, webAssembly, wasm.wasi);
      source = { kernel, link, module: compiled, blocks: new webAssembly.Module(blocks), output, fillRandom };
      await open();
      return handlers.served;
    },

    begin(turn) {
      if (handlers.functions[turn.inlet] === undefined)
        throw hostError('actor.inlet', `the plugin exports no function for the inlet \`${settings.inlets[turn.inlet]}\``);
      if (plugin === undefined || busy || waiting.length > 0) wait(turn);
      else run(plugin, turn);
    },

    stop() {
      if (!handlers.stop || plugin === undefined || busy) return undefined;
      const stopping = plugin.call('stop', nothing, undefined);
      return stopping instanceof Promise ? stopping.then(check) : check(stopping);
    },
  };
}

function compile(webAssembly: Kernel['captured']['webAssembly'], bytes: ArrayBuffer): WebAssembly.Module {
  try {
    return new webAssembly.Module(bytes);
  } catch (error) {
    throw hostError('source.invalid', `the module does not compile: ${error instanceof Error ? error.message : 'no reason given'}`, 'build the plugin again');
  }
}

/**
 * V8 does not count the memory of WebAssembly, so it would let dozens of dead instances lie. No isolate has a function that
 * collects; but an allocation that cannot be granted makes V8 look for everything that can go first.
 */
function collectGarbage(): void {
  try {
    new ArrayBufferIntrinsic(moreThanThereIs);
  } catch {
    // As expected.
  }
}

/** Bytes; below what V8 refuses without looking. */
const moreThanThereIs = 2 ** 40;

/** @throws HostError actor.failed with the text of the plugin. */
function check({ failure }: Result): undefined {
  if (failure !== undefined) throw failed(failure);
}
