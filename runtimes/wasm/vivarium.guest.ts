/**
 * `extism:host/user`: emit, ask, services and state, and what is known of the execution. While one of the former waits, the plugin's stack is
 * suspended (JSPI) and its turn stays open.
 */
import { executionOf } from '../guest/execution.ts';
import { decodeGuest, encodeGuest } from '../guest/codec.ts';
import type { GuestPayload } from '../guest/kernel.ts';
import { describe, hostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import { payloadOf, type StateOperation, stateRequest, storable, type StoredEntry } from '../guest/state.ts';
import type { Message } from '../../sdk/message.ts';
import type { Settings } from '../guest/wire.ts';
import type { Blocks } from './blocks.guest.ts';
import type { Caller } from './caller.guest.ts';
import { type Codec, createCodec, fromJson, jsonOf, strictText } from './codec.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

type Waiting = (first: bigint, second: bigint, third: bigint) => bigint | Promise<bigint>;

/** Those that need not wait: a plugin that imports nothing else runs without JSPI. */
export const createVivariumNow = (blocks: Blocks, caller: Caller): Readonly<Record<string, () => bigint>> => ({
  vivarium_execution() {
    if (caller.turn === undefined) return 0n;
    const { id, attempt, parents, deadline, trace } = JSON.parse(executionOf(caller.turn)) as {
      id: string;
      attempt: number;
      parents: string[];
      deadline: number;
      trace: string;
    };
    return blocks.write(toUtf8(JSON.stringify({ id, attempt, parents, deadline: deadline === 0 ? null : deadline, trace: trace === '' ? null : trace })));
  },
});

export function createVivarium(kernel: Kernel, blocks: Blocks, caller: Caller): Readonly<Record<string, Waiting>> {
  const { budget } = kernel;
  let codec: Codec | undefined;
  const output = (): Codec => {
    codec ??= createCodec((kernel.settings.wasm as NonNullable<Settings['wasm']>).output, budget);
    return codec;
  };

  const plain = (payload: GuestPayload): string => jsonOf(payload, budget);

  /** What a call came to, as a block of JSON. */
  const answer = async (call: () => Promise<GuestPayload>, read = plain): Promise<bigint> => {
    let text: string;
    try {
      text = `{"ok":${read(await caller.wait(call()))}}`;
    } catch (thrown) {
      const { code, message, hint } = describe(thrown);
      text = JSON.stringify({ error: { code, message, hint } });
    }
    caller.check();
    return blocks.write(toUtf8(text));
  };

  const message = (offset: bigint): Message => fromJson(blocks.read(offset), budget);
  const json = (offset: bigint): GuestPayload => encodeGuest(message(offset), budget);

  const state = (operation: StateOperation, request: () => object, read = plain): Promise<bigint> =>
    answer(async () => kernel.calls.call(caller.turn?.id ?? 0, stateRequest(operation), encodeGuest(request(), budget)), read);

  const keyAt = (offset: bigint): string => strictText(blocks.read(offset));
  const condition = (offset: bigint): object => (offset === 0n ? {} : { if: message(offset) });

  const entry = (reply: GuestPayload): string => {
    const found = decodeGuest(reply, budget) as StoredEntry | null;
    return found === null ? 'null' : `{"value":${jsonOf(payloadOf(found.value), budget)},"version":${found.version}}`;
  };

  return {
    vivarium_service_call(name, input) {
      const operation = toShow(blocks.read(name));
      return answer(async () => kernel.calls.call(caller.turn?.id ?? 0, { is: 'call', capability: 'services', operation }, json(input)));
    },

    vivarium_ask(actor, message) {
      const peer = toShow(blocks.read(actor));
      return answer(async () => {
        const { peers, actor: self } = kernel.settings;
        if (!peers.includes(peer)) throw hostError('actor.unknown', `no connection leads from this actor to \`${peer}\``, `connections: [${self} -> ${peer}]`);
        return kernel.calls.call(caller.turn?.id ?? 0, { is: 'ask', peer }, json(message));
      });
    },

    vivarium_state_get: (key) => state('get', () => ({ key: keyAt(key) }), entry),
    vivarium_state_put: (key, value, expected) => state('put', () => ({ key: keyAt(key), value: storable(message(value), budget), ...condition(expected) })),
    vivarium_state_delete: (key, expected) => state('delete', () => ({ key: keyAt(key), ...condition(expected) })),
    vivarium_state_list: (range) => state('list', () => (range === 0n ? {} : (message(range) as object))),

    vivarium_emit(outlet, message) {
      const name = toShow(blocks.read(outlet));
      const { outlets } = kernel.settings;
      const index = outlets.indexOf(name);
      if (index === -1) {
        throw hostError(
          'actor.outlet',
          `this actor has no outlet \`${name}\`; it has ${outlets.join(', ')}`,
          'a connection or an output of the manifest makes an outlet',
        );
      }
      kernel.emit(caller.turn, index, output().decode(blocks.read(message)));
      // What is no promise does not suspend the plugin.
      const room = kernel.room();
      return room === undefined ? 0n : caller.wait(room).then(() => 0n);
    },
  };
}
