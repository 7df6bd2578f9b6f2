/**
 * What an actor is granted: its request, cut down by the policy of its namespace and by the operator's ceiling.
 *
 * Between levels grants intersect, denials unite, limits take the minimum. Nothing here ever adds to a request.
 */
import { VivariumError } from '../../sdk/errors.ts';
import type { Limits } from '../../runtimes/limits.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { deepFreeze } from '../manifest/plain.ts';
import { defaultLimit, type LimitName, limitKinds, limitNames, limitText } from './limits.ts';
import { emptyPolicy, type LimitRule, type ResolvedPolicy } from './resolve.ts';
import { type EnvironmentRule, environment } from './rules/environment.ts';
import { type FilesystemRule, filesystem, withoutHidden } from './rules/filesystem.ts';
import { denyText, type NetworkRule, network } from './rules/network.ts';
import { type Capability, grantedText, type Origin, type Rule, type RuleKind } from './rules/rule.ts';
import { type SecretRule, secrets } from './rules/secrets.ts';
import { type ServiceRule, services } from './rules/services.ts';
import { type StateRule, state } from './rules/state.ts';

/** Who decides: the actor's own request, the policy of its namespace, the operator. */
export type Level = 'request' | 'namespace' | 'ceiling';

/** A ceiling that cuts nothing away: for whoever runs manifests of their own. Limits stay within the built-in maxima. */
export const unrestricted = 'unrestricted';
export type Ceiling = ResolvedPolicy | typeof unrestricted;

/** Something that was requested and is not granted, or not all of it. */
export interface Refusal {
  readonly capability: Capability | 'limits';
  /** The level that refuses. */
  readonly level: Exclude<Level, 'request'>;
  /** What was requested. */
  readonly rule: Rule;
  /** Less than requested is granted, instead of nothing. */
  readonly partly: boolean;
  /** The line that the refusing level would need: `services: [orders.list]`. */
  readonly line: string;
}

export type DenyRule = NetworkRule & { readonly level: Level };

/** What an actor may do. Plain frozen data; each rule knows where it was written. */
export interface Grant {
  readonly actor: string;
  readonly services: readonly ServiceRule[];
  readonly environment: readonly EnvironmentRule[];
  readonly filesystem: readonly FilesystemRule[];
  readonly network: { readonly allow: readonly NetworkRule[]; readonly deny: readonly DenyRule[] };
  readonly secrets: readonly SecretRule[];
  /** One rule, or none. */
  readonly state: readonly StateRule[];
  readonly limits: Limits;
  /** Where the limits were written that are not the defaults. */
  readonly limitOrigins: Readonly<Partial<Record<LimitName, Origin>>>;
  readonly refused: readonly Refusal[];
}

export interface GrantQuestion {
  readonly actor: string;
  readonly runtime: RuntimeName;
  readonly request: ResolvedPolicy;
  /** Null: the namespace has no policy of its own, and cuts nothing away. */
  readonly namespace?: ResolvedPolicy | null;
  /** The ceiling of the operator; without one, that of the preset `pure`: nothing but computing. */
  readonly ceiling?: Ceiling;
}

/**
 * @example
 * const grant = grantPolicy({ actor: 'score', runtime: 'python', request, ceiling });
 * for (const refusal of grant.refused) console.warn(refusalText(refusal));
 */
export const grantPolicy = ({ actor, runtime, request, namespace = null, ceiling = emptyPolicy }: GrantQuestion): Grant => {
  const levels: LevelPolicy[] = [];
  if (namespace !== null) levels.push({ level: 'namespace', policy: namespace });
  if (ceiling !== unrestricted) levels.push({ level: 'ceiling', policy: ceiling });
  const refused: Refusal[] = [];
  const cut = <R extends Rule>(kind: RuleKind<R>, rulesOf: (policy: ResolvedPolicy) => readonly R[]): readonly R[] =>
    levels.reduce((rules, { level, policy }) => bounded(actor, intersect(kind, rules, rulesOf(policy), level, refused)), rulesOf(request));
  return deepFreeze({
    actor,
    services: cut(services, (policy) => policy.services),
    environment: cut(environment, (policy) => policy.environment),
    filesystem: withoutHidden(
      cut(filesystem, (policy) => policy.filesystem),
      request.filesystem,
    ),
    network: {
      allow: cut(network, (policy) => policy.network.allow),
      deny: [{ level: 'request', policy: request } as const, ...levels].flatMap(({ level, policy }) => policy.network.deny.map((rule) => ({ ...rule, level }))),
    },
    secrets: cut(secrets, (policy) => policy.secrets),
    state: cut(state, (policy) => policy.state),
    ...grantLimits(runtime, request, levels, refused),
    refused,
  });
};

/** One sentence for people: what was requested where, who refuses it, and the line that would allow it. */
export const refusalText = ({ rule, level, partly, line }: Refusal): string =>
  `${originText(rule.origin)} is ${partly ? 'granted in part only' : 'not granted'}: ${levelNames[level]} would need \`${line}\``;

export const levelNames = {
  request: 'the policy of the actor',
  namespace: 'the policy of the namespace',
  ceiling: 'the ceiling of the operator',
} as const satisfies Record<Level, string>;

/** Everything that is granted, as lines of a policy; limits only where they are not the defaults. */
export const grantLines = (grant: Grant): readonly string[] => [
  ...grant.services.map(services.text),
  ...grant.environment.map(environment.text),
  ...grant.filesystem.map((rule) => grantedText(filesystem, rule)),
  ...grant.network.allow.map(network.text),
  ...(grant.network.allow.length > 0 ? grant.network.deny.map(denyText) : []),
  ...grant.secrets.map(secrets.text),
  ...grant.state.map(state.text),
  ...limitNames.filter((name) => grant.limitOrigins[name] !== undefined).map((name) => limitText(name, grant.limits[name])),
];

/** `score.policy.yaml:3:12: services: [orders.list]` */
export const originText = ({ file, line, column, text }: Origin): string => `${file}${line > 0 ? `:${line}:${column}` : ''}: ${text}`;

/** The names of the offered services that are granted, sorted: what a guest gets to see. */
export const grantedServices = (grant: Grant, offered: Iterable<string>): readonly string[] =>
  [...offered].filter((name) => grant.services.some((rule) => services.matches(rule, name, 'call'))).sort();

interface LevelPolicy {
  readonly level: Exclude<Level, 'request'>;
  readonly policy: ResolvedPolicy;
}

/** Each access is compared with each rule, so their number is the host's affair. */
const mostGranted = 1024;

const bounded = <R extends Rule>(actor: string, rules: readonly R[]): readonly R[] => {
  if (rules.length <= mostGranted) return rules;
  throw new VivariumError('policy.invalid', `the rules of \`${actor}\` and those of the levels above it overlap in more than ${mostGranted} ways`, {
    actor,
    hint: 'Use fewer and wider rules.',
  });
};

const intersect = <R extends Rule>(
  kind: RuleKind<R>,
  requested: readonly R[],
  granted: readonly R[],
  level: LevelPolicy['level'],
  refused: Refusal[],
): readonly R[] =>
  requested.flatMap((request) => {
    const { common, whole } = kind.meet?.(request, granted) ?? meet(kind, request, granted);
    if (!whole) refused.push({ capability: kind.capability, level, rule: request, partly: common.length > 0, line: kind.text(request) });
    return common;
  });

const meet = <R extends Rule>(kind: RuleKind<R>, request: R, granted: readonly R[]): { readonly common: readonly R[]; readonly whole: boolean } => {
  const common = largest(
    kind,
    granted.flatMap((rule) => kind.intersect(request, rule) ?? []),
  );
  return { common, whole: common.some((rule) => kind.covers(rule, request)) };
};

/** Without the rules that another one covers. */
const largest = <R extends Rule>(kind: RuleKind<R>, rules: readonly R[]): readonly R[] =>
  rules.filter((rule, index) => !rules.some((other, place) => place !== index && kind.covers(other, rule) && (place < index || !kind.covers(rule, other))));

const grantLimits = (
  runtime: RuntimeName,
  request: ResolvedPolicy,
  levels: readonly LevelPolicy[],
  refused: Refusal[],
): Pick<Grant, 'limits' | 'limitOrigins'> => {
  const limits: Partial<Record<LimitName, number>> = {};
  const limitOrigins: Partial<Record<LimitName, Origin>> = {};
  for (const name of limitNames) {
    const requested: LimitRule | undefined = request.limits[name];
    let value = requested?.value ?? defaultLimit(runtime, name);
    let origin = requested?.origin;
    for (const { level, policy } of levels) {
      const bound = policy.limits[name]?.value ?? (level === 'ceiling' ? defaultLimit(runtime, name) : limitKinds[name].most);
      if (bound >= value) continue;
      if (requested !== undefined) refused.push({ capability: 'limits', level, rule: requested, partly: true, line: limitText(name, requested.value) });
      value = bound;
      origin = policy.limits[name]?.origin;
    }
    limits[name] = value;
    if (origin !== undefined) limitOrigins[name] = origin;
  }
  return { limits: limits as Limits, limitOrigins };
};
