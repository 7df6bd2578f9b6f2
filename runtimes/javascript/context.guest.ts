/** `context` as a handler sees it: one small object a turn, everything constant on its prototype. */
import type { Context, ExecutionInfo, Services, State } from '../../sdk/actor/index.ts';
import type { Message } from '../../sdk/message.ts';
import { stateRequest } from '../guest/state.ts';
import { decodeGuest, encodeGuest } from '../guest/codec.ts';
import { createLogger } from '../guest/console.ts';
import { executionOf } from '../guest/execution.ts';
import { AbortController } from '../guest/web/abort.ts';
import { CallPlace, errorAt, hostError } from '../guest/failure.ts';
import type { GuestPayload, Kernel, Turn } from '../guest/kernel.ts';
import { defineProperty, freeze, parse, ProxyIntrinsic, resolved, StringIntrinsic, table, then } from '../guest/primordials.ts';
import type { Settings } from '../guest/wire.ts';
import { createState } from './state.guest.ts';

export interface Contexts {
  begin(settings: Settings): void;
  of(turn: Turn | undefined): Context;
}

export function createContexts(kernel: Kernel): Contexts {
  const { budget } = kernel;
  let outlets: Record<string, number>;
  let peers: Record<string, number>;
  const log = createLogger(kernel);
  const accepted = resolved(undefined) as Promise<void>;

  /** What a call comes to. It is called where the author's function is still on the stack. */
  const answerOf = (call: Promise<GuestPayload>): Promise<Message> => {
    const place = new CallPlace();
    const decoded = (reply: GuestPayload): Message => decodeGuest(reply, budget);
    const failed = (error: unknown): never => {
      throw errorAt(place, error);
    };
    return then(call, decoded, failed) as Promise<Message>;
  };

  class TurnContext {
    readonly #turn: Turn | undefined;
    #signal: AbortSignal | undefined;
    #services: unknown;
    #state: State | undefined;

    constructor(turn: Turn | undefined) {
      this.#turn = turn;
    }

    get execution(): ExecutionInfo | undefined {
      return this.#turn === undefined ? undefined : readExecution(executionOf(this.#turn));
    }

    get services(): Services {
      this.#services ??= service(this.#turn, '');
      return this.#services as Services;
    }

    get state(): State {
      const turn = this.#turn;
      this.#state ??= createState((operation, request) => {
        refuseEnded(turn);
        return answerOf(kernel.calls.call(turn?.id ?? 0, stateRequest(operation), encodeGuest(request, budget)));
      }, budget);
      return this.#state;
    }

    get signal(): AbortSignal {
      if (this.#signal === undefined) {
        const controller = new AbortController();
        this.#signal = controller.signal;
        if (this.#turn !== undefined) this.#turn.onCancel = (reason) => controller.abort(reason);
      }
      return this.#signal;
    }

    /** `emit` and `ask` may be taken out of the context, as in `({ emit }) => …`. */
    get emit(): Context['emit'] {
      return (outlet, value) => this.#emit(outlet, value);
    }

    get ask(): Context['ask'] {
      return (actor, value) => this.#ask(actor, value);
    }

    #emit(outlet: string, value: unknown): Promise<void> {
      const index = outlets[outlet];
      if (index === undefined) {
        throw hostError(
          'actor.outlet',
          `this actor has no outlet \`${StringIntrinsic(outlet)}\`; it has ${kernel.settings.outlets.join(', ')}`,
          'a connection or an output of the manifest makes an outlet',
        );
      }
      kernel.emit(this.#turn, index, encodeGuest(value, budget));
      return kernel.room() ?? accepted;
    }

    #ask(actor: string, value: unknown): Promise<Message> {
      if (peers[actor] === undefined) {
        throw hostError(
          'actor.unknown',
          `no connection leads from this actor to \`${StringIntrinsic(actor)}\``,
          `connections: [${kernel.settings.actor} -> ${StringIntrinsic(actor)}]`,
        );
      }
      refuseEnded(this.#turn);
      return answerOf(kernel.calls.call(this.#turn?.id ?? 0, { is: 'ask', peer: actor }, encodeGuest(value, budget)));
    }
  }

  /**
   * `services.orders.list`: every name can be called. What the policy does not grant is refused by the host,
   * with the reason and the line that would allow it; here nothing is decided.
   */
  function service(turn: Turn | undefined, name: string): unknown {
    const members = table<unknown>();
    const call = (input: unknown = null): Promise<Message> => {
      refuseEnded(turn);
      return answerOf(kernel.calls.call(turn?.id ?? 0, { is: 'call', capability: 'services', operation: name }, encodeGuest(input, budget)));
    };
    return new ProxyIntrinsic(call, {
      get: (_, key) => {
        // `then` would make a promise of it wherever it is awaited or returned.
        if (typeof key !== 'string' || key === 'then') return undefined;
        members[key] ??= service(turn, name === '' ? key : `${name}.${key}`);
        return members[key];
      },
    });
  }

  // Whoever had the class could make contexts of turns that never were.
  defineProperty(TurnContext.prototype, 'constructor', { value: Object, writable: true, configurable: true });
  const constant = (name: string, value: unknown): void => {
    defineProperty(TurnContext.prototype, name, { value, enumerable: true });
  };
  constant('log', freeze(log));

  return {
    begin(settings) {
      outlets = numbered(settings.outlets);
      peers = numbered(settings.peers);
      constant('config', settings.config);
      constant('env', freeze(settings.environment));
      constant('secrets', freeze(settings.secrets));
    },
    of: (turn) => new TurnContext(turn) as unknown as Context,
  };
}

function refuseEnded(turn: Turn | undefined): void {
  if (turn?.ended) throw hostError('actor.turn-ended', 'the turn of this context has ended: nothing can be asked through it any more');
}

function numbered(names: readonly string[]): Record<string, number> {
  const numbers = table<number>();
  for (let i = 0; i < names.length; i++) numbers[names[i] as string] = i;
  return numbers;
}

function readExecution(text: string): ExecutionInfo {
  const { id, parents, attempt, deadline, trace } = parse(text) as { id: string; parents: string[]; attempt: number; deadline: number; trace: string };
  return { id, parents, attempt, deadline: deadline === 0 ? undefined : new Date(deadline), trace: trace === '' ? undefined : trace };
}
