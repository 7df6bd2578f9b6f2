/**
 * The one door through which guests reach the outside: asks the policy of the actor that calls, tells the audit,
 * and only then acts. Who calls is known from the channel.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { Payload } from '../../sdk/message.ts';
import { type Access, type AuditEvent, auditEvent, decide, denial, type Grant } from '../policy/index.ts';
import { budgetOf } from '../routing/topology.ts';
import type { ServiceCaller, ServiceRegistry } from './services/registry.ts';
import { callService } from './services/services.ts';

export interface CapabilityCall {
  readonly capability: string;
  readonly operation: string;
  readonly payload: Payload;
  readonly caller: ServiceCaller;
  readonly grant: Grant;
}

export class Broker {
  readonly #services: ServiceRegistry;
  readonly #audit: (event: AuditEvent) => void;
  /** An embedder learns here of what a guest is told in one sentence. */
  readonly #failed: (error: VivariumError, caller: ServiceCaller) => void;

  constructor(services: ServiceRegistry, audit: (event: AuditEvent) => void, failed: (error: VivariumError, caller: ServiceCaller) => void) {
    this.#services = services;
    this.#audit = audit;
    this.#failed = failed;
  }

  /** Names of the services offered. */
  get services(): Iterable<string> {
    return this.#services.keys();
  }

  /**
   * Performs one call.
   * @throws VivariumError policy.denied, or what the capability itself answers with: code and message, nothing of the host
   */
  async call({ capability, operation, payload, caller, grant }: CapabilityCall): Promise<Payload> {
    const access = accessOf(capability, operation);
    if (access === undefined) throw new VivariumError('policy.denied', `there is no capability '${capability}'`, { actor: caller.actor });
    const decision = decide(grant, access);
    this.#audit(auditEvent(caller, access, decision));
    if (!decision.allowed) throw denial(caller.actor, access, decision);
    try {
      return await callService(this.#services, operation, payload, caller, budgetOf(grant.limits));
    } catch (error) {
      const told = error instanceof VivariumError ? error : new VivariumError('service.failed', `'${operation}' failed`, { cause: error });
      if (told.cause !== undefined) this.#failed(told, caller);
      throw told;
    }
  }
}

/** What crosses to the guest: never a cause, a stack, or a path of the host. */
export const toldToGuest = (error: unknown): ErrorRecord => {
  if (!(error instanceof VivariumError)) return { code: 'service.failed', message: 'the call failed' };
  const { code, message, actor, hint, file, line, column } = error.record;
  const isOwn = code === 'policy.denied';
  return { code, message, actor, hint, ...(isOwn ? { file, line, column } : {}) };
};

/** A call of a capability other than services names its operation and its resource: `read /data/list.csv`. */
function accessOf(capability: string, operation: string): Access | undefined {
  const space = operation.indexOf(' ');
  const verb = space < 0 ? '' : operation.slice(0, space);
  const resource = operation.slice(space + 1);
  switch (capability) {
    case 'services':
      return { capability, resource: operation };
    case 'environment':
    case 'secrets':
      return { capability, resource };
    case 'filesystem':
      return { capability, operation: verb === 'write' ? 'write' : 'read', resource };
    case 'network':
      return { capability, ...(verb === '' ? {} : { operation: verb }), resource };
    default:
      return undefined;
  }
}
