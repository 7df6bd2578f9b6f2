/**
 * The turns of one instance: what was delivered waits here, begins when the instance is free, and hands
 * itself back when the slice is over. Order is the order of delivery.
 */
import { sizeOf } from './codec.ts';
import type { Budget } from '../../sdk/message.ts';
import type { Limits } from '../limits.ts';
import type { GuestPayload, Language } from './kernel.ts';
import { describe, hostError, type HostError } from './failure.ts';
import type { Turn } from './kernel.ts';
import type { Outbox } from './outbox.ts';
import { charCodeAt, min, now, PromiseIntrinsic, slice, stringify } from './primordials.ts';
import { textLane } from '../lanes.ts';
import { type Arrivals, createArrivals } from './arrivals.ts';
import {
  answered,
  handedBack,
  lengthWidth,
  type Settings,
  settledWithError,
  settledWithNothing,
  settledWithValue,
  slice as sliceMilliseconds,
} from './wire.ts';

export interface Turns {
  deliver: Arrivals['add'];
  begin(settings: Settings, language: Language): void;
  reach(): Turn;
  pass(lengths: string, body: string): void;
  pump(): void;
  emit(turn: Turn | undefined, outlet: number, payload: GuestPayload): void;
  settle(turn: Turn, payload: GuestPayload | undefined): void;
  answer(turn: Turn, payload: GuestPayload): void;
  fail(turn: Turn, thrown: unknown): void;
  cancel(id: number, error: HostError): void;
  current(): Turn | undefined;
  turn(id: number): Turn | undefined;
  /** What a postmortem blames: the turn whose code ran last. 0 if none is open. */
  running(): number;
  setRoom(messages: number): void;
  room(): Promise<void> | undefined;
  doorOpened(): void;
  doorTime(): number;
  active(): number;
}

interface Waiter {
  resolve(): void;
  next: Waiter | undefined;
}

/** What a language may run ahead of the kernel. As many messages as `most` in python/ahead.py. */
const rowMessages = 1024;
const rowCharacters = 128 * 1024;

/** In the place of a code: the payload is to be refused. */
const beyondLimits = 0;

const lengthAt = (lengths: string, at: number): number => charCodeAt(lengths, at) + charCodeAt(lengths, at + 1) * 65_536;

/** What messages outside any turn may send between two doors: counted as one turn. */
const background = (): Pick<Turn, 'sentMessages' | 'sentBytes'> => ({ sentMessages: 0, sentBytes: 0 });

/** @param ends is told before the report of a turn is written, `becameIdle` after that of the last one. */
export function createTurns(budget: Budget, outbox: Outbox, ends: (turn: Turn) => void, becameIdle: () => void): Turns {
  const arrivals = createArrivals(budget);
  let limits: Limits;
  let concurrency = 0;
  /** Each turn is told of at once. */
  let prompt = false;
  /** The turns that have begun and not ended, in that order. A list: a table that is filled and emptied for each message is slow. */
  let firstOpen: Turn | undefined;
  let lastOpen: Turn | undefined;
  let active = 0;
  let running: Turn | undefined;
  let language: Language | undefined;
  /** Characters that a turn may send which sends one message. */
  let mostInOne = -1;
  let room = 0;
  let waiters: Waiter | undefined;
  let lastWaiter: Waiter | undefined;
  let doorTime = 0;
  let outside = background();
  let pumping = false;

  const end = (turn: Turn): boolean => {
    if (turn.ended) return false;
    ends(turn);
    turn.ended = true;
    if (turn.before === undefined) firstOpen = turn.after;
    else turn.before.after = turn.after;
    if (turn.after === undefined) lastOpen = turn.before;
    else turn.after.before = turn.before;
    active--;
    if (running === turn) running = undefined;
    return true;
  };

  /** After a turn ended: what it left behind goes when no turn is left, then the next one begins. */
  const proceed = (): void => {
    if (active === 0) becameIdle();
    pump();
  };

  const handBack = (): void => {
    const first = arrivals.next();
    arrivals.clear();
    outbox.record(first, handedBack, 0, '');
  };

  const open = (turn: Turn): void => {
    active++;
    turn.before = lastOpen;
    if (lastOpen === undefined) firstOpen = turn;
    else lastOpen.after = turn;
    lastOpen = turn;
    running = turn;
  };

  const start = (turn: Turn): void => {
    open(turn);
    try {
      (language as Language).begin(turn);
    } catch (error) {
      fail(turn, error);
    }
  };

  /** Most of what arrives comes in rows, and most handlers end at once: a language may run them faster together. */
  const startRow = (): boolean => {
    if (language?.beginRow === undefined || prompt) return false;
    const row = arrivals.row(rowMessages, rowCharacters);
    return row !== undefined && language.beginRow(row, concurrency - active);
  };

  const endingOf = (lengths: string, at: number): number => {
    const length = lengthAt(lengths, at);
    return length === 0 ? settledWithNothing : length > mostInOne ? beyondLimits : settledWithValue;
  };

  const passAlike = (ending: number, lengths: string, payloads: string): void => {
    const turn = arrivals.next();
    const count = lengths.length / lengthWidth;
    arrivals.skip(count);
    if (ending === settledWithValue) room -= count;
    outbox.recordRow(turn, ending, lengths, payloads);
  };

  /** Not reentrant: a turn that settles at once returns here, and the loop takes the next. */
  function pump(): void {
    if (pumping) return;
    pumping = true;
    try {
      while (active < concurrency && arrivals.next() !== 0) {
        if (now() - doorTime >= sliceMilliseconds) {
          handBack();
          break;
        }
        if (!startRow()) start(arrivals.take());
      }
    } finally {
      pumping = false;
    }
  }

  const admit = (turn: Turn | undefined, payload: GuestPayload): void => {
    if (turn?.ended) throw hostError('actor.turn-ended', 'the turn of this context has ended: nothing can be sent through it any more');
    const size = sizeOf(payload);
    if (size > limits.message) {
      throw hostError('limit.message', `a message of ${size} bytes exceeds the limit of ${limits.message}`, 'limits: { message: … }');
    }
    const sent = turn ?? outside;
    if (sent.sentMessages >= limits.outboundMessages || sent.sentBytes + size > limits.outboundBytes) {
      throw hostError(
        'limit.outbound',
        `this turn has sent ${sent.sentMessages} messages of ${sent.sentBytes} bytes already`,
        'limits: { outbound: { messages: …, bytes: … } }',
      );
    }
    sent.sentMessages++;
    sent.sentBytes += size;
    room--;
  };

  function fail(turn: Turn, thrown: unknown): void {
    if (!end(turn)) return;
    outbox.record(turn.id, settledWithError, 0, stringify(describe(thrown)));
    proceed();
  }

  function settle(turn: Turn, payload: GuestPayload | undefined): void {
    if (turn.ended) return;
    if (payload !== undefined) {
      try {
        admit(turn, payload);
      } catch (error) {
        fail(turn, error);
        return;
      }
    }
    end(turn);
    if (payload === undefined) outbox.record(turn.id, settledWithNothing, 0, '');
    else outbox.record(turn.id, settledWithValue, payload.lane, payload.text, payload.bytes);
    if (prompt) outbox.flush();
    proceed();
  }

  const reach = (): Turn => {
    const turn = arrivals.take();
    open(turn);
    return turn;
  };

  const find = (id: number): Turn | undefined => {
    let turn = firstOpen;
    while (turn !== undefined && turn.id !== id) turn = turn.after;
    return turn;
  };

  return {
    deliver(firstTurn, batches, lengths, numbers, descriptions, body, bytes) {
      arrivals.add(firstTurn, batches, lengths, numbers, descriptions, body, bytes);
      pump();
    },

    begin(settings, given) {
      arrivals.begin();
      language = given;
      ({ limits, concurrency, prompt } = settings);
      if (limits.outboundMessages > 0) mostInOne = min(limits.message, limits.outboundBytes);
    },
    pump,

    reach,

    pass(lengths, body) {
      let start = 0;
      for (let from = 0; from < lengths.length; ) {
        const ending = endingOf(lengths, from);
        let end = start;
        let to = from;
        do {
          end += lengthAt(lengths, to);
          to += lengthWidth;
        } while (to < lengths.length && ending !== beyondLimits && endingOf(lengths, to) === ending);
        const payloads = slice(body, start, end);
        if (ending === beyondLimits) settle(reach(), { lane: textLane, text: payloads });
        else passAlike(ending, slice(lengths, from, to), payloads);
        start = end;
        from = to;
      }
      if (active === 0) becameIdle();
    },

    emit(turn, outlet, payload) {
      admit(turn, payload);
      outbox.record(turn === undefined ? 0 : turn.id, outlet, payload.lane, payload.text, payload.bytes);
    },

    settle,

    answer(turn, payload) {
      admit(turn, payload);
      outbox.record(turn.id, answered, payload.lane, payload.text, payload.bytes);
    },

    fail,

    cancel(id, error) {
      const turn = find(id);
      if (turn === undefined) arrivals.drop(id);
      if (turn === undefined || !end(turn)) return;
      const listener = turn.onCancel;
      turn.onCancel = undefined;
      // What its code says until this door closes is still said by this turn.
      running = turn;
      try {
        listener?.(error);
      } catch {
        // What a listener throws after its turn has ended concerns nobody.
      }
      proceed();
    },

    current: () => running ?? (active === 1 ? firstOpen : undefined),
    turn: find,
    running: () => language?.running?.() || ((running ?? firstOpen)?.id ?? 0),

    setRoom(messages) {
      room = messages;
      if (room <= 0) return;
      let waiter = waiters;
      waiters = undefined;
      lastWaiter = undefined;
      while (waiter !== undefined) {
        waiter.resolve();
        waiter = waiter.next;
      }
    },

    room() {
      if (room > 0) return undefined;
      return new PromiseIntrinsic<void>((resolve) => {
        const waiter: Waiter = { resolve, next: undefined };
        if (lastWaiter === undefined) waiters = waiter;
        else lastWaiter.next = waiter;
        lastWaiter = waiter;
        outbox.event({ is: 'wait' });
      });
    },

    doorOpened() {
      doorTime = now();
      if (running?.ended) running = undefined;
      outside = background();
    },
    doorTime: () => doorTime,
    active: () => active,
  };
}
