/**
 * The turns of one instance: what was delivered waits here, begins when the instance is free, and hands
 * itself back when the slice is over. Order is the order of delivery.
 */
import type { GuestPayload } from './kernel.ts';
import { describe, hostError, type HostError } from './failure.ts';
import type { Turn } from './kernel.ts';
import type { Outbox } from './outbox.ts';
import { now, PromiseIntrinsic, stringify } from './primordials.ts';
import { type Arrivals, createArrivals } from './arrivals.ts';
import { answered, handedBack, type Settings, settledWithError, settledWithNothing, settledWithValue, slice as sliceMilliseconds } from './wire.ts';

export interface Turns {
  deliver: Arrivals['add'];
  begin(run: (turn: Turn) => void): void;
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

/** What messages outside any turn may send between two doors: counted as one turn. */
const background = (): { messages: number; bytes: number } => ({ messages: 0, bytes: 0 });

/** @param ends is told before the report of a turn is written, `becameIdle` after that of the last one. */
export function createTurns(settings: Settings, outbox: Outbox, ends: (turn: Turn) => void, becameIdle: () => void): Turns {
  const { limits, concurrency } = settings;
  const arrivals = createArrivals();
  /** The turns that have begun and not ended, in that order. A list: a table that is filled and emptied for each message is slow. */
  let firstOpen: Turn | undefined;
  let lastOpen: Turn | undefined;
  let active = 0;
  let running: Turn | undefined;
  let run: (turn: Turn) => void;
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

  const start = (turn: Turn): void => {
    active++;
    turn.before = lastOpen;
    if (lastOpen === undefined) firstOpen = turn;
    else lastOpen.after = turn;
    lastOpen = turn;
    running = turn;
    try {
      run(turn);
    } catch (error) {
      fail(turn, error);
    }
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
        start(arrivals.take());
      }
    } finally {
      pumping = false;
    }
  }

  const admit = (turn: Turn | undefined, payload: GuestPayload): void => {
    if (turn?.ended) throw hostError('actor.turn-ended', 'the turn of this context has ended: nothing can be sent through it any more');
    if (payload.text.length > limits.message) {
      throw hostError('limit.message', `a message of ${payload.text.length} bytes exceeds the limit of ${limits.message}`, 'limits: { message: … }');
    }
    const sent = turn ?? outside;
    if (sent.messages >= limits.outboundMessages || sent.bytes + payload.text.length > limits.outboundBytes) {
      throw hostError(
        'limit.outbound',
        `this turn has sent ${sent.messages} messages of ${sent.bytes} bytes already`,
        'limits: { outbound: { messages: …, bytes: … } }',
      );
    }
    sent.messages++;
    sent.bytes += payload.text.length;
    room--;
  };

  function fail(turn: Turn, thrown: unknown): void {
    if (!end(turn)) return;
    outbox.record(turn.id, settledWithError, 0, stringify(describe(thrown)));
    proceed();
  }

  const find = (id: number): Turn | undefined => {
    let turn = firstOpen;
    while (turn !== undefined && turn.id !== id) turn = turn.after;
    return turn;
  };

  return {
    deliver(firstTurn, batches, lengths, numbers, descriptions, body) {
      arrivals.add(firstTurn, batches, lengths, numbers, descriptions, body);
      pump();
    },

    begin(handler) {
      run = handler;
    },
    pump,

    emit(turn, outlet, payload) {
      admit(turn, payload);
      outbox.record(turn === undefined ? 0 : turn.id, outlet, payload.lane, payload.text);
    },

    settle(turn, payload) {
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
      else outbox.record(turn.id, settledWithValue, payload.lane, payload.text);
      if (settings.prompt) outbox.flush();
      proceed();
    },

    answer(turn, payload) {
      admit(turn, payload);
      outbox.record(turn.id, answered, payload.lane, payload.text);
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
    running: () => (running ?? firstOpen)?.id ?? 0,

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
