/**
 * Decides one access against a grant. Pure functions over frozen data: the same question has the same
 * answer at any time, nothing is run, and what a guest says is only ever compared.
 */
import nodePath from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { shown } from '../manifest/diagnostic.ts';
import { type Grant, type Level, levelNames, originText, type Refusal } from './grant.ts';
import { environment } from './rules/environment.ts';
import { type FilesystemRule, filesystem, isUnder } from './rules/filesystem.ts';
import { deniesUrl, network, readUrl } from './rules/network.ts';
import type { Capability, Origin, Rule, RuleKind } from './rules/rule.ts';
import { secrets } from './rules/secrets.ts';
import { servicePattern, services } from './rules/services.ts';
import { state } from './rules/state.ts';

/** What a guest wants to do. */
export type Access =
  | { readonly capability: 'services'; readonly resource: string }
  | { readonly capability: 'environment'; readonly resource: string }
  | { readonly capability: 'filesystem'; readonly operation: 'read' | 'write'; readonly resource: string }
  /** `operation` is the method; GET if nothing is said. */
  | { readonly capability: 'network'; readonly operation?: string; readonly resource: string }
  | { readonly capability: 'secrets'; readonly resource: string }
  /** `resource` is a key, or what the keys of a list begin with. */
  | { readonly capability: 'state'; readonly operation: 'get' | 'put' | 'delete' | 'list'; readonly resource: string };

export interface Decision {
  readonly allowed: boolean;
  /** The rule that decided; undefined where none speaks of the access: then it is denied. */
  readonly rule?: Origin;
  /** The level at which it was decided. */
  readonly level: Level;
  /** A clause for people: `no rule of its policy allows it`. */
  readonly reason: string;
  /** What would allow it; empty if it is allowed. */
  readonly hint: string;
}

/**
 * Whether an actor may do something now.
 *
 * @example
 * const decision = decide(grant, { capability: 'services', resource: 'orders.list' });
 * if (!decision.allowed) throw denial('score', access, decision);
 */
export const decide = (grant: Grant, access: Access): Decision => {
  switch (access.capability) {
    case 'services':
      return decideRules(grant, access, services, grant.services);
    case 'environment':
      return decideRules(grant, access, environment, grant.environment);
    case 'secrets':
      return decideRules(grant, access, secrets, grant.secrets);
    case 'state':
      return decideRules(grant, access, state, grant.state);
    case 'filesystem':
      return decideFilesystem(grant, access);
    case 'network':
      return decideNetwork(grant, access);
  }
};

/** The error of a denied access. It crosses to the guest, so it names files of the actor's own policy only. */
export const denial = (actor: string, access: Access, decision: Decision): VivariumError => {
  const own = decision.level === 'request' ? decision.rule : undefined;
  const rule = own === undefined ? '' : ` (${originText(own)})`;
  return new VivariumError('policy.denied', `${decisionText(actor, access, decision)}${rule}`, {
    actor,
    hint: decision.hint,
    ...(own !== undefined && { file: own.file, ...(own.line > 0 && { line: own.line, column: own.column }) }),
  });
};

/** A decision in one sentence. */
export const decisionText = (actor: string, access: Access, { allowed, reason }: Decision): string =>
  `\`${actor}\` may ${allowed ? '' : 'not '}${accessText(access)}: ${reason}`;

/** `call`, `read`, `write`, `GET`: what the access does to its resource. */
export const operationOf = (access: Access): string => {
  if (access.capability === 'filesystem' || access.capability === 'state') return access.operation;
  if (access.capability === 'network') return access.operation ?? 'GET';
  return { services: 'call', environment: 'read', secrets: 'use' }[access.capability];
};

const accessText = (access: Access): string => {
  const resource = shown(access.resource).replace(/^"(.*)"$/s, '`$1`');
  switch (access.capability) {
    case 'services':
      return `call the service ${resource}`;
    case 'environment':
      return `read the variable ${resource}`;
    case 'secrets':
      return `use the secret ${resource}`;
    case 'filesystem':
      return `${access.operation} ${resource}`;
    case 'state':
      return 'keep state';
    case 'network':
      return `reach ${resource} with ${shown(operationOf(access)).slice(1, -1)}`;
  }
};

const decideRules = <R extends Rule>(grant: Grant, access: Access, kind: RuleKind<R>, rules: readonly R[]): Decision => {
  const operation = operationOf(access);
  const rule = rules.find((candidate) => kind.matches(candidate, access.resource, operation));
  if (rule !== undefined) return allowedBy(rule);
  // A level above refuses of what the levels below it left: the last one that speaks of the access is the one that took it away.
  const refusal = grant.refused.findLast(
    ({ capability, rule: requested }) => capability === kind.capability && kind.matches(requested as R, access.resource, operation),
  );
  return refusal === undefined ? unmentioned(grant, access) : refusedAt(refusal, access);
};

const allowedBy = ({ origin }: Rule): Decision => ({ allowed: true, rule: origin, level: 'request', reason: 'its policy allows it', hint: '' });

const refusedAt = ({ level, rule }: Refusal, access: Access): Decision => ({
  allowed: false,
  level,
  reason: `its policy asks for it (${originText(rule.origin)}), but ${levelNames[level]} does not grant it`,
  hint: `Add \`${lineFor(access) ?? rule.origin.text}\` to ${levelNames[level]}.`,
});

const unmentioned = ({ actor }: Grant, access: Access): Decision => {
  const line = lineFor(access);
  const hint = line === undefined ? `No policy can allow this: it is no ${forms[access.capability]}.` : `Add \`${line}\` to the policy of \`${actor}\`.`;
  return { allowed: false, level: 'request', reason: 'no rule of its policy allows it', hint };
};

/** The deepest mount that was requested decides, granted or not: what it hid stays hidden. */
const decideFilesystem = (grant: Grant, access: Access & { readonly capability: 'filesystem' }): Decision => {
  const path = nodePath.posix.normalize(access.resource);
  if (!path.startsWith('/') || path.includes('\0')) return unmentioned(grant, access);
  const inside = { ...access, resource: path };
  const refusals = grant.refused.filter(({ capability, rule }) => capability === 'filesystem' && isUnder((rule as FilesystemRule).guest, path));
  const refusal = deepest(refusals.toReversed(), ({ rule }) => (rule as FilesystemRule).guest);
  const mount = deepest(
    grant.filesystem.filter(({ guest }) => isUnder(guest, path)),
    ({ guest }) => guest,
  );
  const asked = refusal !== undefined && filesystem.matches(refusal.rule as FilesystemRule, path, access.operation);
  const hidden = refusal !== undefined && (mount === undefined || (refusal.rule as FilesystemRule).guest.length > mount.guest.length);
  if (mount === undefined || hidden) return asked ? refusedAt(refusal, inside) : unmentioned(grant, inside);
  if (filesystem.matches(mount, path, access.operation)) return allowedBy(mount);
  if (asked) return refusedAt(refusal, inside);
  return {
    allowed: false,
    rule: mount.origin,
    level: 'request',
    reason: 'the folder is granted read only',
    hint: `Add \`access: read-write\` to the rule \`${mount.origin.text}\`.`,
  };
};

const deepest = <T>(items: readonly T[], guestOf: (item: T) => string): T | undefined =>
  items.toSorted((left, right) => guestOf(right).length - guestOf(left).length)[0];

const decideNetwork = (grant: Grant, access: Access & { readonly capability: 'network' }): Decision => {
  const method = operationOf(access);
  const denied = grant.network.deny.find((rule) => deniesUrl(rule, access.resource, method));
  if (denied === undefined) return decideRules(grant, access, network, grant.network.allow);
  const { level, origin } = denied;
  return {
    allowed: false,
    rule: origin,
    level,
    reason: `${levelNames[level]} denies it`,
    hint: `Remove or narrow the rule \`${origin.text}\` of ${levelNames[level]}.`,
  };
};

const forms: Record<Capability, string> = {
  services: 'name of a service',
  environment: 'name of a variable',
  filesystem: 'absolute path',
  network: 'URL with https, http, wss or ws',
  secrets: 'name of a secret',
  state: 'key',
};

/** Bytes of the quota that a hint names. */
const offeredQuota = 1024 ** 2;

/** The line of a policy that would allow an access; undefined for what no policy can speak of. */
const lineFor = (access: Access): string | undefined => {
  const { capability, resource } = access;
  if (capability === 'state') return state.text({ quota: offeredQuota });
  if (resource.length > 1024) return undefined;
  switch (capability) {
    case 'services':
      return servicePattern.test(resource) ? services.text({ pattern: resource }) : undefined;
    case 'environment':
      return /^[A-Za-z_]\w{0,127}$/.test(resource) ? environment.text({ name: resource, need: 'optional' }) : undefined;
    case 'secrets':
      return /^[A-Za-z_]\w{0,127}$/.test(resource) ? `secrets: { ${resource}: { to: "https://…", header: authorization } }` : undefined;
    case 'filesystem': {
      if (!resource.startsWith('/') || /[\p{Cc}\\]/u.test(resource)) return undefined;
      return filesystem.text({ guest: nodePath.posix.dirname(resource), host: './folder', access: access.operation === 'write' ? 'read-write' : 'read' });
    }
    case 'network': {
      const url = readUrl(resource);
      return url === null ? undefined : network.text({ url: { ...url, hosts: 'exact', path: '/', open: true }, methods: null });
    }
  }
};
