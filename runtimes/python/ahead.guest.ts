/** The bootstrap's half of `vivarium.ahead`: handlers in Python that run ahead of the kernel, many in one call. */
import { hostError } from '../guest/failure.ts';
import type { Kernel, Row, Turn } from '../guest/kernel.ts';
import type { MemoryText } from '../guest/memoryText.ts';
import { charCodeAt, now } from '../guest/primordials.ts';
import { lengthWidth, slice as sliceMilliseconds } from '../guest/wire.ts';
import { textLane } from '../lanes.ts';
import type { PythonDoors } from './doors.guest.ts';

/** Where things stand in the array `shared` of ahead.py, whose elements have four bytes; and `most`. */
const told = 0;
const handed = 1;
const placeOfLength = 2;
const received = 3;
const mostMessages = 1024;
const width = 4;
const given = received + mostMessages;

/** In the place of a turn: none has begun ahead. */
const none = 0xffff_ffff;

/** After a row of which the kernel heard turn by turn, so many begin by themselves: with them it would be the same. */
const wary = 512;

export interface Ahead {
  beginRow(row: Row, places: number): boolean;
  /** The turn whose code runs; 0 if none runs ahead. */
  running(): number;
  /** The kernel hears of turns that have ended, and begins the one that follows them. */
  reach(texts: string): Turn;
  /** The kernel hears of turns that have ended. */
  take(texts: string): void;
}

/** @param cancel tells Python that a turn has ended from outside */
export function createAhead(kernel: Kernel, doors: PythonDoors, text: MemoryText, cancel: (turn: Turn) => void): Ahead {
  const place = doors.place() as number;
  let row: Row | undefined;
  /** How many of the row the kernel has heard of. */
  let heard = 0;
  /** Of those, by `reach`. */
  let reached = 0;
  /** So many begin by themselves. */
  let alone = 0;

  const numberFrom = (address: number): number => {
    const units = text.readUnits(address, lengthWidth);
    return charCodeAt(units, 0) + charCodeAt(units, 1) * 65_536;
  };

  const numberAt = (index: number): number => numberFrom(place + index * width);

  /** Where stands how many turns have ended of which the kernel has not heard. Python tells it before the guest's code is there. */
  const unheard = numberAt(placeOfLength);

  const messages = (of: Row): number => of.lengths.length / lengthWidth;

  /** @throws HostError if the guest has written where it should not. */
  const take = (texts: string): void => {
    const count = numberAt(handed);
    if (row === undefined || heard + count > messages(row)) throw hostError('actor.fatal', 'the interpreter tells of turns that have not begun');
    const lengths = text.readUnits(place + given * width, count * lengthWidth);
    let characters = 0;
    for (let at = 0; at < lengths.length; at += lengthWidth) characters += charCodeAt(lengths, at) + charCodeAt(lengths, at + 1) * 65_536;
    if (characters !== texts.length) throw hostError('actor.fatal', 'the interpreter tells of results that it does not give');
    heard += count;
    kernel.pass(lengths, texts);
  };

  return {
    beginRow(next, places) {
      if (next.lane !== textLane || --alone > 0) return false;
      row = next;
      heard = 0;
      reached = 0;
      try {
        text.writeUnits(next.lengths, place + received * width);
        const time = sliceMilliseconds - (now() - kernel.doorTime());
        const left = doors.deliver_many(next.turn, next.inlet, messages(next), next.body.length, time, places, next.body);
        if (typeof left !== 'string') return false;
        take(left);
        return true;
      } catch (error) {
        // No memory for what it was to be given.
        if (heard === 0 && numberAt(told) === none) return false;
        throw error;
      } finally {
        if (reached * 2 > heard) alone = wary;
        row = undefined;
      }
    },

    running() {
      if (row === undefined) return 0;
      const turn = numberAt(told) || row.turn + heard + numberFrom(unheard);
      return turn >= row.turn && turn < row.turn + messages(row) ? turn : 0;
    },

    reach(texts) {
      take(texts);
      if (row === undefined || heard === messages(row)) throw hostError('actor.fatal', 'the interpreter tells of a turn that was not delivered');
      heard++;
      reached++;
      const turn = kernel.reach();
      turn.onCancel = () => cancel(turn);
      return turn;
    },

    take,
  };
}
