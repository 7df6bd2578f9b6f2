/** State: what an actor keeps in the store of the host, up to a quota. */
import { formatSize, parseSize } from '../units.ts';
import type { Rule, RuleKind } from './rule.ts';

export interface StateRule extends Rule {
  /** Bytes of all keys and values together. */
  readonly quota: number;
}

const leastQuota = 1024;
const mostQuota = 1024 ** 3;

/** Throws a RangeError whose message says what is wrong. */
export const parseStateQuota = (written: string | number): number => {
  const quota = parseSize(written);
  if (quota < leastQuota || quota > mostQuota) throw new RangeError(`a quota of state lies between ${formatSize(leastQuota)} and ${formatSize(mostQuota)}`);
  return quota;
};

/** An actor has one state: between levels the smaller quota holds, and no key is like another. */
export const state: RuleKind<StateRule> = {
  capability: 'state',
  covers: (wide, narrow) => wide.quota >= narrow.quota,
  intersect: (request, level) => ({ ...request, quota: Math.min(request.quota, level.quota) }),
  matches: () => true,
  text: ({ quota }) => `state: ${formatSize(quota)}`,
};
