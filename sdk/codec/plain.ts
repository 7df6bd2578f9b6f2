/**
 * What most messages are: plain objects and lists of modest size, of texts, numbers and booleans. They need no survey: to recognise
 * them is cheaper, and JSON itself shows whether a text is well formed.
 */
import type { Budget } from './model.ts';

const { isArray } = Array;
const { getPrototypeOf } = Object;
const objectPrototype = Object.prototype;

/** Weight in all, and levels. */
const light = 256;
const fewLevels = 8;
const tooHeavy = 2 * light;
const unsafe = 2 ** 53;

/** So many characters weigh as much as one value. A power of 2. */
const charactersLog = 8;

/** What half of a surrogate pair is in JSON. Where it stands, a survey finds the string that has it, if there is one. */
export const escapedHalf = '\\ud';

/** Whether JSON holds the value as it is, save for strings that are not well formed, and it is far from every bound but that of bytes. */
export const isPlain = (value: unknown, budget: Budget): boolean =>
  typeof value === 'object' &&
  value !== null &&
  budget.depth >= fewLevels &&
  budget.nodes > light &&
  budget.keys >= light &&
  weighContainer(value, fewLevels) <= light;

function weighContainer(container: object, levels: number): number {
  if (levels === 0) return tooHeavy;
  if (isArray(container)) return weighList(container, levels - 1);
  const prototype: object | null = getPrototypeOf(container);
  if (prototype !== objectPrototype && prototype !== null) return tooHeavy;
  let weight = 0;
  // Cheaper than a list of the keys. What is inherited too is looked at in vain, and does no harm.
  for (const name in container) {
    weight += (name.length >> charactersLog) + weigh((container as Readonly<Record<string, unknown>>)[name], levels - 1);
    if (weight > light) return tooHeavy;
  }
  return weight;
}

function weighList(list: readonly unknown[], levels: number): number {
  let weight = 0;
  for (let index = 0; index < list.length; index++) {
    weight += weigh(list[index], levels);
    if (weight > light) return tooHeavy;
  }
  return weight;
}

function weigh(value: unknown, levels: number): number {
  switch (typeof value) {
    case 'string':
      return 1 + (value.length >> charactersLog);
    case 'number':
      return value < unsafe && value > -unsafe ? 1 : tooHeavy;
    case 'boolean':
      return 1;
    case 'object':
      return value === null ? 1 : 1 + weighContainer(value, levels);
    default:
      return tooHeavy;
  }
}
