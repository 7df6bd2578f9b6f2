/**
 * What a guest has to say, collected and sent in one go: at the end of a door, or in one microtask when
 * an asynchronous continuation spoke.
 *
 * Every statement here may be the last one before the time limit ends the guest, or throw because the guest
 * stands at its stack limit. So a record names where its payloads start, a payload is appended before its length, and
 * nothing counts before its length is there: each line leaves a state from which `flush` can go on.
 */
import type { Lane } from '../lanes.ts';
import { fromCharCode, resolved, stringify, then } from './primordials.ts';
import { codeOffset, type GuestEvent, lengthWidth, mostPayloads, paired, type Send, settledWithNothing, settledWithValue } from './wire.ts';

/** Beyond this the outbox is sent at once, so that a flood does not pile up inside the isolate. */
const flushBytes = 1024 * 1024;

export interface Outbox {
  record(turn: number, code: number, lane: Lane, payload: string): void;
  /** That turns in a row ended alike: with these payloads, or with nothing. At most {@link mostPayloads}. */
  recordRow(firstTurn: number, code: number, lane: Lane, lengths: string, payloads: string): void;
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

export function createOutbox(send: Send): Outbox {
  /** Those that are complete; the last one is still open, and described by the variables below. */
  let records = '';
  let lengths = '';
  let events = '';
  let body = '';
  let turn = 0;
  let code = 0;
  let lane: Lane = 0;
  let start = 0;
  /** Characters of `lengths` before the open record. */
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
    const count = (lengths.length - before) / lengthWidth;
    return count === 0 ? records : records + fromCharCode(turn, turn >>> 16, paired(code + codeOffset, lane), start, start >>> 16, count);
  };

  const flush = (): void => {
    queued = false;
    if (lengths === '' && events === '') return;
    const told = complete();
    const list = events === '' ? '' : `[${events}]`;
    const sizes = lengths;
    const payloads = body;
    records = '';
    lengths = '';
    events = '';
    body = '';
    before = 0;
    nextTurn = -1;
    send(told, sizes, list, payloads);
  };

  const soon = (): void => {
    if (body.length + events.length > flushBytes || lengths.length >= lengthWidth * mostPayloads) flush();
    else if (!entered && !queued) {
      then(kept, flush);
      queued = true;
    }
  };

  const append = (ofTurn: number, said: number, inLane: Lane, sizes: string, payloads: string, next: number): void => {
    const at = body.length;
    body += payloads;
    if (ofTurn !== nextTurn || said !== code || inLane !== lane || at !== nextStart) {
      records = complete();
      before = lengths.length;
      turn = ofTurn;
      code = said;
      lane = inLane;
      start = at;
    }
    // From here on nothing is called, so all of it happens or none.
    nextTurn = next;
    nextStart = body.length;
    lengths += sizes;
    soon();
  };

  return {
    record(ofTurn, said, inLane, payload) {
      const { length } = payload;
      append(ofTurn, said, inLane, fromCharCode(length, length >>> 16), payload, following(ofTurn, said));
    },
    recordRow(firstTurn, said, inLane, sizes, payloads) {
      append(firstTurn, said, inLane, sizes, payloads, firstTurn + sizes.length / lengthWidth);
    },
    event(event) {
      // Without a prototype: a `toJSON` of the guest's would speak in its place.
      const text = stringify({ __proto__: null, ...event });
      events += events === '' ? text : `,${text}`;
      soon();
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
