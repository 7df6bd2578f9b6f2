/** A policy as it is written: the one schema behind validation, types, editor support and reference. */
import { z } from 'zod';
import { variableSchema } from '../manifest/names.ts';
import { type LimitName, limitKinds, parseLimit } from './limits.ts';
import { parseGuestPath } from './rules/filesystem.ts';
import { parsePattern } from './rules/network.ts';
import { parseSecretOrigin } from './rules/secrets.ts';
import { servicePattern } from './rules/services.ts';
import { parseStateQuota } from './rules/state.ts';
import { durationPattern, parseSize, sizePattern } from './units.ts';

/** Of one kind, whatever files a policy is made of: comparing policies costs the product of their rules. */
export const mostRules = 128;

/** Adds to a schema what a parser has to say, in the parser's own words. */
const readable =
  <T extends string | number>(parse: (written: T) => unknown) =>
  (written: T, context: z.RefinementCtx): void => {
    try {
      parse(written);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  };

const few = <T>(map: Readonly<Record<string, T>>): boolean => Object.keys(map).length <= mostRules;
const tooMany = `a policy has at most ${mostRules} rules of one kind`;

const size = z.union([z.number(), z.string().regex(sizePattern, 'a size is a number with B, KiB, MiB or GiB, like `64MiB`')]);
const duration = z.union([z.number(), z.string().regex(durationPattern, 'a duration is a number with ms, s, m or h, like `2s`')]);
const count = z.number();
const amounts = { size, duration, count } as const;

const limit = (name: LimitName) =>
  amounts[limitKinds[name].unit]
    .superRefine(readable<string | number>((written) => parseLimit(name, written)))
    .optional()
    .meta({ description: limitKinds[name].meaning, examples: limitExamples[name] });

const limitExamples: Record<LimitName, (string | number)[]> = {
  wall: ['2s', 2000],
  cpu: ['500ms'],
  memory: ['64MiB'],
  message: ['1MiB'],
  outboundMessages: [100],
  outboundBytes: ['1MiB'],
  logs: ['64KiB'],
  timers: [10],
  calls: [8],
  handles: [16],
  requests: [50],
  requestBody: ['1MiB'],
  responseBody: ['10MiB'],
  start: ['5s'],
  mailbox: [1000],
};

const limits = z.strictObject({
  wall: limit('wall'),
  cpu: limit('cpu'),
  memory: limit('memory'),
  message: limit('message'),
  outbound: z
    .strictObject({ messages: limit('outboundMessages'), bytes: limit('outboundBytes') })
    .optional()
    .meta({ description: 'What one turn may send.', examples: [{ messages: 100, bytes: '1MiB' }] }),
  logs: limit('logs'),
  timers: limit('timers'),
  calls: limit('calls'),
  handles: limit('handles'),
  requests: limit('requests'),
  requestBody: limit('requestBody'),
  responseBody: limit('responseBody'),
  start: limit('start'),
  mailbox: limit('mailbox'),
});

const hostPath = z.string().min(1).max(1024);

const mount = z.union([
  hostPath,
  z.strictObject({
    path: hostPath.meta({ description: 'The folder on the host, relative to the file that states it.', examples: ['./out'] }),
    access: z
      .enum(['read', 'read-write'])
      .optional()
      .meta({ description: '`read` if nothing is said.', examples: ['read-write'] }),
    quota: size
      .superRefine(readable<string | number>(parseSize))
      .optional()
      .meta({ description: 'How much the folder may hold, in bytes; it may then hold 10,000 files, too. For `read-write` only.', examples: ['10MiB'] }),
  }),
]);

const pattern = z.string().superRefine(readable(parsePattern));

export const networkRuleSchema = z.union([
  pattern,
  z.strictObject({
    url: pattern.meta({ description: 'A URL pattern.', examples: ['https://*.example.org/v1/*'] }),
    methods: z
      .array(z.string().regex(/^[A-Z]{1,16}$/, 'a method is written in capitals, like `GET`'))
      .min(1)
      .max(16)
      .meta({ description: 'The methods that the rule speaks of. A pattern alone speaks of all.', examples: [['GET', 'HEAD']] }),
  }),
]);

const networkRules = z.array(networkRuleSchema).max(mostRules, tooMany).optional();

const variable = z.union([
  z.enum(['required', 'optional']),
  z.strictObject({
    default: z
      .string()
      .max(5000)
      .meta({ description: 'The value if none is provided.', examples: ['info'] }),
    required: z
      .never({ error: '`required` contradicts `default`: a variable with a default is never missing' })
      .optional()
      .meta({ description: 'Not allowed beside `default`.' }),
  }),
]);

const secret = z.strictObject({
  to: z
    .union([
      z.string().superRefine(readable(parseSecretOrigin)),
      z
        .array(z.string().superRefine(readable(parseSecretOrigin)))
        .min(1)
        .max(16),
    ])
    .meta({ description: 'The origin, or the list of origins, to which the secret may go.', examples: ['https://api.example.com'] }),
  header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'a header is named with letters, digits and `-`')
    .meta({ description: 'The request header that carries it.', examples: ['authorization'] }),
  format: z
    .string()
    .max(256)
    .refine((format) => format.split('{}').length === 2 && !/\p{Cc}/u.test(format), 'a format contains `{}` once, where the value goes')
    .optional()
    .meta({ description: 'What the header says, `{}` being the secret. `{}` alone if nothing is said.', examples: ['Bearer {}'] }),
});

const reference = z.string().min(1).max(1024);

export const policySchema = z
  .strictObject({
    extends: z
      .union([reference, z.array(reference).max(64)])
      .optional()
      .meta({
        description: 'Presets by name and files by path (relative to this file), whose grants are united with these.',
        examples: [['pure', './base.policy.yaml']],
      }),
    services: z
      .array(z.string().regex(servicePattern, 'a service is named `group.function`, or `group.*` for all of a group'))
      .max(mostRules, tooMany)
      .optional()
      .meta({ description: 'Functions of the embedder that may be called.', examples: [['orders.list', 'stock.*']] }),
    environment: z
      .record(variableSchema, variable)
      .refine(few, tooMany)
      .optional()
      .meta({
        description: 'Environment variables that are given: `required`, `optional`, or with a default.',
        examples: [{ REGION: 'required', LEVEL: { default: 'info' } }],
      }),
    filesystem: z
      .record(z.string().superRefine(readable(parseGuestPath)), mount)
      .refine(few, tooMany)
      .optional()
      .meta({
        description: 'Folders, by the path under which the guest sees them. Without `access` they are read only.',
        examples: [{ '/data': './data', '/out': { path: './out', access: 'read-write', quota: '10MiB' } }],
      }),
    network: z
      .strictObject({
        allow: networkRules.meta({
          description: 'URL patterns that may be reached.',
          examples: [['https://api.example.com', { url: 'https://*.example.org/v1/*', methods: ['GET'] }]],
        }),
        deny: networkRules.meta({ description: 'Exceptions from what is allowed; they beat every `allow`.', examples: [['https://internal.example.org']] }),
      })
      .optional()
      .meta({ description: 'Where requests may go.', examples: [{ allow: ['https://*.example.org'], deny: ['https://internal.example.org'] }] }),
    secrets: z
      .record(variableSchema, secret)
      .refine(few, tooMany)
      .optional()
      .meta({
        description: 'Secrets that are put into requests on the way out; the guest never sees their value.',
        examples: [{ STRIPE_KEY: { to: 'https://api.stripe.com', header: 'authorization', format: 'Bearer {}' } }],
      }),
    state: size
      .superRefine(readable<string | number>(parseStateQuota))
      .optional()
      .meta({ description: 'Bytes that the actor may keep in the store of the host, keys and values together.', examples: ['10MiB'] }),
    limits: limits.optional().meta({ description: 'How much of everything.', examples: [{ wall: '2s', cpu: '500ms', memory: '64MiB' }] }),
  })
  .meta({ id: 'Policy', title: 'Vivarium policy', description: 'What an actor may do, and its limits. Whatever is not granted is denied.' });

/** A policy as it is written. */
export type PolicyStatement = z.infer<typeof policySchema>;

/** The JSON Schema that editors use; published as docs/reference/policy.schema.json. */
export const policyJsonSchema = (): object => z.toJSONSchema(policySchema, { io: 'input', target: 'draft-2020-12' });
