/** JavaScript inside the isolate: evaluates the bundle of an actor and runs its handlers. */
import type { Context } from '../../sdk/actor/index.ts';
import { decodeGuest, encodeGuest } from '../guest/codec.ts';
import { hostError } from '../guest/failure.ts';
import type { Kernel, Language, Turn } from '../guest/kernel.ts';
import { createNetwork } from '../guest/network.ts';
import { prepareWebGlobals } from '../guest/web/index.ts';
import { evaluate, PromiseIntrinsic, SymbolAsyncIterator, SymbolIterator, then } from '../guest/primordials.ts';
import { filesModule, modulesParameter } from '../modules.ts';
import { createContexts } from './context.guest.ts';

/** Resolved by the bundler, which has what it names evaluated when it is asked for first. */
declare const require: (module: string) => unknown;

type Handle = (message: unknown, context: Context) => unknown;
type Lifecycle = (context: Context) => unknown;

interface Stepping {
  next(): unknown;
  return?: () => unknown;
}

/**
 * The bundle comes as the body of an async function that returns the exports: isolated-vm evaluates real
 * modules outside the time limit. One line stands before it; the cell subtracts it from stacks.
 */
const compile = (body: string, actor: string): ((modules: (name: string) => unknown) => Promise<Record<string, unknown>>) =>
  evaluate(`(async function(${modulesParameter}){"use strict";\n${body}\n})\n//# sourceURL=vivarium:${actor}`) as never;

const isObject = (value: unknown): value is object => (typeof value === 'object' && value !== null) || typeof value === 'function';

const isThenable = (value: unknown): value is PromiseLike<unknown> => isObject(value) && typeof (value as { then?: unknown }).then === 'function';

const isGenerator = (value: unknown): value is Stepping =>
  isObject(value) && typeof (value as Partial<Stepping>).next === 'function' && (SymbolIterator in value || SymbolAsyncIterator in value);

export function createJavaScript(kernel: Kernel): Language {
  const { budget } = kernel;
  const contexts = createContexts(kernel);
  const network = createNetwork(kernel);
  const handlers: (Handle | undefined)[] = [];
  let stop: Lifecycle | undefined;
  let files: unknown;

  const theFiles = (): unknown => {
    files ??= (require('./files/promises.guest.ts') as typeof import('./files/promises.guest.ts')).createFiles(kernel);
    return files;
  };

  const modules = (name: string): unknown => (name === filesModule ? theFiles() : undefined);

  /** Ends the turn with what a handler returned; nothing returned, nothing sent. */
  const settle = (turn: Turn, value: unknown): void => {
    if (turn.ended) return;
    try {
      if (isGenerator(value)) step(turn, value, true);
      else kernel.settle(turn, value === undefined ? undefined : encodeGuest(value, budget));
    } catch (error) {
      kernel.fail(turn, error);
    }
  };

  const fail =
    (turn: Turn) =>
    (error: unknown): void =>
      kernel.fail(turn, error);

  /** Pulls the next yield when the receivers have room for it, until the generator is done or its turn is over. */
  const step = (turn: Turn, generator: Stepping, first: boolean): void => {
    const advance = (): void => {
      if (turn.ended) {
        generator.return?.();
        return;
      }
      const result = generator.next();
      if (isThenable(result)) then(new PromiseIntrinsic((resolve) => resolve(result as never)), (settled) => guarded(() => yielded(settled)), fail(turn));
      else yielded(result);
    };
    const guarded = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        kernel.fail(turn, error);
      }
    };
    const yielded = (result: unknown): void => {
      const { done, value } = result as { done?: boolean; value: unknown };
      if (done) {
        kernel.settle(turn, undefined);
        return;
      }
      if (value !== undefined) {
        const payload = encodeGuest(value, budget);
        if (first) kernel.answer(turn, payload);
        else kernel.emit(turn, 0, payload);
        first = false;
      }
      const room = kernel.room() ?? new PromiseIntrinsic<void>((resolve) => resolve());
      then(room, () => guarded(advance), fail(turn));
    };
    advance();
  };

  return {
    load(loaded) {
      const { settings } = kernel;
      const [code] = loaded as readonly [string];
      contexts.begin(settings);
      network.install(globalThis);
      prepareWebGlobals(globalThis, code);
      if (code.includes(modulesParameter)) theFiles();
      const create = compile(code, settings.actor);
      return then(create(modules), (exports: Record<string, unknown>) => {
        const served: string[] = [];
        for (let i = 0; i < settings.inlets.length; i++) {
          const inlet = settings.inlets[i] as string;
          const handler = handlerOf(exports, inlet, settings.functions[inlet]);
          if (handler === undefined) continue;
          handlers[i] = handler;
          served[served.length] = inlet;
        }
        stop = lifecycle(exports, 'stop');
        const start = lifecycle(exports, 'start');
        const starting = start?.(contexts.of(undefined));
        return isThenable(starting) ? then(new PromiseIntrinsic((resolve) => resolve(starting as never)), () => served) : served;
      }) as Promise<readonly string[]>;
    },

    idle: network.idle,

    begin(turn) {
      const handler = handlers[turn.inlet];
      if (handler === undefined) throw hostError('actor.inlet', `this actor exports no handler for the inlet \`${kernel.settings.inlets[turn.inlet]}\``);
      const result = handler(turn.message ?? decodeGuest(turn, budget), contexts.of(turn));
      if (isThenable(result)) then(new PromiseIntrinsic((resolve) => resolve(result as never)), (value) => settle(turn, value), fail(turn));
      else settle(turn, result);
    },

    stop() {
      const stopping = stop?.(contexts.of(undefined));
      return isThenable(stopping) ? (new PromiseIntrinsic((resolve) => resolve(stopping as never)) as Promise<void>) : undefined;
    },
  };
}

function handlerOf(exports: Record<string, unknown>, inlet: string, named: string | undefined): Handle | undefined {
  const handler = named !== undefined ? exports[named] : inlet === 'in' ? (exports['handle'] ?? exports['default']) : exports[inlet];
  if (handler === undefined) {
    if (named === undefined) return undefined;
    throw hostError('actor.inlet', `the inlet \`${inlet}\` is to be served by \`${named}\`, which the source does not export`);
  }
  if (typeof handler !== 'function') throw hostError('actor.inlet', `the handler of the inlet \`${inlet}\` is no function`);
  return handler as Handle;
}

function lifecycle(exports: Record<string, unknown>, name: 'start' | 'stop'): Lifecycle | undefined {
  const found = exports[name];
  if (found === undefined) return undefined;
  if (typeof found !== 'function') throw hostError('actor.start', `the export \`${name}\` is reserved for a function`);
  return found as Lifecycle;
}
