/** What a manifest would be granted, decided without running anything. */
import nodePath from 'node:path';
import { VivariumError } from '../sdk/errors.ts';
import { resolveCeiling } from './ceiling.ts';
import { readFlow } from './deployment.ts';
import type { CeilingInput } from './options.ts';
import {
  type Access,
  type EffectivePolicy,
  effectiveLines,
  emptyPolicy,
  type Explanation,
  explainDecision,
  grantPolicy,
  loadPolicies,
} from './policy/index.ts';

export interface ExplainOptions {
  /** The most that any actor is granted. Default: `pure`, as for a host. */
  readonly ceiling?: CeilingInput;
  /** The folder that every policy file must lie in. Default: that of the manifest; for an object, the working folder. */
  readonly base?: string;
}

/**
 * Whether an actor of a manifest may do something, and why: the rule that decides, what each level says, the line that would allow it.
 *
 * The policies alone are asked. A path is taken as it is written, the name of a host is not resolved: where a link leads, and to which
 * address a name, is decided when it is used.
 *
 * @param manifest the path of a manifest, or a manifest as an object
 * @throws VivariumError manifest.invalid, policy.invalid, actor.unknown
 * @example
 * const { allowed, summary, hint } = await explainAccess('vivarium.yaml', 'score', { capability: 'services', resource: 'orders.list' });
 */
export async function explainAccess(manifest: unknown, actor: string, access: Access, options: ExplainOptions = {}): Promise<Explanation> {
  const { question } = await askedOf(manifest, actor, options);
  return explainDecision(question, access);
}

/**
 * What an actor of a manifest may do: every line with the place it comes from.
 *
 * @throws VivariumError manifest.invalid, policy.invalid, actor.unknown
 * @example
 * const { granted, refused } = await effectivePolicy('vivarium.yaml', 'score', { ceiling: 'web-reader' });
 */
export async function effectivePolicy(manifest: unknown, actor: string, options: ExplainOptions = {}): Promise<EffectivePolicy> {
  const { question, namespace } = await askedOf(manifest, actor, options);
  return { namespace, actor, runtime: question.runtime, ...effectiveLines(grantPolicy(question)) };
}

async function askedOf(manifest: unknown, name: string, options: ExplainOptions) {
  const { manifest: flow, file } = await readFlow(manifest);
  const { namespace, requests } = loadPolicies(flow, { from: file, base: options.base ?? nodePath.dirname(file) });
  const actor = flow.actors.find((candidate) => candidate.name === name);
  const request = actor && requests[actor.index];
  if (actor === undefined || request === undefined) {
    const names = flow.actors.map((candidate) => candidate.name).join(', ');
    throw new VivariumError('actor.unknown', `the manifest has no actor \`${name}\``, { hint: `its actors: ${names}` });
  }
  const ceiling = resolveCeiling(options.ceiling, 'ceiling') ?? emptyPolicy;
  return { namespace: flow.namespace, question: { actor: name, runtime: actor.runtime, request, namespace, ceiling } } as const;
}
