/**
 * `extism:host/user`: emit, ask and services, and what is known of the execution. While one of the former waits, the plugin's stack is
 * suspended (JSPI) and its turn stays open.
 */
import { executionOf } from '../guest/execution.ts';
import { budgetFor, encodeGuest } from '../guest/codec.ts';
import type { GuestPayload } from '../guest/kernel.ts';
import { describe, hostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { Blocks } from './blocks.guest.ts';
import type { Caller } from './caller.guest.ts';
import { type Codec, fromJson, jsonOf } from './codec.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

type Waiting = (first: bigint, second: bigint) => bigint | Promise<bigint>;

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

export function createVivarium(kernel: Kernel, blocks: Blocks, output: Codec, caller: Caller): Readonly<Record<string, Waiting>> {
  const { settings } = kernel;
  const budget = budgetFor(settings.limits.message);

  /** What a call came to, as a block of JSON. */
  const answer = async (call: () => Promise<GuestPayload>): Promise<bigint> => {
    let text: string;
    try {
      text = `{"ok":${jsonOf(await caller.wait(call()), budget)}}`;
    } catch (thrown) {
      const { code, message, hint } = describe(thrown);
      text = JSON.stringify({ error: { code, message, hint } });
    }
    caller.check();
    return blocks.write(toUtf8(text));
  };

  const json = (offset: bigint): GuestPayload => encodeGuest(fromJson(blocks.read(offset), budget), budget);

  return {
    vivarium_service_call(name, input) {
      const operation = toShow(blocks.read(name));
      return answer(async () => kernel.calls.call(caller.turn?.id ?? 0, { is: 'call', capability: 'services', operation }, json(input)));
    },

    vivarium_ask(actor, message) {
      const peer = toShow(blocks.read(actor));
      return answer(async () => {
        if (!settings.peers.includes(peer))
          throw hostError('actor.unknown', `no connection leads from this actor to \`${peer}\``, `connections: [${settings.actor} -> ${peer}]`);
        return kernel.calls.call(caller.turn?.id ?? 0, { is: 'ask', peer }, json(message));
      });
    },

    vivarium_emit(outlet, message) {
      const name = toShow(blocks.read(outlet));
      const index = settings.outlets.indexOf(name);
      if (index === -1) {
        throw hostError(
          'actor.outlet',
          `this actor has no outlet \`${name}\`; it has ${settings.outlets.join(', ')}`,
          'a connection or an output of the manifest makes an outlet',
        );
      }
      kernel.emit(caller.turn, index, output.decode(blocks.read(message)));
      // What is no promise does not suspend the plugin.
      const room = kernel.room();
      return room === undefined ? 0n : caller.wait(room).then(() => 0n);
    },
  };
}
