/**
 * Messages that travel together through the cell: from one place to one inlet of an actor, in columns. Nothing here looks at a payload,
 * and a batch that goes on as it came is not touched for each of its messages.
 */
import { lengthWidth, numberWidth } from '../guest/wire.ts';
import type { Lane } from '../lanes.ts';
import { type Share, serves } from '../replicas.ts';
import { type Body, joined, partOf } from './body.ts';
import type { Execution } from './executions.ts';

/** To whom the answer of a turn goes. */
export type Reply =
  | { readonly to: 'host'; readonly id: number }
  | { readonly to: 'actor'; readonly actor: number; readonly instance: number; readonly call: number };

/** Payloads one after another, cut by their lengths alone. */
export interface Payloads {
  readonly lane: Lane;
  /** Two characters each: see guest/wire.ts. */
  readonly lengths: string;
  readonly body: Body;
  readonly writer: Writer;
}

/** Who wrote all of these payloads: an instance of an actor, or the host. Undefined if that is not known, or not one alone. */
export type Writer = object | undefined;
/** The host, for what it encoded itself; not for what it brings from other cells. */
export const host: Writer = Object.freeze({});

/** The executions of messages, one each. All that guests may know of them is the same, save their numbers. */
export interface Causes {
  /** Shared between batches, so never changed. */
  readonly executions: readonly Execution[];
  readonly description: string;
  /** Three characters each: see guest/wire.ts. */
  readonly numbers: string;
}

export interface Batch extends Payloads, Causes {
  readonly inlet: number;
  /** Only of a batch of one. */
  readonly reply: Reply | undefined;
  /** It came over the channel: the host gets credit back when it leaves the mailbox. */
  readonly fromHost: boolean;
  /** It was running, unreported, when its instance died: its messages run alone, and a second death is their own. */
  readonly suspect: boolean;
}

/** Some messages of a batch, in a row. */
export interface Rows {
  readonly batch: Batch;
  readonly from: number;
  readonly to: number;
}

/** The outlets that every actor has, by number. */
export const outOutlet = 0;
export const errorOutlet = 1;

export const countOf = ({ executions }: Causes): number => executions.length;

export const lengthAt = (lengths: string, row: number): number => lengths.charCodeAt(lengthWidth * row) + lengths.charCodeAt(lengthWidth * row + 1) * 65_536;

export const asLength = (length: number): string => String.fromCharCode(length, length >>> 16);

const textOfUnits = (units: Uint16Array): string => Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString('utf16le');

/** {@link asLength} of each of these rows. Much cheaper than to join the texts of each. */
export function asLengths(lengths: ArrayLike<number>, from: number, to: number): string {
  const units = new Uint16Array(lengthWidth * (to - from));
  for (let row = from, at = 0; row < to; row++) {
    const length = lengths[row] as number;
    units[at++] = length;
    units[at++] = length >>> 16;
  }
  return textOfUnits(units);
}

/** Their numbers, three characters each. */
export function asNumbers(executions: readonly Pick<Execution, 'number'>[]): string {
  const units = new Uint16Array(numberWidth * executions.length);
  let at = 0;
  for (const { number } of executions) {
    units[at++] = number;
    units[at++] = number / 65_536;
    units[at++] = number / 4_294_967_296;
  }
  return textOfUnits(units);
}

export const onePayload = (lane: Lane, body: Body): Payloads => ({ lane, lengths: asLength(body.length), body, writer: undefined });

/** Characters of the payloads from one row up to another. */
export function charactersOf(lengths: string, from: number, to: number): number {
  let characters = 0;
  for (let row = from; row < to; row++) characters += lengthAt(lengths, row);
  return characters;
}

export function causesOf({ batch, from, to }: Rows): Causes {
  if (from === 0 && to === batch.executions.length) return batch;
  const { executions, description, numbers } = batch;
  return { executions: executions.slice(from, to), description, numbers: numbers.slice(numberWidth * from, numberWidth * to) };
}

function payloadsOf({ batch, from, to }: Rows): Payloads {
  const { lane, lengths, body, writer } = batch;
  const start = charactersOf(lengths, 0, from);
  return {
    lane,
    lengths: lengths.slice(lengthWidth * from, lengthWidth * to),
    body: partOf(body, start, start + charactersOf(lengths, from, to)),
    writer,
  };
}

/** These messages as a batch of their own. */
export function part(rows: Rows): Batch {
  const { batch, from, to } = rows;
  return from === 0 && to === batch.executions.length ? batch : { ...batch, ...causesOf(rows), ...payloadsOf(rows) };
}

/** The messages of those executions of which this holds, as a batch; undefined if there are none. */
export function select(batch: Batch, holds: (execution: Execution) => boolean): Batch | undefined {
  const { executions: all } = batch;
  const executions = all.filter(holds);
  if (executions.length === all.length) return batch;
  if (executions.length === 0) return undefined;
  let numbers = '';
  let lengths = '';
  const parts: Body[] = [];
  for (let row = 0, start = 0; row < all.length; row++) {
    const end = start + lengthAt(batch.lengths, row);
    if (holds(all[row] as Execution)) {
      numbers += batch.numbers.slice(numberWidth * row, numberWidth * (row + 1));
      lengths += batch.lengths.slice(lengthWidth * row, lengthWidth * (row + 1));
      parts.push(partOf(batch.body, start, end));
    }
    start = end;
  }
  return { ...batch, executions, numbers, lengths, body: joined(parts) };
}

/** Messages of these causes for an inlet of this cell. */
export const asBatch = ({ executions, description, numbers }: Causes, { lane, lengths, body, writer }: Payloads, inlet: number): Batch => ({
  inlet,
  lane,
  lengths,
  body,
  writer,
  executions,
  description,
  numbers,
  reply: undefined,
  fromHost: false,
  suspect: false,
});

/** Those messages whose executions these replicas serve; undefined if there are none. */
export const servedBy = (shares: readonly Share[], causes: Causes, payloads: Payloads): Batch | undefined =>
  select(asBatch(causes, payloads, 0), ({ partition }) => shares.some((share) => serves(share, partition)));

/** One cause of several messages. */
export const repeated = (causes: Causes, count: number): Causes =>
  count === 1
    ? causes
    : {
        executions: new Array<Execution>(count).fill(causes.executions[0] as Execution),
        description: causes.description,
        numbers: causes.numbers.repeat(count),
      };
