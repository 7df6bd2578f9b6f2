/** Learns policies from what a flow was seen to do. */
import { statSync } from 'node:fs';
import nodePath from 'node:path';
import { readFlow } from './deployment.ts';
import { type AuditEvent, type Grant, learnStatement, loadPolicies, loadPolicyInput, policyDifference, type PolicyStatement } from './policy/index.ts';

/** What one actor needed. */
export interface LearnedPolicy {
  readonly actor: string;
  /** The smallest policy under which all that was allowed would have been. */
  readonly policy: PolicyStatement;
  /** Lines: `- ` before what the present policy has and the run did not need, `+ ` before what it lacks, two spaces before what stays. */
  readonly difference: readonly string[];
  /** What was refused while it was watched, and is not in the policy: capability, operation and resource. */
  readonly denied: readonly string[];
}

/**
 * Learns from the audit of a flow that was deployed with `learn`.
 *
 * One thing of a kind is granted exactly; several files make their folder, several URLs of one origin what their paths have in common;
 * nothing makes everything. Variables, limits and denials stay as they are. What no input of the run led to is not learned.
 *
 * @param manifest the path of the manifest
 * @param folder what the paths of the policies are to be relative to; default: the folder of the manifest
 * @example
 * const events: AuditEvent[] = [];
 * host.on('audit', (event) => events.push(event));
 * const flow = await host.deploy('vivarium.yaml', { learn: 'trusted-local' });
 * await flow.run({ records });
 * for (const { actor, difference } of await learnPolicies('vivarium.yaml', flow.grants, events)) console.log(actor, difference);
 */
export async function learnPolicies(
  manifest: string,
  grants: readonly Grant[],
  events: readonly AuditEvent[],
  folder: string = nodePath.dirname(nodePath.resolve(manifest)),
): Promise<readonly LearnedPolicy[]> {
  const { manifest: flow, file } = await readFlow(manifest);
  const { requests } = loadPolicies(flow, { from: file, base: nodePath.dirname(file) });
  return flow.actors.flatMap(({ name, index }): readonly LearnedPolicy[] => {
    const present = requests[index];
    const grant = grants.find(({ actor }) => actor === name);
    if (present === undefined || grant === undefined) return [];
    const own = events.filter(({ actor }) => actor === name);
    const policy = learnStatement({ present, grant, events: own, folder, isFolder });
    const learned = loadPolicyInput(policy, name, { from: nodePath.join(folder, 'learned') });
    const denied = own.filter(({ allowed }) => !allowed).map(({ capability, operation, resource }) => `${capability}: ${operation} ${resource}`.trim());
    return [{ actor: name, policy, difference: policyDifference(present, learned, folder), denied: [...new Set(denied)] }];
  });
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
