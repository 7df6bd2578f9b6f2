/**
 * Messages: what actors say to each other, and how it is encoded.
 *
 * The same code runs in the host and, bundled, in every guest: it needs nothing but ECMAScript. A payload
 * is encoded by the guest that sends it and decoded by the guest that receives it; the host moves it unread,
 * and decodes only for an embedder who asks. Whoever decodes does not trust who encoded.
 *
 * Two lanes, chosen for each message: text is JSON, for what JSON holds without loss; binary is MessagePack,
 * for bytes, datetimes, errors, NaN, infinities and whole numbers of 2^53 and more. The value table is
 * docs/reference/messages.md; the Python side of it is runtimes/python/message.py.
 */
import { readBinary } from './codec/binary-reader.ts';
import { writeBinary, writeBytesAlone } from './codec/binary-writer.ts';
import { kindOf } from './codec/kinds.ts';
import { type Budget, defaultBudget, type Message, type Payload } from './codec/model.ts';
import { escapedHalf, isPlain } from './codec/plain.ts';
import { fits, survey } from './codec/survey.ts';
import { readText, writeText } from './codec/text.ts';

export { type Budget, defaultBudget, type ErrorValue, type Message, type Payload } from './codec/model.ts';

/**
 * Encodes a value as a payload.
 *
 * Map entries that are undefined are left out; -0 becomes 0; a `Map` with string keys is a map, an
 * `ArrayBuffer` bytes. Properties with a symbol as key, and those that are not enumerable, do not travel.
 *
 * @throws VivariumError `message.unsupported` for what is no message, naming its path; `limit.message` for what exceeds the budget.
 * @example
 * encode({ total: 12.5 })                 // { lane: 'text', text: '{"total":12.5}' }
 * encode({ at: new Date(0) }).lane        // 'binary'
 * encode({ items: [{ price: () => 1 }] }) // message.unsupported: items[0].price is a function.
 */
export function encode(value: unknown, budget: Budget = defaultBudget): Payload {
  if (isPlain(value, budget)) {
    const text = writeText(value, fits.text, budget);
    if (!text.includes(escapedHalf)) return { lane: 'text', text };
  }
  const kind = typeof value === 'object' && value !== null ? kindOf(value) : undefined;
  if (kind === 'bytes' || kind === 'buffer') return { lane: 'binary', bytes: writeBytesAlone(value as object, kind, budget) };
  const fit = survey(value, null, 0, { budget, nodes: 0, characters: 0 });
  return fit === fits.binary ? { lane: 'binary', bytes: writeBinary(value, budget) } : { lane: 'text', text: writeText(value, fit, budget) };
}

/**
 * Decodes a payload, trusting nothing in it: size, depth, values and keys are counted before anything is
 * allocated for them. Bytes are copied, so the result does not hold on to the payload.
 *
 * @throws VivariumError `message.invalid` for what is not well formed or exceeds the budget for depth, values or keys; `limit.message` for what is too large.
 * @example
 * decode({ lane: 'text', text: '{"total":12.5}' }) // { total: 12.5 }
 */
export function decode(payload: Payload, budget: Budget = defaultBudget): Message {
  return payload.lane === 'text' ? readText(payload.text, budget) : readBinary(payload.bytes, budget);
}
