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
import { hostError } from '../guest/failure.ts';
import type { Kernel, Language, Turn } from '../guest/kernel.ts';
import type { Captured } from '../guest/realm.ts';
import type { Settings } from '../guest/wire.ts';
import { type Codec, createCodec } from './codec.guest.ts';
import { type Handlers, handlersOf } from './handlers.guest.ts';
import { checkResult, createInstances, type Instances } from './instances.guest.ts';
import type { Link } from './extism.guest.ts';
import type { Plugin, Result } from './plugin.guest.ts';
import type { Surrounded, Surroundings } from './surroundings.guest.ts';

const nothing = new Uint8Array(0);

/** @param surroundings for one instance: made ahead, if they were and fit */
export function createWasm(kernel: Kernel, link: Link, surroundings: (actor: Surrounded) => Surroundings): Language {
  const { budget } = kernel;
  const { webAssembly } = kernel.captured;
  let input: Codec;
  let output: Codec;
  let handlers: Handlers;
  let instances: Instances;
  /** A call runs, or waits for the host. */
  let busy = false;
  /** Turns for which there was no free instance. While there are any, one is busy or being opened, or `proceed` runs. */
  let waiting: Turn[] = [];

  const giveUp = (): void => {
    instances.giveUp();
    busy = false;
  };

  /** Runs what waits for an instance. */
  const proceed = (): void => {
    while (!busy && waiting.length > 0) {
      const instance = instances.ready;
      if (instance === undefined) {
        if (!instances.opening) instances.open().then(proceed, kernel.fatal);
        return;
      }
      const turn = waiting.shift() as Turn;
      if (!turn.ended) run(instance, turn);
    }
  };

  const wait = (turn: Turn): void => {
    waiting.push(turn);
    turn.onCancel = () => {
      waiting = waiting.filter((other) => !other.ended);
      // Its `start` may wait for a call that went with the turn.
      if (instances.opening) instances.giveUp();
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
        if (instances.ready !== instance) return;
        settle(turn, value);
        proceed();
      },
      (error) => {
        if (instances.ready !== instance) return;
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
      checkResult(result);
      kernel.settle(turn, result.output.length === 0 ? undefined : output.decode(result.output));
    } catch (error) {
      kernel.fail(turn, error);
    }
  };

  return {
    async load(files) {
      const { settings } = kernel;
      const wasm = settings.wasm as NonNullable<Settings['wasm']>;
      input = createCodec(wasm.input, budget);
      output = createCodec(wasm.output, budget);
      const module = compile(webAssembly, files[0] as ArrayBuffer);
      const exported = webAssembly.Module.exports(module);
      handlers = handlersOf(exported, settings);
      const memory = exported.find(({ kind }) => kind === 'memory')?.name;
      const actor = { memory: settings.limits.memory, mounts: settings.mounts };
      instances = createInstances(kernel, { kernel, link, module, memory, wasi: wasm.wasi, output, surroundings: () => surroundings(actor) }, handlers.start);
      await instances.open();
      return handlers.served;
    },

    begin(turn) {
      if (handlers.functions[turn.inlet] === undefined)
        throw hostError('actor.inlet', `the plugin exports no function for the inlet \`${kernel.settings.inlets[turn.inlet]}\``);
      const instance = instances.ready;
      if (instance === undefined || busy || waiting.length > 0) wait(turn);
      else run(instance, turn);
    },

    stop() {
      const instance = instances.ready;
      if (!handlers.stop || instance === undefined || busy) return undefined;
      const stopping = instance.call('stop', nothing, undefined);
      return stopping instanceof Promise ? stopping.then(checkResult) : checkResult(stopping);
    },
  };
}

function compile(webAssembly: Captured['webAssembly'], bytes: ArrayBuffer): WebAssembly.Module {
  try {
    return new webAssembly.Module(bytes);
  } catch (error) {
    throw hostError('source.invalid', `the module does not compile: ${error instanceof Error ? error.message : 'no reason given'}`, 'build the plugin again');
  }
}
