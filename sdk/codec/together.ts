/** Small payloads of the text lane, many at once: to enter the parser of JSON costs as much as it takes to parse one of them. */
import type { Budget, Message } from './model.ts';
import { hasManyDigits, opensFew } from './text.ts';

const { parse } = JSON;
const boundary = /\}\{/g;
const [openMap, closeMap] = [0x7b, 0x7d] as const;

/** What a payload of so many characters cannot exceed, whatever is in it. */
export const shortFor = ({ bytes, depth, nodes, keys }: Budget): number => Math.min(Math.floor(bytes / 3), 2 * depth, 2 * nodes, 5 * keys);

/** Whether it looks like a map from outside. */
export const isMap = (texts: string, start: number, end: number): boolean =>
  texts.charCodeAt(start) === openMap && texts.charCodeAt(end - 1) === closeMap && end - start > 1;

/**
 * Reads payloads that lie one after another. Each of them has to be {@link isMap}, and {@link shortFor} the budget; and all of them have to come from
 * whoever could have written any of them, because what one of them opens another could close. Even so no message becomes deeper or larger
 * than it may be: all of them together are not.
 *
 * @returns as many messages; undefined if each is to be read by itself: that finds out which of them is none, and what digits and escapes mean
 */
export function readTogether(texts: string, count: number, { bytes, depth }: Budget): readonly Message[] | undefined {
  if (3 * texts.length > bytes || !opensFew(texts, depth)) return undefined;
  if (hasManyDigits(texts) || texts.includes('\\u') || !texts.isWellFormed()) return undefined;
  const list = texts.replace(boundary, '},{');
  // If it stands inside of one of them too, that would become another.
  if (list.length !== texts.length + count - 1) return undefined;
  try {
    const messages = parse(`[${list}]`) as Message[];
    return messages.length === count ? messages : undefined;
  } catch {
    return undefined;
  }
}
