/**
 * The network for JavaScript: `fetch` and `WebSocket` over calls to the host, which decides and does everything. Here nothing is
 * decided: without a grant each use is refused with `policy.denied`.
 */
import { decodeGuest, encodeGuest } from './codec.ts';
import { CallPlace, describe, errorAt, HostError, hostError } from './failure.ts';
import { createFetch } from './fetch.ts';
import type { GuestPayload, Kernel } from './kernel.ts';
import type { Line } from './line.ts';
import { defineGlobals } from './globals.ts';
import { defineProperty, ErrorIntrinsic, table, then, TypeErrorIntrinsic } from './primordials.ts';
import { createWebSocket } from './websocket.ts';

export interface GuestNetwork {
  /** Defines the globals. */
  install(realm: object): void;
  /** No turn is open: what turns left open is closed. */
  idle(): void;
}

const largestPiece = 512 * 1024;
const wordsAround = 4 * 1024;

export function createNetwork(kernel: Kernel): GuestNetwork {
  const { budget } = kernel;
  let open = table<() => void>();
  let next = 1;
  let some = false;

  const lineOf = (persistent: boolean): Line => {
    const send = (operation: string, input: unknown): Promise<GuestPayload> => {
      const turn = persistent ? undefined : kernel.current();
      if (turn === undefined && !persistent && !kernel.inBackground() && kernel.idle())
        throw hostError('actor.turn-ended', 'the network cannot be used after the turn has ended');
      return kernel.calls.call(turn?.id ?? 0, { is: 'call', capability: 'network', operation }, encodeGuest(input, budget), persistent || undefined);
    };
    return {
      get piece() {
        return Math.max(1, Math.min(largestPiece, kernel.settings.limits.message - wordsAround));
      },
      call(operation, input, place = new CallPlace()) {
        return then(
          send(operation, input),
          (reply: GuestPayload) => decodeGuest(reply, budget),
          (error) => {
            throw webError(error, place);
          },
        );
      },
      tell(operation, input) {
        const ignore = (): void => {};
        try {
          then(kernel.calls.call(0, { is: 'call', capability: 'network', operation }, encodeGuest(input, budget), true), ignore, ignore);
        } catch {
          // With too many calls in flight the host closes it when its time is over.
        }
      },
      warn(error) {
        kernel.log('warn', `WebSocket: ${describe(error).message}`);
      },
      untilIdle(close) {
        if (persistent || kernel.idle()) return () => {};
        const id = next++;
        open[id] = close;
        some = true;
        return () => {
          delete open[id];
        };
      },
      persistent: () => lineOf(persistent || (kernel.inBackground() && kernel.idle())),
    };
  };

  const line = lineOf(false);
  const globals = { fetch: createFetch(line), WebSocket: createWebSocket(line) };

  return {
    install(realm) {
      defineGlobals(realm, globals);
    },
    idle() {
      if (!some) return;
      const left = open;
      open = table();
      some = false;
      for (const id in left) left[id]?.();
    },
  };
}

/** A denial and a limit stay what they are; a request that failed is a `TypeError` whose cause has the code of the system. */
function webError(error: unknown, place: CallPlace): unknown {
  const record = HostError.recordOf(error);
  if (record?.code !== 'network.failed') return errorAt(place, error);
  const cause = new ErrorIntrinsic(record.message);
  defineProperty(cause, 'code', { value: record.name, writable: true, enumerable: true, configurable: true });
  const failed = new TypeErrorIntrinsic('fetch failed');
  defineProperty(failed, 'cause', { value: cause, writable: true, configurable: true });
  const { stack } = place;
  const frames = typeof stack === 'string' ? stack.indexOf('\n    at ') : -1;
  if (frames >= 0) defineProperty(failed, 'stack', { value: `TypeError: fetch failed${(stack as string).slice(frames)}`, writable: true, configurable: true });
  return failed;
}
