/** Messages that were delivered and have not begun. A turn is made of one when it begins, and not before. */
import type { Budget } from '../../sdk/message.ts';
import { executionSeparator, textLane } from '../lanes.ts';
import type { Row, Turn } from './kernel.ts';
import { charCodeAt, indexOf, slice, subarray, table } from './primordials.ts';
import { createForerunner } from './forerunner.ts';
import { batchWidth, firstOfPair, inBytes, laneOf, lengthWidth, numberWidth, ofOneWriter, type Place, secondOfPair } from './wire.ts';

export interface Arrivals {
  /** What the budget is, is known now. */
  begin(): void;
  /** What the door `deliver` was given: see {@link Doors} in wire.ts. */
  add(firstTurn: number, batches: string, lengths: string, numbers: string, descriptions: string, body: string, bytes: Uint8Array | undefined): void;
  /** The number of the turn that begins next; 0 if none waits. */
  next(): number;
  /** To be called only if there is a next one. */
  take(): Turn;
  /** Those that begin next, if more than one can be taken together: at most so many messages and characters. */
  row(messages: number, characters: number): Row | undefined;
  /** So many of a row have begun, and ended. */
  skip(messages: number): void;
  /** A turn that has not begun never will. */
  drop(turn: number): void;
  clear(): void;
}

/** One delivery, and how far it has begun. */
interface Delivery {
  readonly batches: string;
  readonly lengths: string;
  readonly numbers: string;
  readonly descriptions: string;
  readonly body: string;
  readonly bytes: Uint8Array | undefined;
  readonly end: number;
  readonly first: number;
  turn: number;
  batch: number;
  /** Messages of the present batch that have not begun. */
  left: number;
  inlet: number;
  place: Place;
  /** The messages of the present batch have one writer. */
  together: boolean;
  /** Which description that is. */
  described: number;
  description: string;
  /** Where the next payload begins: in the body, and in the bytes. */
  start: number;
  byteStart: number;
  after: Delivery | undefined;
}

const lineOf = (text: string, line: number): string => {
  let start = 0;
  for (; line > 0; line--) start = indexOf(text, executionSeparator, start) + 1;
  const end = indexOf(text, executionSeparator, start);
  return end === -1 ? slice(text, start) : slice(text, start, end);
};

export function createArrivals(budget: Budget): Arrivals {
  const forerunner = createForerunner(budget);
  let head: Delivery | undefined;
  let tail: Delivery | undefined;
  let dropped = table<boolean>();
  let drops = 0;

  const openBatch = (delivery: Delivery): void => {
    const { batches, batch } = delivery;
    const inletAndPlace = charCodeAt(batches, batch);
    const described = charCodeAt(batches, batch + 1);
    delivery.inlet = firstOfPair(inletAndPlace);
    const place = secondOfPair(inletAndPlace);
    delivery.together = place === ofOneWriter;
    delivery.place = place === ofOneWriter ? textLane : place;
    if (described !== delivery.described) {
      delivery.described = described;
      delivery.description = lineOf(delivery.descriptions, described);
    }
    delivery.left = charCodeAt(batches, batch + 2);
    delivery.batch = batch + batchWidth;
  };

  /** Goes on to the next message: past what was dropped, and to the next delivery when one is used up. */
  const settle = (): void => {
    while (head !== undefined) {
      while (head.turn < head.end && drops > 0 && dropped[head.turn] === true) {
        dropped[head.turn] = false;
        drops--;
        advance(head);
      }
      if (head.turn < head.end) return;
      head = head.after;
    }
    tail = undefined;
  };

  const advance = (delivery: Delivery): number => {
    while (delivery.left === 0) openBatch(delivery);
    const at = (delivery.turn - delivery.first) * lengthWidth;
    const length = charCodeAt(delivery.lengths, at) + charCodeAt(delivery.lengths, at + 1) * 65_536;
    if (delivery.place === inBytes) delivery.byteStart += length;
    else delivery.start += length;
    delivery.left--;
    delivery.turn++;
    return length;
  };

  return {
    begin: forerunner.begin,

    add(firstTurn, batches, lengths, numbers, descriptions, body, bytes) {
      const delivery: Delivery = {
        batches,
        lengths,
        numbers,
        descriptions,
        body,
        bytes,
        first: firstTurn,
        end: firstTurn + lengths.length / lengthWidth,
        turn: firstTurn,
        batch: 0,
        left: 0,
        inlet: 0,
        place: textLane,
        together: false,
        described: -1,
        description: '',
        start: 0,
        byteStart: 0,
        after: undefined,
      };
      if (tail === undefined) head = delivery;
      else tail.after = delivery;
      tail = delivery;
      settle();
    },

    next: () => (head === undefined ? 0 : head.turn),

    take() {
      const delivery = head as Delivery;
      const { turn: id, start, byteStart, numbers } = delivery;
      while (delivery.left === 0) openBatch(delivery);
      const { place } = delivery;
      const at = (id - delivery.first) * lengthWidth;
      const message = delivery.together ? forerunner.message(id, delivery.left, delivery.lengths, at, delivery.body, start) : undefined;
      const length = advance(delivery);
      const number = (id - delivery.first) * numberWidth;
      const turn: Turn = {
        id,
        inlet: delivery.inlet,
        lane: laneOf(place),
        message,
        text: place === inBytes || message !== undefined ? '' : slice(delivery.body, start, start + length),
        bytes: place === inBytes ? subarray(delivery.bytes as Uint8Array, byteStart, byteStart + length) : undefined,
        description: delivery.description,
        execution: charCodeAt(numbers, number) + charCodeAt(numbers, number + 1) * 65_536 + charCodeAt(numbers, number + 2) * 4_294_967_296,
        ended: false,
        sentMessages: 0,
        sentBytes: 0,
        onCancel: undefined,
        before: undefined,
        after: undefined,
      };
      if (delivery.turn === delivery.end || drops > 0) settle();
      return turn;
    },

    row(messages, characters) {
      const delivery = head as Delivery;
      if (drops > 0) return undefined;
      while (delivery.left === 0) openBatch(delivery);
      const { turn, inlet, place, lengths, body, start, left } = delivery;
      if (place === inBytes) return undefined;
      const most = left < messages ? left : messages;
      const from = (turn - delivery.first) * lengthWidth;
      let at = from;
      let end = start;
      for (let count = 0; count < most; count++, at += lengthWidth) {
        const length = charCodeAt(lengths, at) + charCodeAt(lengths, at + 1) * 65_536;
        if (end + length - start > characters) break;
        end += length;
      }
      if (at - from <= lengthWidth) return undefined;
      return { turn, inlet, lane: laneOf(place), lengths: slice(lengths, from, at), body: slice(body, start, end) };
    },

    skip(messages) {
      const delivery = head as Delivery;
      for (; messages > 0; messages--) advance(delivery);
      if (delivery.turn === delivery.end) settle();
    },

    drop(turn) {
      // One that has begun, or has ended already, is none of these.
      if (head === undefined || turn < head.turn || turn >= (tail as Delivery).end || dropped[turn] === true) return;
      dropped[turn] = true;
      drops++;
      settle();
    },

    clear() {
      head = undefined;
      tail = undefined;
      dropped = table<boolean>();
      drops = 0;
      forerunner.clear();
    },
  };
}
