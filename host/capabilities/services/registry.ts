/** The services that an embedder offers, checked when the host is created: a mistake in them is not found by a guest. */
import { VivariumError } from '../../../sdk/errors.ts';
import type { Caller } from '../capability.ts';
import { type Input, isSchema, type Output, type StandardSchema } from './schema.ts';

/**
 * A function of the embedder that guests may call if their policy grants it.
 *
 * @example
 * const list = defineService({
 *   input: z.object({ since: z.string() }),
 *   output: z.array(z.object({ id: z.string(), price: z.number() })),
 *   handle: ({ since }, { namespace, signal }) => database.orders(namespace, since, { signal }),
 * });
 */
export interface Service<InputSchema extends StandardSchema = StandardSchema, OutputSchema extends StandardSchema = StandardSchema> {
  readonly input: InputSchema;
  readonly output: OutputSchema;
  /** What it throws reaches the guest as `service.failed` with its message, and nothing else of it. */
  handle(input: Output<InputSchema>, caller: Caller): Input<OutputSchema> | Promise<Input<OutputSchema>>;
}

/** Services by group and name: `{ orders: { list } }` is called as `context.services.orders.list(input)`. */
export interface ServiceTree {
  readonly [name: string]: ServiceTree | Service;
}

/** Binds the types of a service's function to its schemas; without it `handle` gets an `unknown`. */
export const defineService = <InputSchema extends StandardSchema, OutputSchema extends StandardSchema>(
  service: Service<InputSchema, OutputSchema>,
): Service<InputSchema, OutputSchema> => service;

export type ServiceRegistry = ReadonlyMap<string, Service>;

const namePart = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const deepest = 8;

/** @throws VivariumError host.option */
export function registerServices(tree: ServiceTree): ServiceRegistry {
  const registry = new Map<string, Service>();
  const add = (branch: ServiceTree, path: readonly string[]): void => {
    for (const [name, entry] of Object.entries(branch)) {
      const full = [...path, name];
      const dotted = full.join('.');
      if (!namePart.test(name)) throw wrong(dotted, 'a name begins with a letter and goes on with letters, digits and `_`');
      if (full.length > deepest) throw wrong(dotted, `services nest ${deepest} levels at most`);
      if (typeof entry !== 'object' || entry === null) throw wrong(dotted, 'it is neither a service nor a group of services');
      if (!('handle' in entry)) {
        add(entry, full);
        continue;
      }
      const service = entry as Service;
      if (path.length === 0) throw wrong(dotted, 'a service belongs to a group', `services: { group: { ${name}: … } }`);
      if (typeof service.handle !== 'function') throw wrong(dotted, '`handle` is no function');
      if (!isSchema(service.input)) throw wrong(dotted, '`input` is no schema', 'use zod or another library that speaks Standard Schema');
      if (!isSchema(service.output)) throw wrong(dotted, '`output` is no schema', 'use zod or another library that speaks Standard Schema');
      registry.set(dotted, service);
    }
  };
  add(tree, []);
  return registry;
}

const wrong = (name: string, why: string, hint?: string): VivariumError => new VivariumError('host.option', `services.${name}: ${why}`, { hint });
