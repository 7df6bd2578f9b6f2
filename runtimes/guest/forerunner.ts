/** Reads small messages many at once, before their turns begin, where one writer has written all of them: see {@link readTogether}. */
import type { Budget, Message } from '../../sdk/message.ts';
import { isMap, readTogether, shortFor } from '../../sdk/codec/together.ts';
import { charCodeAt, slice } from './primordials.ts';
import { lengthWidth } from './wire.ts';

/**
 * How many are read at once: so few that nothing is lost if the slice is over, and no limit of time is held up. They may open no more lists
 * and maps together than one message may: those that are flat do not, and of others so do fewer.
 */
const mostAhead = 64;
const fewAhead = 16;

export interface Forerunner {
  /** What the budget is, is known now. */
  begin(): void;
  /**
   * The message of a turn, whose payload begins at `start` in the body, and whose length stands at `at`.
   *
   * @param left how many messages of the same writer there are from it on
   * @returns undefined if it is to be read by itself
   */
  message(turn: number, left: number, lengths: string, at: number, body: string, start: number): Message | undefined;
  /** The numbers of turns begin anew. */
  clear(): void;
}

export function createForerunner(budget: Budget): Forerunner {
  let short = 0;
  let messages: readonly Message[] | undefined;
  /** The turns of those that were looked at. */
  let first = 0;
  let end = 0;

  const look = (turn: number, most: number, lengths: string, from: number, body: string, start: number): void => {
    let count = 0;
    let to = start;
    for (let at = from; count < most; count++, at += lengthWidth) {
      const length = charCodeAt(lengths, at) + charCodeAt(lengths, at + 1) * 65_536;
      if (length > short || !isMap(body, to, to + length)) break;
      to += length;
    }
    messages = count > 1 ? readTogether(slice(body, start, to), count, budget) : undefined;
    first = turn;
    // One that is no small map ends the row, and was looked at too.
    end = turn + (count < most ? count + 1 : count);
  };

  const lookAhead = (turn: number, left: number, lengths: string, from: number, body: string, start: number): void => {
    look(turn, left < mostAhead ? left : mostAhead, lengths, from, body, start);
    if (messages === undefined && end - turn > fewAhead) look(turn, fewAhead, lengths, from, body, start);
  };

  return {
    begin() {
      short = shortFor(budget);
    },
    message(turn, left, lengths, at, body, start) {
      if (turn >= end || turn < first) {
        try {
          lookAhead(turn, left, lengths, at, body, start);
        } catch {
          // A method that the guest has replaced threw, where no turn runs that could fail of it: the codec meets it again in the turn.
          messages = undefined;
          first = turn;
          end = turn + 1;
        }
      }
      return messages?.[turn - first];
    },
    clear() {
      messages = undefined;
      first = 0;
      end = 0;
    },
  };
}
