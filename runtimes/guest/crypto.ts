/**
 * `crypto.getRandomValues` and `crypto.randomUUID`, and `performance.now` at one millisecond.
 * Random bytes are a ChaCha20 key stream from a seed that the cell draws for each instance.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { defineGlobals } from './globals.ts';
import { ErrorIntrinsic, now, RangeErrorIntrinsic, setBytes, sliceBytes, TypeErrorIntrinsic, Uint8ArrayIntrinsic } from './primordials.ts';

const blockBytes = 1024;
const keyBytes = 32;

/** Takes 32 bytes, different for each isolate, before anything is drawn. */
export type Seed = (seed: Uint8Array) => void;

/** Fast key erasure: each block's first bytes become the next key, so past output cannot be computed from the present state. */
function createRandom(): { seed: Seed; fill: (target: Uint8Array) => void } {
  let key: Uint8Array | undefined;
  const nonce = new Uint8ArrayIntrinsic(12);
  let block = new Uint8ArrayIntrinsic(0);
  let used = 0;
  const refill = (): void => {
    if (key === undefined) throw new ErrorIntrinsic('nothing was given to draw from');
    const stream = chacha20(key, nonce, new Uint8ArrayIntrinsic(blockBytes + keyBytes));
    key = sliceBytes(stream, 0, keyBytes);
    block = sliceBytes(stream, keyBytes) as Uint8Array<ArrayBuffer>;
    used = 0;
  };
  return {
    seed(seed) {
      key = sliceBytes(seed, 0, keyBytes);
    },
    fill(target) {
      for (let at = 0; at < target.length; ) {
        if (used === block.length) refill();
        const size = target.length - at < block.length - used ? target.length - at : block.length - used;
        setBytes(target, sliceBytes(block, used, used + size), at);
        used += size;
        at += size;
      }
    },
  };
}

/** As in the Web Cryptography API: no more in one call. */
const largestRequest = 65_536;

export function installCrypto(realm: object): Seed {
  const { seed, fill } = createRandom();
  const crypto = {
    getRandomValues<T extends ArrayBufferView>(view: T): T {
      if (!ArrayBuffer.isView(view)) throw new TypeErrorIntrinsic('getRandomValues takes an integer typed array');
      if (view.byteLength > largestRequest) throw new RangeErrorIntrinsic(`getRandomValues fills at most ${largestRequest} bytes at once`);
      fill(new Uint8ArrayIntrinsic(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength));
      return view;
    },
    randomUUID(): string {
      const bytes = new Uint8ArrayIntrinsic(16);
      fill(bytes);
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
      let text = '';
      for (let i = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
        text += ((bytes[i] as number) + 256).toString(16).slice(1);
      }
      return text;
    },
  };
  defineGlobals(realm, { crypto });
  return seed;
}

/** Time begins with the actor. */
export function installClock(realm: object): void {
  const origin = now();
  defineGlobals(realm, { performance: { now: () => now() - origin, timeOrigin: origin } });
}
