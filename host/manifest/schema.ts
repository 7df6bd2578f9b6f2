/** A manifest as it is written: the one schema behind validation, types, editor support and reference. */
import { z } from 'zod';
import { runtimeNames } from '../../runtimes/protocol.ts';
import { policySchema } from '../policy/schema.ts';
import { functionPattern, nameSchema, namespacePattern, portSchema } from './names.ts';

/** What a flow can have at most: its numbers travel in 16 bits, each actor costs the host some kilobytes, and each cell a process. */
export const manifestLimits = { actors: 16_000, connections: 32_000, ports: 64, concurrency: 256, replicas: 64, cells: 64 } as const;

const place = String.raw`[A-Za-z][A-Za-z0-9_-]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})?`;
const endpoint = z.string().regex(new RegExp(`^${place}$`), 'write `actor` or `actor.port`');
const connectionText = z.string().regex(new RegExp(`^ *${place} *-> *${place} *$`), 'write `a -> b`, or with ports `a.out -> b.in`');

const policyReference = z.union([z.string().min(1).max(1024), policySchema]);
const policy = z.union([z.string().min(1).max(1024), policySchema, z.array(policyReference).max(64)]);

const codec = z.enum(['json', 'text', 'bytes', 'msgpack']);
const functionName = z.string().regex(functionPattern, 'an exported function is named with printable characters, without spaces, 128 at most');

export const actorSchema = z
  .strictObject({
    source: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: 'The file with the code, relative to the manifest and inside its folder.', examples: ['./score.ts'] }),
    code: z
      .string()
      .optional()
      .meta({ description: 'The code itself, instead of `source`. Needs `runtime`.', examples: ['export const handle = (order) => order.price;'] }),
    runtime: z
      .enum(runtimeNames)
      .optional()
      .meta({ description: 'The language, where the extension does not tell it: .js .mjs .ts .mts, .py, .wasm.', examples: ['python'] }),
    policy: policy.optional().meta({
      description:
        'What the actor asks to be allowed: a preset, a file, a policy written here, or a list of these, united. Without it the actor may do nothing but compute.',
      examples: ['pure', ['./score.policy.yaml', { environment: { REGION: 'required' } }]],
    }),
    config: z
      .unknown()
      .optional()
      .meta({ description: 'Handed to the actor as `context.config`: any JSON value.', examples: [{ threshold: 0.5 }] }),
    concurrency: z
      .int()
      .min(1)
      .max(manifestLimits.concurrency)
      .optional()
      .meta({ description: 'Turns that one instance may have at once, interleaved where they wait. 1 if nothing is said.', examples: [4] }),
    replicas: z
      .int()
      .min(1)
      .max(manifestLimits.replicas)
      .optional()
      .meta({
        description: 'Instances of the actor, which work at the same time. All messages of an execution go to the same one. 1 if nothing is said.',
        examples: [2],
      }),
    cell: z
      .literal('own')
      .optional()
      .meta({ description: '`own`: the actor runs in a process of its own, because its neighbours do not trust it.', examples: ['own'] }),
    overflow: z
      .enum(['block', 'reject'])
      .optional()
      .meta({
        description: 'What happens when the mailbox is full: the sender waits (`block`, the default), or the message is refused with an error (`reject`).',
        examples: ['reject'],
      }),
    mailbox: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .meta({ description: 'Messages that may wait for the actor: its `limits.mailbox`.', examples: [100] }),
    inlets: z
      .union([z.array(portSchema).min(1).max(manifestLimits.ports), z.record(portSchema, functionName)])
      .optional()
      .meta({
        description:
          'The inlets that the actor serves, each by the export of its name. Without it: `in`, and those that connections and inputs mention. For wasm also a map from inlet to function.',
        examples: [['in', 'correction'], { correction: 'apply_correction' }],
      }),
    function: functionName.optional().meta({ description: 'wasm: the exported function that serves `in`. `handle` if nothing is said.', examples: ['digest'] }),
    input: codec.optional().meta({ description: 'wasm: how a message is handed to the function. `json` if nothing is said.', examples: ['msgpack'] }),
    output: codec.optional().meta({ description: 'wasm: how its result is read. `json` if nothing is said.', examples: ['text'] }),
    wasi: z
      .boolean()
      .optional()
      .meta({ description: 'wasm: the module imports WASI preview 1, without preopened folders. false if nothing is said.', examples: [true] }),
  })
  .meta({ id: 'Actor', description: 'A named unit with inlets, outlets, a runtime, a source, a policy, a config.' });

const connection = z.union([
  connectionText,
  z.strictObject({
    from: endpoint.meta({ description: 'The sender, and its outlet if that is not `out`.', examples: ['score.error'] }),
    to: endpoint.meta({ description: 'The receiver, and its inlet if that is not `in`.', examples: ['report'] }),
  }),
]);

const few = (map: Readonly<Record<string, unknown>>): boolean => Object.keys(map).length <= manifestLimits.actors;

export const manifestSchema = z
  .strictObject({
    vivarium: z.literal(1).meta({ description: 'The version of the format.', examples: [1] }),
    namespace: z
      .string()
      .regex(namespacePattern, 'a namespace has lower-case letters, digits and `-` inside, 63 characters at most')
      .optional()
      .meta({ description: 'The unit of isolation, quota and naming into which the flow is deployed. `default` if nothing is said.', examples: ['demo'] }),
    policy: policy.optional().meta({
      description: 'The policy of the namespace: no actor gets more than it grants, whatever its own policy asks for.',
      examples: [{ services: ['orders.*'] }],
    }),
    cells: z
      .int()
      .min(1)
      .max(manifestLimits.cells)
      .optional()
      .meta({ description: 'Processes that the actors without `cell: own` are spread over, by load. 1 if nothing is said.', examples: [2] }),
    actors: z
      .record(nameSchema, actorSchema)
      .refine((actors) => Object.keys(actors).length > 0, 'a flow has at least one actor')
      .refine(few, `a flow has at most ${manifestLimits.actors} actors`)
      .meta({ description: 'The actors by name.', examples: [{ score: { source: './score.ts' } }] }),
    connections: z
      .array(connection)
      .max(manifestLimits.connections)
      .optional()
      .meta({
        description: 'Where messages go: `a -> b` from outlet `out` to inlet `in`, `a.totals -> b.orders` between named ports.',
        examples: [['clean -> score', 'score.error -> report.in', { from: 'score', to: 'digest' }]],
      }),
    inputs: z
      .record(nameSchema, endpoint)
      .refine(few, `a flow has at most ${manifestLimits.actors} inputs`)
      .optional()
      .meta({
        description: 'Where messages come in: the name of each input, and the actor or `actor.inlet` that it leads to.',
        examples: [{ records: 'clean' }],
      }),
    outputs: z
      .record(nameSchema, z.union([endpoint, z.array(endpoint).min(1).max(manifestLimits.ports)]))
      .refine(few, `a flow has at most ${manifestLimits.actors} outputs`)
      .optional()
      .meta({
        description: 'What comes out: the name of each output, and the actor, the `actor.outlet`, or the list of these, that it shows.',
        examples: [{ result: 'digest.out', rejected: ['clean.error', 'score.error'] }],
      }),
  })
  .meta({ id: 'Manifest', title: 'Vivarium manifest', description: 'A flow: its actors, what connects them, what each may do.' });

/** A manifest as it is written. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ActorStatement = z.infer<typeof actorSchema>;
/** One or several of: a preset, a file, a policy. */
export type PolicyStatements = z.infer<typeof policy>;

/** The JSON Schema that editors use; published as docs/reference/manifest.schema.json. */
export const manifestJsonSchema = (): object => z.toJSONSchema(manifestSchema, { io: 'input', target: 'draft-2020-12' });
