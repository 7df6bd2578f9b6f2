/** What an actor is granted, in one cell of a table. */
import { type Grant, grantLines } from '../policy/index.ts';

/** A line of a policy: its key, and what stands in the brackets or braces. */
const policyLine = /^(\w+: )(\[|\{ )(.*)(\]| \})$/s;

/** Lines of a policy, those with the same key as one: `services: [orders.list, stock.count]; limits: { wall: 2s, cpu: 1s }`. */
export function grantText(grant: Grant): string {
  const merged = new Map<string, { readonly close: string; readonly parts: string[] }>();
  for (const line of grantLines(grant)) {
    const [, key = '', open = '', text = line, close = ''] = policyLine.exec(line) ?? [];
    const entry = merged.get(key + open) ?? { close, parts: [] };
    entry.parts.push(text);
    merged.set(key + open, entry);
  }
  return [...merged].map(([begin, { close, parts }]) => `${begin}${parts.join(', ')}${close}`).join('; ') || 'nothing but computing';
}
