/** Performs a call of a service that the policy has allowed: decode, check, call the embedder, check, encode. */
import { VivariumError } from '../../../sdk/errors.ts';
import { type Budget, decode, encode, type Payload } from '../../../sdk/message.ts';
import { budgetOf } from '../../routing/topology.ts';
import type { Caller, Capability } from '../capability.ts';
import { textLimits } from '../../../runtimes/limits.ts';
import type { Service, ServiceRegistry } from './registry.ts';
import { describeIssues } from './schema.ts';

/** The operations of this capability are the names of services. */
export const servicesCapability = (registry: ServiceRegistry): Capability => ({
  call: async ({ operation, payload, caller, grant, demand }) => {
    demand({ capability: 'services', resource: operation });
    return callService(registry, operation, payload, caller, budgetOf(grant.limits));
  },
});

/** @throws VivariumError service.unknown, service.input, service.output, service.failed, message.invalid, limit.message */
async function callService(registry: ServiceRegistry, name: string, payload: Payload, caller: Caller, budget: Budget): Promise<Payload> {
  const service = registry.get(name);
  if (service === undefined) throw new VivariumError('service.unknown', `the host offers no service '${name}'`);
  const input = await admitted(
    service.input,
    decode(payload, budget),
    (issues) => new VivariumError('service.input', `'${name}' does not take this: ${issues}`),
  );
  const result = await perform(service, name, input, caller);
  const output = await admitted(
    service.output,
    result,
    () => new VivariumError('service.output', `'${name}' returned something that does not fit its own schema`),
  );
  try {
    return encode(output ?? null, budget);
  } catch (cause) {
    throw new VivariumError('service.output', `'${name}' returned something that is no message`, { cause });
  }
}

async function perform(service: Service, name: string, input: unknown, caller: Caller): Promise<unknown> {
  try {
    return await service.handle(input as never, caller);
  } catch (cause) {
    throw new VivariumError('service.failed', `'${name}' failed: ${messageOf(cause)}`, { cause });
  }
}

async function admitted(schema: Service['input'], value: unknown, refusal: (issues: string) => VivariumError): Promise<unknown> {
  const checked = await schema['~standard'].validate(value);
  if (checked.issues !== undefined) throw refusal(describeIssues(checked.issues));
  return checked.value;
}

/** The embedder's message is for guests to read; its stack, its cause and its class are not. */
const messageOf = (thrown: unknown): string => {
  const message = thrown instanceof Error ? thrown.message : typeof thrown === 'string' ? thrown : 'no reason was given';
  return message.slice(0, textLimits.message / 2);
};
