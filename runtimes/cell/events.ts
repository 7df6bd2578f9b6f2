/**
 * What the bootstrap of a guest tells, held to what it may say, as if the guest had said it itself: a guest that has come to
 * speak in its place harms its own instance, and never makes the cell tell the host what cells are killed for.
 */
import { textLimits } from '../limits.ts';
import { logLevels } from '../logLevels.ts';
import type { GuestEvent } from '../guest/wire.ts';

const mostInlets = 1024;
const longestCapability = 64;

const isText = (value: unknown, longest: number): boolean => typeof value === 'string' && value.length <= longest;

const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;

/**
 * @param longest characters of a payload
 * @throws Error saying which event it is
 */
export function demandSound(event: GuestEvent, longest: number): void {
  if (!isSound(event, longest)) throw new Error(`an event \`${String(event.is).slice(0, 32)}\` that cannot be`);
}

function isSound(event: GuestEvent, longest: number): boolean {
  switch (event.is) {
    case 'started':
      return Array.isArray(event.inlets) && event.inlets.length <= mostInlets && event.inlets.every((inlet) => isText(inlet, textLimits.name));
    case 'call':
      return isCall(event, longest) && isText(event.capability, longestCapability) && isText(event.operation, textLimits.name);
    case 'ask':
      return isCall(event, longest) && isText(event.peer, textLimits.name);
    case 'log':
      return isText(event.text, textLimits.log) && isCount(event.dropped) && logLevels.includes(event.level);
    default:
      return true;
  }
}

const isCall = ({ id, lane, payload }: Extract<GuestEvent, { is: 'call' | 'ask' }>, longest: number): boolean =>
  isCount(id) && (lane === 0 || lane === 1) && isText(payload, longest);
