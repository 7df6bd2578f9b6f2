/** The cell's half of the numbers that cross the wall as characters: see guest/wire.ts. */
import {
  codeOffset,
  firstOfPair,
  inBytes,
  laneOf,
  lengthWidth,
  paired,
  ofOneWriter,
  type Place,
  recordWidth,
  secondOfPair,
  settledWithError,
} from '../guest/wire.ts';
import type { Lane } from '../lanes.ts';
import { lengthAt } from './batch.ts';
import type { Body } from './body.ts';

/** What tells of one batch. @param description the number of its description in the delivery */
export const batchHeader = (inlet: number, place: Place | typeof ofOneWriter, description: number, messages: number): string =>
  String.fromCharCode(paired(inlet, place), description, messages);

/** What an instance says: {@link count} payloads, of turns in a row or of one turn. */
export interface Record {
  readonly turn: number;
  readonly code: number;
  readonly lane: Lane;
  readonly count: number;
  readonly lengths: string;
  /** All that was sent in one place; the payloads begin at `start` and end before `end`. */
  readonly body: Body;
  readonly start: number;
  readonly end: number;
  /** The longest payload. */
  readonly longest: number;
}

/**
 * Reads what became of turns.
 * @param take gets each record, and says whether to go on
 * @throws Error when the records are not whole, name no place, or point outside of it
 */
export function readRecords(records: string, lengths: string, body: string, bytes: Uint8Array | undefined, take: (record: Record) => boolean): void {
  demandWhole(records);
  if (bytes !== undefined && !(bytes instanceof Uint8Array)) throw new Error('bytes are of another kind');
  const binary = bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let row = 0;
  for (let at = 0; at < records.length; at += recordWidth) {
    const count = records.charCodeAt(at + 5);
    const to = row + count;
    if (lengthWidth * to > lengths.length) throw new Error('a record has fewer payloads than it says');
    const place = placeAt(records, at);
    const where = place === inBytes ? binary : body;
    const start = numberAt(records, at + 3);
    let end = start;
    let longest = 0;
    for (; row < to; row++) {
      const length = lengthAt(lengths, row);
      if (length > longest) longest = length;
      end += length;
    }
    if (end > where.length) throw new Error('a record points outside');
    const record: Record = {
      turn: numberAt(records, at),
      code: codeAt(records, at),
      lane: laneOf(place),
      count,
      lengths: count * lengthWidth === lengths.length ? lengths : lengths.slice(lengthWidth * (to - count), lengthWidth * to),
      body: where,
      start,
      end,
      longest,
    };
    if (!take(record)) return;
  }
}

/** How many turns end by these records. */
export function endingsIn(records: string): number {
  demandWhole(records);
  let endings = 0;
  for (let at = 0; at < records.length; at += recordWidth) {
    const code = codeAt(records, at);
    if (code < 0 && code >= settledWithError) endings += records.charCodeAt(at + 5);
  }
  return endings;
}

const demandWhole = (records: string): void => {
  if (records.length % recordWidth !== 0) throw new Error('records are incomplete');
};

const codeAt = (records: string, at: number): number => firstOfPair(records.charCodeAt(at + 2)) - codeOffset;

const placeAt = (records: string, at: number): Place => {
  const place = secondOfPair(records.charCodeAt(at + 2));
  if (place === ofOneWriter) throw new Error('a record names no place');
  return place;
};

const numberAt = (records: string, at: number): number => records.charCodeAt(at) + records.charCodeAt(at + 1) * 65_536;
