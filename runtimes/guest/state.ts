/** How state crosses: a value is a payload inside the message of its call, which the host keeps as it is. */
import type { Budget, Message } from '../../sdk/message.ts';
import { binaryLane, textLane } from '../lanes.ts';
import { bytesToText, decodeGuest, encodeGuest, textToBytes } from './codec.ts';
import type { GuestPayload, Request } from './kernel.ts';

export type StateOperation = 'get' | 'put' | 'delete' | 'list';

/** An entry as the host answers with it. */
export interface StoredEntry {
  readonly value: string | Uint8Array;
  readonly version: number;
}

export const stateRequest = (operation: StateOperation): Request => ({ is: 'call', capability: 'state', operation });

/** @throws VivariumError message.unsupported, limit.message */
export function storable(value: unknown, budget: Budget): string | Uint8Array {
  const { lane, text } = encodeGuest(value, budget);
  return lane === textLane ? text : textToBytes(text);
}

export const payloadOf = (stored: string | Uint8Array): GuestPayload =>
  typeof stored === 'string' ? { lane: textLane, text: stored } : { lane: binaryLane, text: bytesToText(stored) };

/** @throws VivariumError message.invalid, limit.message */
export function restored(stored: string | Uint8Array, budget: Budget): Message {
  const { lane, text } = payloadOf(stored);
  return decodeGuest(lane, text, budget);
}
