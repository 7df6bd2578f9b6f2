import { charCodeAt, stringIndexOf, stringSlice, uncurry } from './captured.ts';

/** The first `limit` characters; what is cut ends in `…`, never within a surrogate pair. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  if (limit < 1) return '';
  const end = isHighSurrogate(charCodeAt(text, limit - 2)) ? limit - 2 : limit - 1;
  return `${stringSlice(text, 0, end)}…`;
}

export const contains = (text: string, part: string): boolean => stringIndexOf(text, part) >= 0;
export const startsWith = (text: string, start: string): boolean => stringSlice(text, 0, start.length) === start;
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

const escapes: Record<number, string> = Object.assign(Object.create(null), { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r', 92: '\\\\' });
const numberToString = uncurry(Number.prototype.toString);
const toUpperCase = uncurry(String.prototype.toUpperCase);

/** A string as source text, in the quotes that need the fewest escapes, with everything invisible escaped. */
export function quote(text: string): string {
  const mark = !contains(text, "'") ? "'" : !contains(text, '"') ? '"' : !contains(text, '`') && !contains(text, '${') ? '`' : "'";
  return mark + escapeText(text, mark) + mark;
}

/** A string with everything escaped that is invisible or would end a string in `mark`s. */
export function escapeText(text: string, mark: string): string {
  let escaped = '';
  let plainFrom = 0;
  for (let index = 0; index < text.length; index++) {
    const sequence = escapeAt(text, index, mark);
    if (sequence === undefined) continue;
    escaped += stringSlice(text, plainFrom, index) + sequence;
    plainFrom = index + 1;
  }
  return escaped + stringSlice(text, plainFrom);
}

function escapeAt(text: string, index: number, mark: string): string | undefined {
  const code = charCodeAt(text, index);
  if (code === 39 && mark === "'") return "\\'";
  if (code < 32 || code === 92 || (code >= 127 && code <= 159)) return escapes[code] ?? `\\x${code < 16 ? '0' : ''}${toUpperCase(numberToString(code, 16))}`;
  const paired = isHighSurrogate(code) ? isLowSurrogate(charCodeAt(text, index + 1)) : isLowSurrogate(code) && isHighSurrogate(charCodeAt(text, index - 1));
  return (isHighSurrogate(code) || isLowSurrogate(code)) && !paired ? `\\u${numberToString(code, 16)}` : undefined;
}

/** Whether a property name needs no quotes. */
export function isIdentifier(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = charCodeAt(text, index);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
    if (!letter && (index === 0 || code < 48 || code > 57)) return false;
  }
  return text.length > 0;
}
