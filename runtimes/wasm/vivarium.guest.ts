/** `extism:host/user`: emit, ask and services. While one of them waits, the plugin's stack is suspended (JSPI) and its turn stays open. */
import { budgetFor, encodeGuest } from '../guest/codec.ts';
import type { GuestPayload } from '../guest/kernel.ts';
import { describe, hostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { Blocks } from './blocks.guest.ts';
import type { Caller } from './caller.guest.ts';
import { type Codec, fromJson, jsonOf } from './codec.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

type Waiting = (first: bigint, second: bigint) => Promise<bigint>;

export function createVivarium(kernel: Kernel, blocks: Blocks, output: Codec, caller: Caller): Readonly<Record<string, Waiting>> {
  const { settings } = kernel;
  const budget = budgetFor(settings.limits.message);

  /** What a call came to, as a block of JSON. */
  const answer = async (call: () => Promise<GuestPayload>): Promise<bigint> => {
    let text: string;
    try {
      text = `{"ok":${jsonOf(await caller.wait(call()), budget)}}`;
    } catch (thrown) {
      const { code, message } = describe(thrown);
      text = JSON.stringify({ error: { code, message } });
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

    async vivarium_emit(outlet, message) {
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
      const room = kernel.room();
      if (room !== undefined) await caller.wait(room);
      return 0n;
    },
  };
}
