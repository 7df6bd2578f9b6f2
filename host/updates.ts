/** What a new version of a flow may ask for: no more than is granted, or than the version before it was refused already. */
import { VivariumError } from '../sdk/errors.ts';
import { type Grant, type Refusal, refusalText } from './policy/index.ts';

/**
 * @param before what is deployed in the namespace
 * @throws VivariumError policy.refused, with each request that is new and not granted: what is deployed goes on
 */
export function demandGranted(namespace: string, before: readonly Grant[], update: readonly Grant[]): void {
  const known = new Set(before.flatMap(refusalsOf).map(({ key }) => key));
  const added = update.flatMap(refusalsOf).filter(({ key }) => !known.has(key));
  const [first] = added;
  if (first === undefined) return;
  const { actor, refusal } = first;
  const { file, line, column } = refusal.rule.origin;
  const differences = added.map((each) => `${each.actor}: ${refusalText(each.refusal)}`);
  throw new VivariumError('policy.refused', `the update of \`${namespace}\` asks for more than is granted:\n${differences.join('\n')}`, {
    actor,
    file,
    ...(line > 0 && { line, column }),
    hint: 'Grant it, or stop the flow first: a first deployment runs with what it is granted.',
  });
}

interface RefusedRequest {
  readonly actor: string;
  readonly refusal: Refusal;
  /** The same for the same request, wherever it is written. */
  readonly key: string;
}

const refusalsOf = ({ actor, refused }: Grant): readonly RefusedRequest[] =>
  refused.map((refusal) => ({ actor, refusal, key: JSON.stringify([actor, refusal.capability, refusal.level, refusal.partly, refusal.line]) }));
