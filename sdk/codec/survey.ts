import { eachEntry, kindOf, refuseObject, refuseText, refuseType } from './kinds.ts';
import { type Budget, integerRange } from './model.ts';
import { type Place, refuseDepth, tooLarge, tooMany, unsupported } from './refusal.ts';

/** What JSON needs to hold a value: nothing special, its Maps turned into objects, or it cannot hold it. */
export const fits = { text: 0, textWithMaps: 1, binary: 2 } as const;
export type Fit = (typeof fits)[keyof typeof fits];

export interface Tally {
  readonly budget: Budget;
  nodes: number;
  /** Characters of strings and keys: a lower bound of the encoded size, known before anything is encoded. */
  characters: number;
}

const { keys } = Object;
const unsafe = 2 ** 53;

/** Counts one more value. */
export function countNode(tally: Tally): void {
  if (++tally.nodes > tally.budget.nodes) throw tooMany('values', null, tally.budget);
}

/** Counts a string, and refuses one that UTF-8 cannot hold. */
export function countText(text: string, place: Place | null, tally: Tally): void {
  tally.characters += text.length;
  if (tally.characters > tally.budget.bytes) throw tooLarge(tally.budget);
  if (!text.isWellFormed()) throw refuseText(place);
}

export function checkBigint(value: bigint, place: Place | null): void {
  if (value > integerRange.greatest || value < integerRange.least) throw unsupported(place, 'is an integer beyond 64 bits', 'Send it as a string or as bytes.');
}

/**
 * Walks a value once and says what JSON needs to hold it; refuses what is no message or exceeds the
 * budget. Stops early at what JSON cannot hold: the binary writer then does its own walk.
 */
export function survey(value: unknown, parent: Place | null, depth: number, tally: Tally): Fit {
  countNode(tally);
  switch (typeof value) {
    case 'string':
      countText(value, parent, tally);
      return fits.text;
    case 'number':
      return value < unsafe && value > -unsafe ? fits.text : fits.binary;
    case 'boolean':
      return fits.text;
    case 'bigint':
      return fits.binary;
    case 'object':
      return value === null ? fits.text : surveyObject(value, parent, depth + 1, tally);
    default:
      throw refuseType(value, parent);
  }
}

function surveyObject(value: object, parent: Place | null, depth: number, tally: Tally): Fit {
  const kind = kindOf(value);
  if (kind === 'foreign') throw refuseObject(value, parent);
  if (kind !== 'map' && kind !== 'list' && kind !== 'keyed') return fits.binary;
  if (depth > tally.budget.depth) throw refuseDepth(value, parent, tally.budget);
  const place: Place = { container: value, key: 0, parent };
  if (kind === 'list') return surveyList(value as readonly unknown[], place, depth, tally);
  if (kind === 'keyed') return surveyKeyed(value, place, depth, tally);
  return surveyMap(value as Readonly<Record<string, unknown>>, place, depth, tally);
}

function surveyList(list: readonly unknown[], place: Place, depth: number, tally: Tally): Fit {
  let fit: Fit = fits.text;
  for (let index = 0; index < list.length; index++) {
    place.key = index;
    const needs = survey(list[index], place, depth, tally);
    if (needs === fits.binary) return needs;
    if (needs > fit) fit = needs;
  }
  return fit;
}

function surveyMap(map: Readonly<Record<string, unknown>>, place: Place, depth: number, tally: Tally): Fit {
  const names = keys(map);
  if (names.length > tally.budget.keys) throw tooMany('keys', place.parent, tally.budget);
  let fit: Fit = fits.text;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const entry = map[name];
    if (entry === undefined) continue;
    place.key = name;
    countText(name, place, tally);
    const needs = survey(entry, place, depth, tally);
    if (needs === fits.binary) return needs;
    if (needs > fit) fit = needs;
  }
  return fit;
}

function surveyKeyed(map: object, place: Place, depth: number, tally: Tally): Fit {
  for (const [name, entry] of entriesOf(map, place.parent, tally.budget)) {
    place.key = name;
    countText(name, place, tally);
    if (survey(entry, place, depth, tally) === fits.binary) return fits.binary;
  }
  return fits.textWithMaps;
}

/** The entries of a `Map`, without those that are undefined. */
export function entriesOf(map: object, parent: Place | null, budget: Budget): [string, unknown][] {
  const entries: [string, unknown][] = [];
  eachEntry(map, (entry, name) => {
    if (typeof name !== 'string')
      throw unsupported(parent, `is a Map with a key that is no string but a ${typeof name}`, 'Make the keys strings, or send a list of entries.');
    if (entry !== undefined) entries.push([name, entry]);
    if (entries.length > budget.keys) throw tooMany('keys', parent, budget);
  });
  return entries;
}
