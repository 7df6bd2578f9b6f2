/** What `createHost` takes. Every option is checked; one that does not exist is a mistake, not a no-op. */
import { z } from 'zod';
import { VivariumError } from '../sdk/errors.ts';
import { type NetworkOptions, networkOptions } from './capabilities/network/options.ts';
import type { ServiceTree } from './capabilities/services/registry.ts';
import { type SecretsInput, secretsSchema } from './capabilities/secrets/values.ts';
import { type SandboxLevel, sandboxLevels, strongestLevel } from './cells/levels.ts';
import { defaultHostMemory } from './cells/hostMemory.ts';
import { defaultMemoryBudget } from './cells/memory.ts';
import type { PolicyInput, unrestricted } from './policy/index.ts';
import type { StoreOptions } from './store/store.ts';

/** Where the host writes what an operator should know. `console` is one. */
export interface Logger {
  debug(text: string, fields?: Readonly<Record<string, unknown>>): void;
  info(text: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(text: string, fields?: Readonly<Record<string, unknown>>): void;
  error(text: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A policy, several of them united, or `unrestricted` for whoever runs manifests of their own. */
export type CeilingInput = PolicyInput | typeof unrestricted;

export interface HostOptions {
  /**
   * `minimum`: the level that cells must reach; the host does not start where it cannot be had. Default `process`; the highest
   * available is used. `maximum`: no higher level is used, for tests of how a weaker machine behaves.
   */
  readonly sandbox?: { readonly minimum?: SandboxLevel; readonly maximum?: SandboxLevel };
  /** The most that any actor of any deployment is granted. Default `pure`: computing, nothing else. */
  readonly ceiling?: CeilingInput;
  /** Functions of the embedder that guests may call, by group and name. */
  readonly services?: ServiceTree;
  /** Values that may be granted to guests as their environment. The environment of the host itself is never given. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Where the values of granted secrets are: `values`, a `file`, a `provider`. No guest sees them: the broker puts them into the
   * requests that the policy names.
   */
  readonly secrets?: SecretsInput;
  /** Where actors keep their state. Default: in memory, for as long as the host lives. */
  readonly store?: StoreOptions;
  /**
   * What is made of JavaScript sources is kept under the hash of all that it was made of: in memory, and in `folder` from one host to the next.
   * Nobody but this user may have access to the folder, and no actor may be granted it.
   */
  readonly cache?: {
    /** Default: none. It is made if it is not there; one that cannot be used is warned of and left alone. */
    readonly folder?: string;
    /** Bytes in the folder. Default 256 MiB. */
    readonly folderBytes?: number;
    /** Characters in memory. Default 64 Mi. */
    readonly memoryCharacters?: number;
  };
  /** How granted names are resolved and servers are trusted. */
  readonly network?: NetworkOptions;
  readonly logger?: Logger;
  /** The Node executable for cells. Default: that of this process. */
  readonly node?: string;
  readonly limits?: {
    /** Actors that live at once in one cell; the others sleep until a message comes. Default 300. */
    readonly isolates?: number;
    /** Actors that live at once in all cells of this host. Default 1000. */
    readonly hostIsolates?: number;
    /** Of these, actors of one namespace, unless its deployment says otherwise. Default half of `hostIsolates`: nobody takes all places. */
    readonly namespaceIsolates?: number;
    /**
     * Milliseconds that a message waits for a place for its actor while all that live are busy, before it is answered with `limit.isolates`.
     * 0: it is answered as soon as nobody made room. Default 10,000.
     */
    readonly placeWait?: number;
    /** Cells of this host at once, spares included. Default 64. */
    readonly cells?: number;
    /** Bytes that the guests of one cell may use together. Default 256 MiB, or what its largest actor may use. */
    readonly cellMemory?: number;
    /**
     * Bytes that all cells of this host may hold together, spares included. Beyond it no cell starts and no actor wakes; cells that have grown beyond it
     * are ended, the largest first. Default three quarters of what the machine has, or lets this process have.
     */
    readonly hostMemory?: number;
    /** Unread outputs of one execution. Default 100,000 messages, 64 MiB. */
    readonly outputs?: { readonly messages?: number; readonly bytes?: number };
  };
  /**
   * Milliseconds for which an actor has nothing to do before it is hibernated: its `stop` runs and its memory is freed, until its next
   * message wakes it. Default 300,000; 0: only when others need its place.
   */
  readonly idle?: number;
  /**
   * Isolates that each cell may keep ready, spare ones included, so that an actor that starts waits for less. Nothing has run in them,
   * and each is taken once, by one actor. A cell keeps one, and more when as many actors woke within a quarter of a second, until none
   * has for ten seconds. Default 4; at most 16; 0: none. One costs about 2 MB. Unless it is 0, a cell in
   * which a Python actor sleeps also keeps one in which Python has started, for a minute after one woke or went to rest: about 90 MB.
   */
  readonly warm?: number;
  /** Processes kept ready to replace a cell that died: how many, or whether one. Default 1. A spare costs about 32 MB; one of them, while Python actors live, 120 MB more. */
  readonly spare?: boolean | number;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const logger = z.custom<Logger>(
  (value) =>
    typeof value === 'object' && value !== null && ['debug', 'info', 'warn', 'error'].every((level) => isFunction((value as Record<string, unknown>)[level])),
  'a logger has the functions debug, info, warn and error',
);
const record = z.custom<ServiceTree>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'services are an object of groups');
const policy = z.custom<CeilingInput>(
  (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
  'a policy is a name, a file, an object, or a list of these',
);

/** Actors that may live at once, of one namespace or of all. */
export const isolateQuota = z.int().min(1).max(100_000);

/** Milliseconds. An actor that slept between any two messages would do nothing but wake. */
const shortestIdle = 100;

const schema = z.strictObject({
  sandbox: z
    .strictObject({ minimum: z.enum(sandboxLevels).default('process'), maximum: z.enum(sandboxLevels).optional() })
    .refine(({ minimum, maximum = strongestLevel }) => sandboxLevels.indexOf(minimum) <= sandboxLevels.indexOf(maximum), '`minimum` is above `maximum`')
    .prefault({}),
  ceiling: policy.optional(),
  services: record.default({}),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: secretsSchema.optional(),
  store: z.strictObject({ path: z.string().min(1).optional() }).default({}),
  cache: z
    .strictObject({
      folder: z.string().min(1).optional(),
      folderBytes: z
        .int()
        .min(0)
        .default(256 * 1024 * 1024),
      memoryCharacters: z
        .int()
        .min(0)
        .default(64 * 1024 * 1024),
    })
    .prefault({}),
  network: networkOptions.prefault({}),
  logger: logger.optional(),
  node: z.string().min(1).optional(),
  limits: z
    .strictObject({
      isolates: z.int().min(1).max(1000).default(300),
      hostIsolates: isolateQuota.default(1000),
      namespaceIsolates: isolateQuota.optional(),
      placeWait: z.int().min(0).max(3_600_000).default(10_000),
      cells: z.int().min(1).max(4096).default(64),
      cellMemory: z
        .int()
        .min(16 * 1024 * 1024)
        .default(defaultMemoryBudget),
      hostMemory: z
        .int()
        .min(64 * 1024 * 1024)
        .default(defaultHostMemory),
      outputs: z
        .strictObject({
          messages: z.int().min(1).default(100_000),
          bytes: z
            .int()
            .min(1)
            .default(64 * 1024 * 1024),
        })
        .prefault({}),
    })
    .prefault({})
    .transform(({ namespaceIsolates, ...limits }) => ({ ...limits, namespaceIsolates: namespaceIsolates ?? Math.ceil(limits.hostIsolates / 2) })),
  idle: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .refine((idle) => idle === 0 || idle >= shortestIdle, `0, or ${shortestIdle} at least`)
    .default(300_000),
  warm: z.int().min(0).max(16).default(4),
  spare: z
    .union([z.boolean(), z.int().min(0).max(16)])
    .default(true)
    .transform(Number),
});

export type CheckedOptions = z.infer<typeof schema>;

/** @throws VivariumError host.option */
export function checkOptions(options: unknown): CheckedOptions {
  const checked = schema.safeParse(options ?? {});
  if (checked.success) return checked.data;
  throw new VivariumError('host.option', `createHost: ${z.prettifyError(checked.error)}`, { hint: 'see HostOptions' });
}
