/** One policy out of several: grants are united, and of a limit, a variable or the quota of state the last that was written stands. */
import { diagnose, type Diagnostic } from '../manifest/diagnostic.ts';
import { needlessDenials, neverMatching } from './check.ts';
import { emptyPolicy, type ResolvedPolicy } from './resolve.ts';
import type { EnvironmentRule } from './rules/environment.ts';
import type { FilesystemRule } from './rules/filesystem.ts';
import { type NetworkRule, network } from './rules/network.ts';
import type { Origin, Rule } from './rules/rule.ts';
import { type SecretRule, secrets } from './rules/secrets.ts';
import { type ServiceRule, services } from './rules/services.ts';
import type { StateRule } from './rules/state.ts';
import { mostRules } from './schema.ts';

export const unite = (policies: readonly ResolvedPolicy[], complain: (mistake: Diagnostic) => void): ResolvedPolicy => {
  if (policies.length === 0) return emptyPolicy;
  /** Of rules with the same key the last stands, at the place of the first. */
  const united = <R extends Rule>(rulesOf: (policy: ResolvedPolicy) => readonly R[], keyOf: (rule: R) => string): readonly R[] => {
    const rules = [...new Map(policies.flatMap(rulesOf).map((rule) => [keyOf(rule), rule])).values()];
    const beyond = rules[mostRules];
    if (beyond !== undefined) complain(mistakeAt(beyond.origin, `a policy has at most ${mostRules} rules of one kind, files and presets included`));
    return rules.slice(0, mostRules);
  };
  const mounts = united<FilesystemRule>(
    (policy) => policy.filesystem,
    ({ guest, host, access }) => `${guest}\0${host}\0${access}`,
  );
  return {
    services: united<ServiceRule>((policy) => policy.services, services.text),
    environment: united<EnvironmentRule>(
      (policy) => policy.environment,
      ({ name }) => name,
    ),
    filesystem: uniteMounts(mounts, complain),
    network: {
      allow: united<NetworkRule>((policy) => policy.network.allow, network.text),
      deny: united<NetworkRule>((policy) => policy.network.deny, network.text),
    },
    secrets: united<SecretRule>((policy) => policy.secrets, secrets.text),
    state: united<StateRule>(
      (policy) => policy.state,
      () => 'state',
    ),
    limits: Object.assign({}, ...policies.map((policy) => policy.limits)),
  };
};

/** Complains about rules of a whole policy that can never have an effect. */
export const checkWhole = ({ network: { allow, deny } }: ResolvedPolicy, complain: (mistake: Diagnostic) => void): void => {
  for (const { rule, by } of neverMatching(allow, deny)) {
    complain(
      mistakeAt(rule.origin, `this rule can never match: ${by.origin.file}:${by.origin.line} denies all of it`, 'Remove one of them: deny beats allow.'),
    );
  }
  for (const rule of needlessDenials(allow, deny))
    complain(mistakeAt(rule.origin, 'this rule denies what nothing allows', 'Remove it: whatever is not allowed is denied.'));
};

const mistakeAt = ({ file, line, column }: Origin, message: string, hint?: string): Diagnostic => diagnose({ file, line, column, message, hint });

const uniteMounts = (rules: readonly FilesystemRule[], complain: (mistake: Diagnostic) => void): readonly FilesystemRule[] => {
  const mounts = new Map<string, FilesystemRule>();
  for (const rule of rules) {
    const earlier = mounts.get(rule.guest);
    if (earlier === undefined || earlier.host === rule.host)
      mounts.set(rule.guest, earlier?.access === 'read-write' && rule.access === 'read' ? earlier : rule);
    else
      complain(
        mistakeAt(
          rule.origin,
          `\`${rule.guest}\` is mounted twice, also at ${earlier.origin.file}:${earlier.origin.line}`,
          'Choose another guest path for one of them.',
        ),
      );
  }
  return [...mounts.values()];
};
