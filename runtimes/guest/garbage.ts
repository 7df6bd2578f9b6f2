/**
 * Strings that enter an isolate lie outside of its heap. V8 lets go of them when it collects its old generation, and does not count them
 * as a reason to do so: an isolate that allocates little would keep everything that ever entered it, up to 64 MiB. So the bootstrap
 * collects when enough has come in.
 */
import { now } from './primordials.ts';

/** Characters that came in since the last collection; more where collecting is slow, by so many for each millisecond that it took. */
const usually = 2 * 1024 * 1024;
const forEachMillisecond = 1024 * 1024;
/** Large messages are no reason to collect with each of them. */
const deliveries = 8;

export interface Garbage {
  /** @param collect absent where V8 was started without it */
  begin(collect: (() => void) | undefined): void;
  /** A door was given so many characters. */
  entered(characters: number): void;
}

export function createGarbage(): Garbage {
  let collect: (() => void) | undefined;
  let entered = 0;
  let most = usually;

  return {
    begin(given) {
      collect = given;
    },
    entered(characters) {
      entered += characters;
      if (collect === undefined || entered < most || entered < deliveries * characters) return;
      entered = 0;
      const began = now();
      collect();
      most = usually + (now() - began) * forEachMillisecond;
    },
  };
}
