/** Log lines of a guest, under the byte budget of a turn: what exceeds it is dropped and counted. */
import { textLimits } from '../limits.ts';
import type { LogLevel } from '../protocol.ts';
import type { Turn } from './kernel.ts';
import type { Outbox } from './outbox.ts';
import { slice } from './primordials.ts';

export interface Logs {
  /** @param limit of one turn, in characters */
  begin(limit: number): void;
  log(level: LogLevel, text: string): void;
  /** Tells what was dropped, while the turn can still be named. */
  ends(turn: Turn): void;
  /** No turn is left, or a door outside turns was opened: a fresh budget. */
  renew(): void;
}

export function createLogs(outbox: Outbox, current: () => Turn | undefined): Logs {
  let limit = 0;
  let used = 0;
  let dropped = 0;
  /** The turn whose lines were dropped. */
  let loser = 0;

  const tell = (): void => {
    if (dropped > 0) outbox.event({ is: 'log', turn: loser, level: 'warn', text: 'limit.logs: more was logged than one turn may', dropped });
    dropped = 0;
  };

  return {
    begin(given) {
      limit = given;
    },

    log(level, text) {
      const line = text.length > textLimits.log ? slice(text, 0, textLimits.log) : text;
      if (used + line.length > limit) {
        dropped++;
        loser = current()?.id ?? 0;
        return;
      }
      used += line.length + 1;
      outbox.event({ is: 'log', turn: current()?.id ?? 0, level, text: line, dropped: 0 });
    },

    ends(turn) {
      if (loser === turn.id) tell();
    },

    renew() {
      tell();
      used = 0;
    },
  };
}
