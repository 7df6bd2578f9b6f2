/** Answers to "why?": what each level says of an access, and what an actor may do altogether, each line with its origin. */
import { type Access, type Decision, decide, decisionText, operationOf } from './decide.ts';
import { type Grant, type GrantQuestion, grantPolicy, type Level, refusalText, unrestricted } from './grant.ts';
import { limitNames, limitText } from './limits.ts';
import type { ResolvedPolicy } from './resolve.ts';
import { environment } from './rules/environment.ts';
import { filesystem } from './rules/filesystem.ts';
import { denyText, network } from './rules/network.ts';
import { type Capability, grantedText, type Origin, type Rule, type RuleKind } from './rules/rule.ts';
import { secrets } from './rules/secrets.ts';
import { services } from './rules/services.ts';
import { state } from './rules/state.ts';

/** What one level says. `everything`: it cuts nothing away. */
export interface LevelSays {
  readonly level: Level;
  readonly says: 'allows' | 'denies' | 'nothing' | 'everything';
  /** The rule with which it says so. */
  readonly rule: Origin | null;
}

/** Whether an actor may do something, and why. Plain data. */
export interface Explanation {
  readonly actor: string;
  readonly capability: Capability;
  readonly operation: string;
  readonly resource: string;
  readonly allowed: boolean;
  /** In one sentence. */
  readonly summary: string;
  /** The level that decided. */
  readonly level: Level;
  /** The rule that decided; null where no rule speaks of the access. */
  readonly rule: Origin | null;
  /** What would allow it; null if it is allowed. */
  readonly hint: string | null;
  /** The request, the policy of the namespace, the ceiling. */
  readonly chain: readonly LevelSays[];
}

/** Asked of the policies alone: nothing runs, no name is resolved, no link followed. */
export const explainDecision = (question: GrantQuestion & { readonly ceiling: NonNullable<GrantQuestion['ceiling']> }, access: Access): Explanation => {
  const { actor, request, namespace = null, ceiling } = question;
  const decision = decide(grantPolicy(question), access);
  const asked = decide(grantPolicy({ ...question, namespace: null, ceiling: unrestricted }), access);
  const levels = [
    { level: 'namespace', policy: namespace },
    { level: 'ceiling', policy: ceiling === unrestricted ? null : ceiling },
  ] as const;
  return {
    actor,
    capability: access.capability,
    operation: operationOf(access),
    resource: access.resource,
    allowed: decision.allowed,
    summary: decisionText(actor, access, decision),
    level: decision.level,
    rule: decision.rule ?? null,
    hint: decision.allowed ? null : decision.hint,
    chain: [
      { level: 'request', says: asked.allowed ? 'allows' : asked.rule === undefined ? 'nothing' : 'denies', rule: asked.rule ?? null },
      ...levels.map(
        ({ level, policy }): LevelSays => (policy === null ? { level, says: 'everything', rule: null } : { level, ...saidBy(policy, request, asked, access) }),
      ),
    ],
  };
};

interface Said {
  readonly says: LevelSays['says'];
  readonly rule: Origin | null;
}

/** What a level above says of an access that the request asks for; between levels its rules meet those of the request. */
const saidBy = (policy: ResolvedPolicy, request: ResolvedPolicy, asked: Decision, access: Access): Said => {
  const { kind, rulesOf } = kinds[access.capability];
  const operation = operationOf(access);
  const denied = access.capability === 'network' ? policy.network.deny.find((rule) => network.matches(rule, access.resource, operation)) : undefined;
  if (denied !== undefined) return { says: 'denies', rule: denied.origin };
  const wanted = rulesOf(request).find(({ origin }) => origin === asked.rule);
  const rule = rulesOf(policy).find((candidate) => {
    const common = wanted === undefined ? candidate : kind.intersect(wanted, candidate);
    return common !== null && (wanted !== undefined || access.capability !== 'filesystem') && kind.matches(common, access.resource, operation);
  });
  return rule === undefined ? { says: 'nothing', rule: null } : { says: 'allows', rule: rule.origin };
};

interface Kind {
  readonly kind: RuleKind<Rule>;
  rulesOf(policy: Pick<ResolvedPolicy, Capability>): readonly Rule[];
}

const kindOf = <R extends Rule>(kind: RuleKind<R>, rulesOf: (policy: Pick<ResolvedPolicy, Capability>) => readonly R[]): Kind => ({
  kind: kind as never,
  rulesOf,
});

const kinds: Readonly<Record<Capability, Kind>> = {
  services: kindOf(services, (policy) => policy.services),
  environment: kindOf(environment, (policy) => policy.environment),
  filesystem: kindOf(filesystem, (policy) => policy.filesystem),
  network: kindOf(network, (policy) => policy.network.allow),
  secrets: kindOf(secrets, (policy) => policy.secrets),
  state: kindOf(state, (policy) => policy.state),
};

/** One line of what is granted, as a policy would say it. */
export interface EffectiveLine {
  readonly line: string;
  /** The rule of the request, or of the level that set the limit; null for a default. */
  readonly origin: Origin | null;
}

/** What an actor may do. Plain data. */
export interface EffectivePolicy {
  readonly namespace: string;
  readonly actor: string;
  readonly runtime: string;
  readonly granted: readonly EffectiveLine[];
  /** All limits, the defaults too. */
  readonly limits: readonly EffectiveLine[];
  /** What was requested and is not granted, or not all of it: a sentence each. */
  readonly refused: readonly string[];
}

export const effectiveLines = (grant: Grant): Pick<EffectivePolicy, 'granted' | 'limits' | 'refused'> => ({
  granted: [
    ...Object.values(kinds).flatMap(({ kind, rulesOf }) => rulesOf(grant).map((rule) => ({ line: grantedText(kind, rule), origin: rule.origin }))),
    ...(grant.network.allow.length > 0 ? grant.network.deny.map((rule) => ({ line: denyText(rule), origin: rule.origin })) : []),
  ],
  limits: limitNames.map((name) => ({ line: limitText(name, grant.limits[name]), origin: grant.limitOrigins[name] ?? null })),
  refused: grant.refused.map(refusalText),
});
