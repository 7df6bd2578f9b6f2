/** What an actor may do: how it is written, composed, decided and recorded. */
export { type AuditContext, type AuditEvent, auditEvent } from './audit.ts';
export { type Access, type Decision, decide, denial, operationOf } from './decide.ts';
export { resolveEnvironment } from './environment.ts';
export {
  type EffectiveLine,
  type EffectivePolicy,
  effectiveLines,
  type Explanation,
  explainDecision,
  type LevelSays,
} from './explain.ts';
export {
  type Ceiling,
  type Grant,
  grantedServices,
  grantLines,
  grantPolicy,
  type Level,
  levelNames,
  originText,
  type Refusal,
  refusalText,
  unrestricted,
} from './grant.ts';
export { learnStatement, policyDifference, type Watched } from './learn.ts';
export { formatLimit, type LimitName, limitKinds, limitNames, limitText } from './limits.ts';
export { type FlowPolicies, loadPolicies, loadPolicy, loadPolicyInput, type ParsedPolicy, type PolicyInput, parsePolicy } from './load.ts';
export { presetNames } from './presets.ts';
export { unite } from './unite.ts';
export { emptyPolicy, type ResolvedPolicy } from './resolve.ts';
export type { Capability, Origin, Rule } from './rules/rule.ts';
export { type PolicyStatement, policyJsonSchema, policySchema } from './schema.ts';
export type { PolicySource } from './source.ts';
