/**
 * What a guest has to say, collected and sent in one go: at the end of a door, or in one microtask when
 * an asynchronous continuation spoke.
 *
 * Every statement here may be the last one before the time limit ends the guest, or throw because the guest
 * stands at its stack limit. So a record names where its payload starts, the payload is appended before its
 * record, and each line leaves a state from which `flush` can go on.
 */
import type { Lane } from '../lanes.ts';
import { fromCharCode, resolved, stringify, then } from './primordials.ts';
import { codeOffset, type GuestEvent, paired } from './wire.ts';

/** Beyond this the outbox is sent at once, so that a flood does not pile up inside the isolate. */
const flushBytes = 1024 * 1024;

export interface Outbox {
  record(turn: number, code: number, lane: Lane, payload: string): void;
  event(event: GuestEvent): void;
  flush(): void;
  /** Between these two the outbox waits for the end of the door. */
  enter(): void;
  leave(): void;
}

export function createOutbox(send: (records: string, events: string, body: string) => void): Outbox {
  let records = '';
  let events = '';
  let body = '';
  let entered = false;
  let queued = false;

  const kept = resolved(undefined);
  Object.defineProperty(kept, 'constructor', { value: undefined });

  const flush = (): void => {
    queued = false;
    if (records === '' && events === '') return;
    const told = records;
    const list = events === '' ? '' : `[${events}]`;
    const payloads = body;
    records = '';
    events = '';
    body = '';
    send(told, list, payloads);
  };

  const soon = (): void => {
    if (body.length + events.length > flushBytes) flush();
    else if (!entered && !queued) {
      then(kept, flush);
      queued = true;
    }
  };

  return {
    record(turn, code, lane, payload) {
      const start = body.length;
      body += payload;
      const { length } = payload;
      records += fromCharCode(turn, turn >>> 16, paired(code + codeOffset, lane), start, start >>> 16, length, length >>> 16);
      soon();
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
