/**
 * Calls from a guest to the host, and `ask`s of other actors: asynchronous (a promise that the `reply` door
 * settles) and synchronous (the isolate's thread sleeps on a shared buffer that only this closure holds).
 *
 * A captured `Atomics.wait` is the one way to wait that the time limit and `dispose` can end.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { textLimits } from '../limits.ts';
import type { Lane } from '../protocol.ts';
import { bytesToText } from './codec.ts';
import { hostError, HostError } from './failure.ts';
import type { Calls, GuestPayload, Kernel, Request } from './kernel.ts';
import { Int32ArrayIntrinsic, lengthOf, min, parse, PromiseIntrinsic, setBytes, sliceBytes, subarray, table, Uint8ArrayIntrinsic } from './primordials.ts';
import { failedCall, lastChunk, sharedHeader, waiting } from './wire.ts';

interface Waiting {
  readonly background: boolean;
  resolve(payload: GuestPayload): void;
  reject(error: unknown): void;
}

export function createCalls(kernel: Kernel): Calls {
  let shared: ArrayBuffer | undefined;
  let pending = table<Waiting>();
  let count = 0;
  let next = 1;

  const admit = (what: Request): number => {
    const limit = kernel.settings.limits.calls;
    const name = what.is === 'call' ? what.operation : what.peer;
    if (name.length > textLimits.name)
      throw hostError(what.is === 'call' ? 'service.unknown' : 'actor.unknown', `nothing has a name of ${name.length} characters`);
    if (count >= limit) throw hostError('limit.calls', `this actor already has ${count} calls in flight`, 'limits: { calls: … }');
    return next++;
  };

  /** Before anything is said that the cell may answer: said of a large request, this might be after the answer, which it would undo. */
  const sleeping = (): ArrayBuffer => {
    if (shared === undefined) throw hostError('policy.denied', 'this runtime has no synchronous calls');
    kernel.captured.store(new Int32ArrayIntrinsic(shared), 0, waiting);
    return shared;
  };

  const request = (id: number, turn: number, what: Request, payload: GuestPayload, synchronous: boolean): void => {
    const event = {
      __proto__: null,
      ...what,
      id,
      turn,
      lane: payload.lane,
      payload: payload.bytes === undefined ? payload.text : bytesToText(payload.bytes),
      synchronous,
    } as never;
    kernel.outbox.event(event);
  };

  /**
   * Sleeps until the reply lies in the shared buffer; a long one comes in chunks.
   * @param take gets a view of each: whatever else got it could show it to the guest
   */
  const receive = (shared: ArrayBuffer, take: (bytes: Uint8Array) => void): Lane => {
    const { captured } = kernel;
    const words = new Int32ArrayIntrinsic(shared);
    for (;;) {
      kernel.outbox.flush();
      while (captured.load(words, 0) === waiting) captured.wait(words, 0, waiting);
      const state = captured.load(words, 0);
      const bytes = new Uint8ArrayIntrinsic(shared, sharedHeader, words[1] as number);
      if (state === failedCall) throw new HostError(parse(bytesToText(sliceBytes(bytes, 0))) as ErrorRecord);
      take(bytes);
      if (state === lastChunk) return words[2] as Lane;
      captured.store(words, 0, waiting);
      kernel.outbox.event({ is: 'more' });
    }
  };

  return {
    begin(given) {
      shared = given;
    },

    call(turn, what, payload, background = kernel.inBackground()) {
      const id = admit(what);
      count++;
      return new PromiseIntrinsic<GuestPayload>((resolve, reject) => {
        pending[id] = { resolve, reject, background };
        request(id, turn, what, payload, false);
      });
    },

    callSynchronously(turn, what, payload) {
      const buffer = sleeping();
      let text = '';
      request(admit(what), turn, what, payload, true);
      const lane = receive(buffer, (bytes) => {
        // Copied first: whatever reads a view may show it to the guest, and its buffer with it.
        text += bytesToText(sliceBytes(bytes, 0));
      });
      return { lane, text };
    },

    callSynchronouslyForBytes(turn, what, payload, target) {
      const buffer = sleeping();
      let written = -1;
      request(admit(what), turn, what, payload, true);
      receive(buffer, (bytes) => {
        const start = written < 0 ? bytesStart(bytes) : 0;
        written = written < 0 ? 0 : written;
        const end = min(lengthOf(bytes), start + lengthOf(target) - written);
        setBytes(target, subarray(bytes, start, end), written);
        written += end - start;
      });
      return written;
    },

    sleep(delay) {
      const buffer = sleeping();
      kernel.outbox.event({ is: 'sleep', id: next++, delay });
      receive(buffer, () => {});
    },

    reply(id, error, lane, payload) {
      const call = pending[id];
      if (call === undefined) return;
      delete pending[id];
      count--;
      kernel.runAs(call.background, () => {
        if (error === '') call.resolve(typeof payload === 'string' ? { lane, text: payload } : { lane, text: '', bytes: new Uint8ArrayIntrinsic(payload) });
        else call.reject(new HostError(parse(error) as ErrorRecord));
      });
    },

    clearForeground() {
      if (count === 0) return;
      const kept = table<Waiting>();
      let left = 0;
      for (const id in pending) {
        const call = pending[id] as Waiting;
        if (!call.background) continue;
        kept[id] = call;
        left++;
      }
      pending = kept;
      count = left;
    },
  };
}

/** Where the content of bytes begins that are a message, see sdk/codec: after a mark and their length. */
function bytesStart(message: Uint8Array): number {
  const start = headerBytes[message[0] as number];
  if (start === undefined) throw hostError('message.invalid', 'the host did not answer with bytes');
  return start;
}

const headerBytes = table<number>();
headerBytes[0xc4] = 2;
headerBytes[0xc5] = 3;
headerBytes[0xc6] = 5;
