/** How state crosses: a value is a payload inside the message of its call, which the host keeps as it is. */
import type { Budget, Message } from '../../sdk/message.ts';
import { binaryLane, textLane } from '../lanes.ts';
import { bytesOf, decodeGuest, encodeGuest } from './codec.ts';
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
  const payload = encodeGuest(value, budget);
  return payload.lane === textLane ? payload.text : bytesOf(payload);
}

export const payloadOf = (stored: string | Uint8Array): GuestPayload =>
  typeof stored === 'string' ? { lane: textLane, text: stored } : { lane: binaryLane, text: '', bytes: stored };

/** @throws VivariumError message.invalid, limit.message */
export const restored = (stored: string | Uint8Array, budget: Budget): Message => decodeGuest(payloadOf(stored), budget);
