/** What an instance says of its turns: held to what it may say, and told to the actor. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { answered, handedBack, lengthWidth, settledWithError, settledWithNothing, settledWithValue } from '../guest/wire.ts';
import type { ActorPlan } from '../protocol.ts';
import { charactersOf, lengthAt, outOutlet } from './batch.ts';
import { partOf } from './body.ts';
import { messageBroken, outboundBroken } from './brokenLimits.ts';
import type { InstanceListener } from './instanceListener.ts';
import { messageOf, newTurnState, type OpenTurn, type OpenTurns, type TurnState } from './openTurns.ts';
import { type Record, readRecords } from './records.ts';

/** Slices that may be over before the first turn of a batch could begin, in a row. */
const mostHandbacks = 100;

/** The instance, as its reports see it. */
export interface Reporter {
  isOver(): boolean;
  /** It said what it may not, and is given up. */
  breaks(error: ErrorRecord): void;
  /** An error of the guest as its author is to see it. */
  authorsError(told: unknown): ErrorRecord;
}

export class Reports {
  /** What was sent and logged outside any turn, counted by doors. */
  background = newTurnState();
  readonly #plan: ActorPlan;
  readonly #open: OpenTurns;
  readonly #listener: InstanceListener;
  readonly #reporter: Reporter;
  /** How often in a row the guest gave back what it was given, without ending anything. */
  #handbacks = 0;

  constructor(plan: ActorPlan, open: OpenTurns, listener: InstanceListener, reporter: Reporter) {
    this.#plan = plan;
    this.#open = open;
    this.#listener = listener;
    this.#reporter = reporter;
  }

  /**
   * @param share microseconds of each turn that ended
   * @throws Error for what is no report
   */
  read(records: string, lengths: string, body: string, bytes: Uint8Array | undefined, share: number): void {
    readRecords(records, lengths, body, bytes, (record) => {
      if (record.longest > this.#plan.limits.message && record.code !== settledWithError)
        this.#reporter.breaks(messageBroken(this.#plan.limits, record.longest));
      else if (record.code === handedBack) this.#handBack(record.turn);
      else if (record.code === settledWithValue || record.code === settledWithNothing) this.#settle(record, share);
      else this.#readTurn(record, share);
      return !this.#reporter.isOver();
    });
  }

  /** Turns in a row that ended well. Those that are not open any more were given up. */
  #settle(record: Record, microseconds: number): void {
    const { code, count, lane, lengths, body } = record;
    let start = record.start;
    for (let row = 0; row < count && !this.#reporter.isOver(); ) {
      const number = record.turn + row;
      const sent = this.#open.known(number);
      if (code === settledWithValue && sent !== undefined && !this.#admit(sent, 1, lengthAt(lengths, row))) return;
      // A turn that has sent something is looked at alone.
      const rows = this.#open.end(number, sent === undefined ? this.#uncounted(number, count - row) : 1);
      const to = row + (rows === undefined ? 1 : rows.to - rows.from);
      const end = to === count ? record.end : start + charactersOf(lengths, row, to);
      if (rows !== undefined) {
        this.#handbacks = 0;
        const payloads = { lane, lengths: lengths.slice(lengthWidth * row, lengthWidth * to), body: partOf(body, start, end), writer: this };
        this.#listener.settled(rows, code === settledWithValue ? payloads : undefined, microseconds);
      }
      start = end;
      row = to;
    }
  }

  /** How many turns from this one on, of so many, have sent nothing before they ended. */
  #uncounted(number: number, most: number): number {
    let count = 1;
    while (count < most && this.#open.known(number + count) === undefined) count++;
    return count;
  }

  #readTurn(record: Record, microseconds: number): void {
    const { turn: number, code, count, lane, lengths, body, start, end } = record;
    const payloads = { lane, lengths, body: partOf(body, start, end), writer: this };
    const turn = number === 0 ? undefined : this.#open.get(number);
    if (number !== 0 && turn === undefined) return;
    if (code === settledWithError) {
      if (turn !== undefined) this.#err(turn, this.#reporter.authorsError(JSON.parse(payloads.body.toString())), microseconds);
      return;
    }
    const outlet = code === answered ? outOutlet : code;
    if (outlet < 0 || outlet >= this.#plan.outlets.length) throw new Error('no such outlet');
    if (!this.#admit(turn === undefined ? this.background : this.#open.state(number), count, end - start)) return;
    if (code === answered && turn !== undefined) this.#listener.answered(turn, payloads);
    else this.#listener.emitted(turn, outlet, payloads, count);
  }

  /** The bootstrap refuses before; here is where a bootstrap that was tricked ends. */
  #admit(sender: TurnState, messages: number, characters: number): boolean {
    const { message, outboundMessages, outboundBytes } = this.#plan.limits;
    sender.messages += messages;
    sender.bytes += characters;
    if (sender.messages > outboundMessages + 1 || sender.bytes > outboundBytes + message) this.#reporter.breaks(outboundBroken);
    return !this.#reporter.isOver();
  }

  #err(turn: OpenTurn, error: ErrorRecord, microseconds: number): void {
    const message = messageOf(turn);
    this.#open.end(turn.number, 1);
    this.#handbacks = 0;
    this.#listener.erred(message, error, microseconds);
  }

  #handBack(first: number): void {
    // Each time it may have begun one turn more than before, and have been held up now and then; not for ever.
    if (++this.#handbacks > this.#plan.concurrency + mostHandbacks) throw new Error('it never begins what it is given');
    this.#listener.handedBack(this.#open.endFrom(first));
  }
}
