/** The ceiling as whoever operates a host writes it. */
import nodePath from 'node:path';
import type { CeilingInput } from './options.ts';
import { type Ceiling, loadPolicyInput, unrestricted } from './policy/index.ts';

/** @param name how messages name it @throws VivariumError policy.invalid */
export function resolveCeiling(input: CeilingInput | undefined, name: string): Ceiling | undefined {
  if (input === undefined || input === unrestricted) return input;
  return loadPolicyInput(input, name, { from: nodePath.resolve(name) });
}
