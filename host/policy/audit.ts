import { type Access, type Decision, operationOf } from './decide.ts';
import { originText } from './grant.ts';
import type { Capability } from './rules/rule.ts';

/** One decision, as it is told before it takes effect. Plain data: a line of JSON. */
export interface AuditEvent {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly namespace: string;
  readonly actor: string;
  readonly capability: Capability;
  /** `call`, `read`, `write`, `use`, or the method of a request. */
  readonly operation: string;
  readonly resource: string;
  readonly allowed: boolean;
  /** The deciding rule with its place; null where no rule speaks of the access. */
  readonly rule: string | null;
  /** Why, and at which level. */
  readonly reason: string;
  /** The id of the execution; undefined outside of one. */
  readonly execution?: string | undefined;
}

export interface AuditContext {
  readonly namespace: string;
  readonly actor: string;
  readonly execution?: string | undefined;
}

/** What a guest names can be long; a record of it need not be. */
const longestResource = 1024;

export const auditEvent = ({ namespace, actor, execution }: AuditContext, access: Access, decision: Decision, time: number = Date.now()): AuditEvent => ({
  time,
  namespace,
  actor,
  capability: access.capability,
  operation: operationOf(access).slice(0, 32),
  resource: access.resource.slice(0, longestResource),
  allowed: decision.allowed,
  rule: decision.rule === undefined ? null : originText(decision.rule),
  reason: decision.reason,
  ...(execution !== undefined && { execution }),
});
