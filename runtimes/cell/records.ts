/** The cell's half of the numbers that cross the wall as characters: see guest/wire.ts. */
import { codeOffset, paired, recordWidth, settledWithError } from '../guest/wire.ts';
import { binaryLane, type Lane, textLane } from '../lanes.ts';

/** What tells of one delivery. @param execution the number of its execution in the batch */
export const deliveryHeader = (inlet: number, lane: Lane, execution: number, length: number): string =>
  String.fromCharCode(paired(inlet, lane), execution, length, length >>> 16);

/**
 * Reads what became of turns.
 * @param take gets turn, code, lane and payload of each record, and says whether to go on
 * @throws Error when the records are not whole or point outside of the body
 */
export function readRecords(records: string, body: string, take: (turn: number, code: number, lane: Lane, text: string) => boolean): void {
  demandWhole(records);
  for (let at = 0; at < records.length; at += recordWidth) {
    const start = numberAt(records, at + 3);
    const end = start + numberAt(records, at + 5);
    if (end > body.length) throw new Error('a record points outside');
    const lane = (records.charCodeAt(at + 2) & 1) === 0 ? textLane : binaryLane;
    if (!take(numberAt(records, at), codeAt(records, at), lane, body.slice(start, end))) return;
  }
}

/** How many of the records end a turn. */
export function endingsIn(records: string): number {
  demandWhole(records);
  let endings = 0;
  for (let at = 0; at < records.length; at += recordWidth) {
    const code = codeAt(records, at);
    if (code < 0 && code >= settledWithError) endings++;
  }
  return endings;
}

const demandWhole = (records: string): void => {
  if (records.length % recordWidth !== 0) throw new Error('records are incomplete');
};

const codeAt = (records: string, at: number): number => (records.charCodeAt(at + 2) >> 1) - codeOffset;

const numberAt = (records: string, at: number): number => records.charCodeAt(at) + records.charCodeAt(at + 1) * 65_536;
