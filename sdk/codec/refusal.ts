import { VivariumError } from '../errors.ts';
import type { Budget } from './model.ts';

/** Where a walk through a value stands: a container, the key it is at, and what contains the container. */
export interface Place {
  readonly container: object;
  key: string | number;
  readonly parent: Place | null;
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const pathLimit = 200;

function pathOf(place: Place | null): string {
  let path = '';
  for (let at = place; at !== null; at = at.parent) {
    const { key } = at;
    const isName = typeof key === 'string' && key.length <= pathLimit && identifier.test(key);
    const step = isName ? (at.parent === null ? key : `.${key}`) : `[${typeof key === 'number' ? key : JSON.stringify(key.slice(0, pathLimit))}]`;
    path = step + path;
    if (path.length > pathLimit) return `…${path.slice(-pathLimit)}`;
  }
  return path;
}

const subject = (place: Place | null) => (place === null ? 'The value' : pathOf(place));

const modelHint = 'A message holds null, booleans, numbers, bigints, strings, Uint8Array, Date, Error, lists and plain objects.';

/** A value that is no message. `reason` continues the sentence that begins with its path. */
export const unsupported = (place: Place | null, reason: string, hint: string = modelHint) =>
  new VivariumError('message.unsupported', `${subject(place)} ${reason}.`, { hint });

/** A payload that is not well formed, or that claims more than the budget. */
export const invalid = (reason: string, cause?: unknown) => new VivariumError('message.invalid', `The payload is no message: ${reason}.`, { cause });

const digits = (count: number) => count.toString().replace(/\B(?=(\d{3})+$)/g, ',');

export const tooLarge = (budget: Budget, bytes?: number) =>
  new VivariumError(
    'limit.message',
    `The message ${bytes === undefined ? 'has more' : `has ${digits(bytes)} bytes, more`} than the ${digits(budget.bytes)} bytes that one message may have.`,
    {
      hint: 'Send it in parts, or raise `limits.message` in the policy of the actor.',
    },
  );

export const tooDeep = (place: Place | null, budget: Budget) =>
  new VivariumError('limit.message', `${subject(place)} is nested deeper than the ${budget.depth} levels that a message may have.`, {
    hint: 'Send a flatter value.',
  });

export const tooMany = (what: 'values' | 'keys', place: Place | null, budget: Budget) =>
  what === 'values'
    ? new VivariumError('limit.message', `The message has more than the ${digits(budget.nodes)} values that one message may have.`, {
        hint: 'Send it in parts.',
      })
    : new VivariumError('limit.message', `${subject(place)} has more than the ${digits(budget.keys)} keys that one map may have.`, {
        hint: 'Send a list of entries, or several maps.',
      });

/** A container deeper than the budget. If a cycle made it so, the refusal names the first place that leads back. */
export function refuseDepth(value: object, parent: Place | null, budget: Budget): VivariumError {
  const places: Place[] = [];
  for (let at = parent; at !== null; at = at.parent) places.unshift(at);
  const seen = new Set<object>();
  for (const place of places) {
    if (seen.has(place.container)) return refuseCycle(place.parent);
    seen.add(place.container);
  }
  return seen.has(value) ? refuseCycle(parent) : tooDeep(parent, budget);
}

const refuseCycle = (place: Place | null) =>
  unsupported(place, 'is a container that lies in itself', 'Send the parts, and let them refer to each other by a key.');
