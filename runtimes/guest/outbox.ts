/**
 * What a guest has to say, collected and sent in one go: at the end of a door, or in one microtask when
 * an asynchronous continuation spoke.
 *
 * Every statement here may be the last one before the time limit ends the guest, or throw because the guest
 * stands at its stack limit. So a record names where its payloads start, a payload is appended before its length, and
 * nothing counts before its length is there: each line leaves a state from which `flush` can go on.
 */
import type { Lane } from '../lanes.ts';
import { textLane } from '../lanes.ts';
import { fromCharCode, lengthOf, resolved, setBytes, stringify, subarray, then, Uint16ArrayIntrinsic, Uint8ArrayIntrinsic } from './primordials.ts';
import {
  codeOffset,
  type GuestEvent,
  inBytes,
  lengthWidth,
  mostPayloads,
  paired,
  type Place,
  type Send,
  settledWithNothing,
  settledWithValue,
} from './wire.ts';

/** Beyond this the outbox is sent at once, so that a flood does not pile up inside the isolate. */
const flushBytes = 1024 * 1024;
/** What is kept for the bytes of the next time. More is made as it is needed, since with what is sent goes the whole buffer that it is in. */
const keptBytes = 4 * 1024;
/** Numbers that become text together: a text for each length, joined to those before it, costs more than all else about it. */
const fewUnits = 8 * lengthWidth;

export interface Outbox {
  /** To be called before anything is said. */
  begin(send: Send): void;
  /** @param bytes in the place of the text; they are copied at once */
  record(turn: number, code: number, lane: Lane, text: string, bytes?: Uint8Array): void;
  /** That turns in a row ended alike: with these texts, or with nothing. At most {@link mostPayloads}. */
  recordRow(firstTurn: number, code: number, lengths: string, payloads: string): void;
  event(event: GuestEvent): void;
  flush(): void;
  /** Between these two the outbox waits for the end of the door. */
  enter(): void;
  leave(): void;
}

/** The turn that a record can go on with: the next one, if turns ended alike, or the same, if it sent to an outlet. */
const following = (turn: number, code: number): number => {
  if (code >= 0) return turn;
  return code === settledWithValue || code === settledWithNothing ? turn + 1 : -1;
};

const none = new Uint8ArrayIntrinsic(0);

/** Each of {@link fewUnits} as a character. One by one: a list of arguments that has to be made takes far longer. */
const textOf = (u: Uint16Array): string => {
  const at = (place: number): number => u[place] as number;
  return fromCharCode(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10), at(11), at(12), at(13), at(14), at(15));
};

export function createOutbox(): Outbox {
  let send: Send;
  /** Those that are complete; the last one is still open, and described by the variables below. */
  let records = '';
  let lengths = '';
  /** Those that come behind `lengths`. */
  const recent = new Uint16ArrayIntrinsic(fewUnits);
  let recentUnits = 0;
  /** How many payloads have a length. */
  let payloads = 0;
  let events = '';
  let body = '';
  /** Never shown to the guest, who could write to it or take it away. */
  let bytes = none;
  let filled = 0;
  let turn = 0;
  let code = 0;
  let place: Place = 0;
  let start = 0;
  /** Payloads before the open record. */
  let before = 0;
  /** With what the open record would go on. */
  let nextTurn = -1;
  let nextStart = -1;
  let entered = false;
  let queued = false;

  const kept = resolved(undefined);
  Object.defineProperty(kept, 'constructor', { value: undefined });

  /** The records with the open one. */
  const complete = (): string => {
    const count = payloads - before;
    return count === 0 ? records : records + fromCharCode(turn, turn >>> 16, paired(code + codeOffset, place), start, start >>> 16, count);
  };

  const allLengths = (): string => {
    if (recentUnits === fewUnits) return lengths + textOf(recent);
    let text = lengths;
    for (let at = 0; at < recentUnits; at++) text += fromCharCode(recent[at] as number);
    return text;
  };

  const flush = (): void => {
    queued = false;
    if (payloads > 0 || events !== '') {
      const list = events === '' ? '' : `[${events}]`;
      // What the stack has no room to send stays. What was sent is forgotten before anything else is called: it would be sent twice.
      send(complete(), allLengths(), list, body, filled === 0 ? undefined : subarray(bytes, 0, filled));
    }
    records = '';
    lengths = '';
    recentUnits = 0;
    payloads = 0;
    events = '';
    body = '';
    filled = 0;
    before = 0;
    nextTurn = -1;
    if (lengthOf(bytes) > keptBytes) bytes = none;
  };

  /** To be called before anything is taken: what throws here has lost nothing. */
  const makeReady = (): void => {
    if (body.length + filled + events.length > flushBytes || payloads >= mostPayloads) flush();
    if (!entered && !queued) {
      then(kept, flush);
      queued = true;
    }
  };

  const keep = (payload: Uint8Array, length: number): void => {
    const needed = filled + length;
    if (needed > lengthOf(bytes)) {
      const doubled = 2 * lengthOf(bytes);
      const larger = new Uint8ArrayIntrinsic(needed < keptBytes ? keptBytes : needed < doubled ? doubled : needed);
      setBytes(larger, subarray(bytes, 0, filled));
      bytes = larger;
    }
    setBytes(bytes, payload, filled);
    filled += length;
  };

  /** That payloads, which lie in their place from `at` on and before `end`, belong to a record. */
  const append = (ofTurn: number, said: number, inPlace: Place, sizes: string | number, at: number, end: number, next: number): void => {
    if (recentUnits === fewUnits || typeof sizes === 'string') {
      lengths = allLengths();
      recentUnits = 0;
    }
    if (ofTurn !== nextTurn || said !== code || inPlace !== place || at !== nextStart) {
      records = complete();
      before = payloads;
      turn = ofTurn;
      code = said;
      place = inPlace;
      start = at;
    }
    // From here on nothing is called, so all of it happens or none.
    nextTurn = next;
    nextStart = end;
    if (typeof sizes === 'string') {
      lengths += sizes;
      payloads += sizes.length / lengthWidth;
    } else {
      recent[recentUnits++] = sizes;
      recent[recentUnits++] = sizes >>> 16;
      payloads++;
    }
  };

  return {
    begin(given) {
      send = given;
    },
    record(ofTurn, said, lane, text, payload) {
      makeReady();
      const length = payload === undefined ? text.length : lengthOf(payload);
      const at = payload === undefined ? body.length : filled;
      if (payload === undefined) body += text;
      else keep(payload, length);
      append(ofTurn, said, payload === undefined ? lane : inBytes, length, at, at + length, following(ofTurn, said));
    },
    recordRow(firstTurn, said, sizes, texts) {
      makeReady();
      const at = body.length;
      body += texts;
      append(firstTurn, said, textLane, sizes, at, at + texts.length, firstTurn + sizes.length / lengthWidth);
    },
    event(event) {
      makeReady();
      // Without a prototype: a `toJSON` of the guest's would speak in its place.
      const text = stringify({ __proto__: null, ...event });
      events += events === '' ? text : `,${text}`;
    },
    flush,
    enter() {
      entered = true;
    },
    leave() {
      entered = false;
      flush();
    },
  };
}
