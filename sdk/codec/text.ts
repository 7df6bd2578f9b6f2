import { VivariumError } from '../errors.ts';
import { type Budget, integerRange, type Message } from './model.ts';
import { invalid, tooLarge, unsupported } from './refusal.ts';
import { type Fit, fits } from './survey.ts';
import { eachEntry, kindOf } from './kinds.ts';
import { exceeds, utf8Length } from './utf8.ts';

const { parse, stringify } = JSON;
const { fromEntries } = Object;

/** JSON of a value that was surveyed. What a getter shows only now can make it other JSON, never a larger message than the budget's. */
export function writeText(value: unknown, fit: Fit, budget: Budget): string {
  let text: string | undefined;
  try {
    text = fit === fits.text ? stringify(value) : stringify(value, objectForMap);
  } catch (cause) {
    throw new VivariumError('message.unsupported', 'The value cannot be written as JSON: it changed while it was read.', {
      hint: 'Send plain data, without getters and proxies.',
      cause,
    });
  }
  if (text === undefined) throw unsupported(null, 'changed while it was read');
  if (exceeds(text, budget.bytes)) throw tooLarge(budget, utf8Length(text));
  return text;
}

function objectForMap(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || kindOf(value) !== 'keyed') return value;
  const entries: [unknown, unknown][] = [];
  eachEntry(value, (entry, name) => entries.push([name, entry]));
  return fromEntries(entries as [string, unknown][]);
}

const manyDigits = 16;
/** A run of so many digits before any point may be an integer that no number holds. */
const largeInteger = /(?<![\d.])\d{16}/;
const integerLiteral = /^-?\d+$/;

/** The value of a payload of the text lane. Throws `message.invalid` and `limit.message`. */
export function readText(text: string, budget: Budget): Message {
  if (exceeds(text, budget.bytes)) throw tooLarge(budget, utf8Length(text));
  // Fewer characters cannot exceed the budget: a level takes two, a value two, a key five (`"":0,`).
  const isShort = text.length <= 2 * budget.nodes && text.length <= 5 * budget.keys;
  if (!isShort || (text.length > 2 * budget.depth && !opensFew(text, budget.depth))) checkShape(text, budget);
  if (!text.isWellFormed()) throw invalid('it holds half of a surrogate pair');
  let value: Message;
  try {
    value = hasManyDigits(text) && largeInteger.test(text) ? parse(text, keepInteger as (this: unknown, key: string, value: unknown) => unknown) : parse(text);
  } catch (cause) {
    if (cause instanceof VivariumError) throw cause;
    throw invalid('it is not JSON', cause);
  }
  if (text.includes('\\u')) checkStrings(value);
  return value;
}

/** Whether no more than so many lists and maps begin in it, brackets in strings counted too. */
export function opensFew(text: string, most: number): boolean {
  let opened = 0;
  for (let at = text.indexOf('{'); at !== -1; at = text.indexOf('{', at + 1)) if (++opened > most) return false;
  for (let at = text.indexOf('['); at !== -1; at = text.indexOf('[', at + 1)) if (++opened > most) return false;
  return true;
}

const isDigit = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  return unit >= zero && unit <= nine;
};

/** Whether so many digits stand in a row; most texts have none. A row of that length holds every place of that distance. */
export function hasManyDigits(text: string): boolean {
  for (let at = manyDigits - 1; at < text.length; at += manyDigits) {
    if (!isDigit(text, at)) continue;
    let first = at;
    while (first > 0 && isDigit(text, first - 1)) first--;
    let end = at + 1;
    while (end < text.length && isDigit(text, end)) end++;
    if (end - first >= manyDigits) return true;
  }
  return false;
}

/** A reviver that turns the integers that no number holds into bigints. */
function keepInteger(_key: string, value: unknown, { source }: { readonly source: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !integerLiteral.test(source)) return value;
  const integer = source.length > 20 ? 2n ** 64n : BigInt(source);
  if (integer > integerRange.greatest || integer < integerRange.least) throw invalid('it holds an integer beyond 64 bits');
  return integer;
}

/** An escape can name half of a surrogate pair, which no other language has. The depth is within the budget. */
function checkStrings(value: Message): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw invalid('a string holds half of a surrogate pair');
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, entry] of Object.entries(value)) {
      if (!key.isWellFormed()) throw invalid('a key holds half of a surrogate pair');
      checkStrings(entry as Message);
    }
  }
}

const [zero, nine] = [0x30, 0x39] as const;
const [quote, backslash, comma, colon, openList, closeList, openMap, closeMap] = [0x22, 0x5c, 0x2c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d] as const;

/** Counts depth, values and keys of what may be JSON, before anything is allocated for them. Whether it is JSON, the parser says. */
function checkShape(text: string, budget: Budget): void {
  const keys: number[] = [];
  let depth = 0;
  let nodes = 1;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case quote:
        index = endOfString(text, index);
        break;
      case comma:
        nodes++;
        break;
      case colon:
        if (++(keys[depth] as number) > budget.keys) throw invalid(`a map has more than ${budget.keys} keys`);
        break;
      case openList:
      case openMap:
        if (++depth > budget.depth) throw invalid(`it is nested deeper than ${budget.depth} levels`);
        keys[depth] = 0;
        if (!closesAtOnce(text, index)) nodes++;
        break;
      case closeList:
      case closeMap:
        depth--;
        break;
    }
  }
  if (nodes > budget.nodes) throw invalid(`it has more than ${budget.nodes} values`);
}

/** The place of the quote that ends the string which begins at `index`. */
function endOfString(text: string, index: number): number {
  let at = text.indexOf('"', index + 1);
  while (at !== -1 && isEscaped(text, at, index)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at;
}

/** Whether an odd number of backslashes stands before `at`, in a string that begins at `start`. */
function isEscaped(text: string, at: number, start: number): boolean {
  let before = at - 1;
  while (before > start && text.charCodeAt(before) === backslash) before--;
  return (at - 1 - before) % 2 === 1;
}

/** Whether the container that opens at `index` is empty. */
function closesAtOnce(text: string, index: number): boolean {
  for (let at = index + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character > 0x20) return character === closeList || character === closeMap;
  }
  return false;
}
