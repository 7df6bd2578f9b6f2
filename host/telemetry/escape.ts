/**
 * Text of guests, made safe to print: one line, no terminal command, no change of reading direction, nothing
 * that looks like a line of somebody else.
 */

import type { ErrorRecord } from '../../sdk/errors.ts';

/** C0, DEL and C1 controls; line and paragraph separators; marks and overrides of reading direction; the byte order mark. */
const dangerous = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escapeOne = (character: string): string => named[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** For a line of a log. */
export const escapeLine = (text: string): string => text.replace(dangerous, escapeOne);

/** For errors, whose stacks have lines: line feeds and tabs stay. */
export const escapeText = (text: string): string =>
  text.replace(dangerous, (character) => (character === '\n' || character === '\t' ? character : escapeOne(character)));

/** Every text of an error that came from a cell. */
export const escapeError = (error: ErrorRecord): ErrorRecord =>
  Object.fromEntries(Object.entries(error).map(([name, value]) => [name, typeof value === 'string' ? escapeText(value) : value])) as unknown as ErrorRecord;
