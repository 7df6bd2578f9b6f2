/**
 * The functions that Python gets of the kernel, in the order of vivarium/host.py. Any code of the guest may call them, with
 * anything: they check what they take, never throw, and give nothing but strings, booleans and undefined.
 */
import { describe, foreignError, hostError } from '../guest/failure.ts';
import { executionOf } from '../guest/execution.ts';
import type { GuestPayload, Kernel, Turn } from '../guest/kernel.ts';
import { defineProperty, NumberIntrinsic, now, resolved, StringIntrinsic, stringify, table, then } from '../guest/primordials.ts';
import { binaryLane, textLane } from '../lanes.ts';
import type { LogLevel } from '../protocol.ts';
import type { Ahead } from './ahead.guest.ts';
import type { PythonDoors } from './doors.guest.ts';
import type { Files } from './files.guest.ts';

export interface Bridge {
  readonly functions: readonly unknown[];
  /** Python has used its event loop since this was asked last. */
  stirred(): boolean;
  onFinished: (record: string | undefined) => void;
}

/** How long callbacks of the event loop may make each other ready before others get their turn. Milliseconds. */
const loopSlice = 5;

/** An error record as JSON; undefined if all went well. */
type Refusal = string | undefined;

export function createBridge(kernel: Kernel, doors: () => PythonDoors, files: Files, ahead: () => Ahead): Bridge {
  const timers = table<number>();
  let stirred = false;

  const kept = resolved(undefined);
  defineProperty(kept, 'constructor', { value: undefined });

  /** Runs what is ready, in rounds, until nothing is or the slice is over. */
  const runReady = (): void => {
    while (doors().run_ready() === true) {
      if (now() - kernel.doorTime() < loopSlice) continue;
      if (guarded(() => void kernel.timers.set(runReady, 0, true)) === undefined) return;
    }
  };

  const guarded = (run: () => void): Refusal => {
    try {
      run();
      return undefined;
    } catch (error) {
      return stringify(describe(error));
    }
  };

  /** 0 is no turn: `start`, `stop`, and what they began. */
  const turnOf = (id: unknown): Turn | undefined => {
    if (id === 0) return undefined;
    const turn = kernel.turn(NumberIntrinsic(id));
    if (turn === undefined) throw hostError('actor.turn-ended', 'the turn of this context has ended: nothing can be sent or asked through it any more');
    return turn;
  };

  /** Files and requests do not know in whose turn they are made: -1 is the one whose code runs, as far as it can be told. */
  const callerOf = (id: unknown): number => (id === -1 ? kernel.current() : turnOf(id))?.id ?? 0;

  /** Below 0 are the codes by which turns end: see guest/wire.ts. */
  const outletOf = (number: unknown): number => {
    for (let outlet = 0; outlet < kernel.settings.outlets.length; outlet++) if (number === outlet) return outlet;
    throw hostError('actor.outlet', 'this actor has no such outlet');
  };

  const openTurn = (id: unknown): Turn | undefined => kernel.turn(NumberIntrinsic(id));

  const payloadOf = (lane: unknown, text: unknown): GuestPayload => ({ lane: lane === binaryLane ? binaryLane : textLane, text: StringIntrinsic(text) });

  type Request = Parameters<Kernel['calls']['call']>[1];
  type RequestOf = (capability: unknown, name: unknown) => Request;
  const callOf: RequestOf = (capability, operation) => ({ is: 'call', capability: StringIntrinsic(capability), operation: StringIntrinsic(operation) });
  const askOf: RequestOf = (_, peer) => ({ is: 'ask', peer: StringIntrinsic(peer) });

  const later =
    (requestOf: RequestOf) =>
    (token: number, turn: unknown, capability: unknown, name: unknown, lane: unknown, text: unknown, background: unknown): Refusal =>
      guarded(() => {
        stirred = true;
        then(
          kernel.calls.call(callerOf(turn), requestOf(capability, name), payloadOf(lane, text), background === true),
          (reply: GuestPayload) => doors().reply(token, '', reply.lane, reply.text),
          (error) => doors().reply(token, stringify(describe(error)), textLane, ''),
        );
      });

  const atOnce =
    (requestOf: RequestOf) =>
    (turn: unknown, capability: unknown, name: unknown, lane: unknown, text: unknown): string => {
      try {
        const reply = kernel.calls.callSynchronously(callerOf(turn), requestOf(capability, name), payloadOf(lane, text));
        return `${reply.lane}${reply.text}`;
      } catch (error) {
        return `!${stringify(describe(error))}`;
      }
    };

  const bridge = {
    onFinished: (_record: Refusal): void => {},
    stirred(): boolean {
      const was = stirred;
      stirred = false;
      return was;
    },
    functions: [
      function settle(id: unknown, lane: unknown, text: unknown): void {
        const turn = openTurn(id);
        if (turn !== undefined) kernel.settle(turn, payloadOf(lane, text));
      },
      function settleWithNothing(id: unknown): void {
        const turn = openTurn(id);
        if (turn !== undefined) kernel.settle(turn, undefined);
      },
      function fail(id: unknown, record: unknown): void {
        const turn = openTurn(id);
        if (turn !== undefined) kernel.fail(turn, foreignError(record));
      },
      function answer(id: unknown, lane: unknown, text: unknown): Refusal {
        return guarded(() => kernel.answer(turnOf(id) as Turn, payloadOf(lane, text)));
      },
      function emit(id: unknown, outlet: unknown, lane: unknown, text: unknown): Refusal {
        return guarded(() => kernel.emit(turnOf(id), outletOf(outlet), payloadOf(lane, text)));
      },
      function room(token: number): boolean {
        const waiting = kernel.room();
        if (waiting === undefined) return true;
        stirred = true;
        then(waiting, () => doors().room(token));
        return false;
      },
      later(callOf),
      later(askOf),
      atOnce(callOf),
      atOnce(askOf),
      function execution(id: unknown): string | undefined {
        const turn = openTurn(id);
        return turn === undefined ? undefined : executionOf(turn);
      },
      function log(level: unknown, text: unknown): void {
        kernel.log(level === 'debug' || level === 'warn' || level === 'error' ? (level as LogLevel) : 'info', StringIntrinsic(text));
      },
      function stir(): void {
        stirred = true;
        then(kept, runReady);
      },
      function timer(token: number, delay: unknown, background: unknown): Refusal {
        return guarded(() => {
          stirred = true;
          timers[token] = kernel.timers.set(
            () => {
              delete timers[token];
              doors().fire(token);
            },
            delay,
            background === true,
          );
        });
      },
      function untimer(token: number): void {
        const timer = timers[token];
        delete timers[token];
        if (timer !== undefined) kernel.timers.clear(timer);
      },
      function sleep(delay: unknown): void {
        guarded(() => kernel.calls.sleep(NumberIntrinsic(delay)));
      },
      function refusal(): string | undefined {
        return files.refusal();
      },
      function reach(texts: unknown): number {
        try {
          return ahead().reach(StringIntrinsic(texts)).id;
        } catch (error) {
          kernel.fatal(error);
          return 0;
        }
      },
      function take(texts: unknown): void {
        try {
          ahead().take(StringIntrinsic(texts));
        } catch (error) {
          kernel.fatal(error);
        }
      },
      function finished(record: unknown): void {
        bridge.onFinished(record === undefined ? undefined : StringIntrinsic(record));
      },
    ],
  };
  return bridge;
}
