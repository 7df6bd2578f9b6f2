/**
 * The one door through which guests reach the outside: finds the capability that a call names, and gives it the means to ask
 * the policy of the actor that calls and to tell the audit. Who calls is known from the channel.
 */
import { textLimits } from '../../runtimes/limits.ts';
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { type Access, type AuditEvent, auditEvent, type Decision, decide, denial } from '../policy/index.ts';
import type { Answer, Caller, Capability, CapabilityCall } from './capability.ts';

/** By the name that calls give. */
export type Capabilities = Readonly<Partial<Record<string, Capability>>>;

export interface GuestRequest extends Omit<CapabilityCall, 'demand' | 'refuse'> {
  readonly capability: string;
}

export class Broker {
  readonly #capabilities: Capabilities;
  readonly #audit: (event: AuditEvent) => void;
  /** An embedder learns here of what a guest is told in one sentence. */
  readonly #failed: (error: VivariumError, caller: Caller) => void;

  constructor(capabilities: Capabilities, audit: (event: AuditEvent) => void, failed: (error: VivariumError, caller: Caller) => void) {
    this.#capabilities = capabilities;
    this.#audit = audit;
    this.#failed = failed;
  }

  /**
   * Performs one call.
   * @throws VivariumError policy.denied, or what the capability itself answers with: code and message, nothing of the host
   */
  async call({ capability: name, ...request }: GuestRequest): Promise<Answer> {
    const { caller, grant, operation, secrets } = request;
    const capability = Object.hasOwn(this.#capabilities, name) ? this.#capabilities[name] : undefined;
    const record = (access: Access, decision: Decision): Access => {
      // A redirect may name a URL that holds what was sent.
      const told = { ...access, resource: secrets.redact(access.resource) };
      this.#audit(auditEvent(caller, told, decision));
      return told;
    };
    const demand = (access: Access) => {
      const decision = decide(grant, access);
      const told = record(access, decision);
      if (!decision.allowed) throw denial(caller.actor, told, decision);
      return decision;
    };
    const refuse = (access: Access, reason: string, hint: string) => {
      const decision = { allowed: false, level: 'request', reason, hint } as const;
      return denial(caller.actor, record(access, decision), decision);
    };
    if (capability === undefined) {
      throw new VivariumError('policy.denied', `there is no capability '${name}'`, { actor: caller.actor });
    }
    try {
      return await capability.call({ ...request, demand, refuse });
    } catch (error) {
      const told = secrets.redactError(error instanceof VivariumError ? error : new VivariumError('service.failed', `'${operation}' failed`, { cause: error }));
      if (told.cause !== undefined) this.#failed(told, caller);
      throw told;
    }
  }
}

/** What crosses to the guest: never a cause, a stack, or a path of the host; and never more than a frame holds, whatever a guest made us say. */
export const toldToGuest = (error: unknown): ErrorRecord => {
  if (!(error instanceof VivariumError)) return { code: 'service.failed', message: 'the call failed' };
  const { code, message, actor, hint, name, file, line, column } = error.record;
  const isOwn = code === 'policy.denied';
  return {
    code,
    message: message.slice(0, textLimits.message),
    actor,
    hint: hint?.slice(0, textLimits.hint),
    name: name?.slice(0, textLimits.name),
    ...(isOwn ? { file, line, column } : {}),
  };
};
