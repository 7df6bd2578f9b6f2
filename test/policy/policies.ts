/** Policies for tests, from the text or the object that an author would write. */
import { loadPolicyInput, type PolicyInput } from '../../host/policy/load.ts';
import type { ResolvedPolicy } from '../../host/policy/resolve.ts';

/** Host paths are relative to /srv. */
export const policyOf = (input: PolicyInput, name = 'policy'): ResolvedPolicy => loadPolicyInput(input, name, { from: '/srv/policy.yaml' });
