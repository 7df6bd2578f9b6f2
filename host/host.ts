/** The host: checks that it can keep its promises on this machine, then deploys flows. */
import nodePath from 'node:path';
import { z } from 'zod';
import { type ErrorRecord, VivariumError } from '../sdk/errors.ts';
import type { Payload } from '../sdk/message.ts';
import { demandCacheApart } from './cacheAccess.ts';
import { resolveCeiling } from './ceiling.ts';
import { Broker } from './capabilities/broker.ts';
import { Filesystem } from './capabilities/filesystem/filesystem.ts';
import { Network } from './capabilities/network/network.ts';
import { socketsOf } from './capabilities/network/options.ts';
import { registerServices } from './capabilities/services/registry.ts';
import { openSecrets, type SecretsInput } from './capabilities/secrets/values.ts';
import { servicesCapability } from './capabilities/services/services.ts';
import { stateCapability } from './capabilities/state/state.ts';
import { cellFiles } from './cells/files.ts';
import type { SandboxLevel } from './cells/levels.ts';
import { HostMemory, type NamespaceMemory } from './cells/hostMemory.ts';
import { Population } from './cells/population.ts';
import { chooseLevel, detectSandbox } from './cells/sandbox.ts';
import { SpareCells } from './cells/spare.ts';
import { checkVersions, demandThisNode } from './cells/versions.ts';
import { prepareDeployment } from './deployment.ts';
import { Engine, type HostContext } from './engine.ts';
import { Events, type HostEvents, type Listener } from './events.ts';
import { Deadlines } from './executions/deadlines.ts';
import { type SpontaneousOutput, SpontaneousOutputs } from './executions/spontaneous.ts';
import { Flow } from './flow.ts';
import type { ActorNames, InputNames, ManifestObject, OutputNames } from './manifest/index.ts';
import { type CeilingInput, checkOptions, type CheckedOptions, type HostOptions, isolateQuota } from './options.ts';
import { type AuditEvent, type Ceiling, emptyPolicy, loadPolicyInput, type PolicyInput } from './policy/index.ts';
import { Bundlers, CacheFolder, SourceCache } from './sources/index.ts';
import { Store } from './store/store.ts';
import { demandGranted } from './updates.ts';

export interface DeployOptions {
  /** Where the flow goes; what was there before is stopped. Default: what the manifest says, or `default`. */
  readonly namespace?: string;
  /** The folder that every source must lie in. Default: that of the manifest; for an object, the working folder. */
  readonly base?: string;
  /** The ceiling of this deployment, instead of the host's. */
  readonly grant?: CeilingInput;
  /**
   * What every actor is granted beside what it asks for, as far as the ceiling goes: to watch what a run needs, and to learn a policy
   * from it.
   */
  readonly learn?: PolicyInput;
  /**
   * When actors start. `deploy` (default): before `deploy` resolves, as many as may live at once, so that a mistake in `start` fails it; the
   * others with their first message. `message`: each with its first message.
   */
  readonly start?: 'deploy' | 'message';
  /** Actors of this namespace that live at once, at most. Default: `limits.namespaceIsolates` of the host. */
  readonly isolates?: number;
  /** Values that may be granted as environment, beside the host's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Values of secrets that may be granted, looked for here first and then in those of the host. */
  readonly secrets?: SecretsInput;
}

export interface HostReport {
  /** The sandbox level that cells have. */
  readonly sandbox: SandboxLevel;
  /** Why the next level cannot be reached, and what would change that. */
  readonly missing: { readonly reason: string; readonly hint: string | undefined } | undefined;
  /** What weakens this level on this machine. */
  readonly weaknesses: readonly string[];
  /** The Node of the cells. */
  readonly node: { readonly path: string; readonly version: string };
  /** Cells that live, spares included. */
  readonly cells: number;
  /** Actors that live, and those that wait for a place. */
  readonly actors: { readonly live: number; readonly waiting: number };
  /** What cells hold together, spares included, and what they may. Bytes. */
  readonly memory: { readonly held: number; readonly limit: number };
  /** What each namespace that has cells has of all this, those with the most memory first. */
  readonly usage: readonly NamespaceUsage[];
  readonly namespaces: readonly string[];
}

export interface NamespaceUsage extends NamespaceMemory {
  /** Actors that live, and those that wait for a place. */
  readonly actors: { readonly live: number; readonly waiting: number };
}

/** How often cells are asked whether they are alive. Milliseconds. */
const heartbeat = 250;
/** After a deployment. Milliseconds. */
const refillDelay = 100;
/** How long executions of a flow that is replaced have to end. Milliseconds. */
const replacementDrain = 5_000;

/**
 * Starts a host.
 *
 * @throws VivariumError host.option, host.unsupported, sandbox.unavailable, policy.invalid
 * @example
 * await using host = await createHost({ sandbox: { minimum: 'process' } });
 */
export async function createHost(options: HostOptions = {}): Promise<Host> {
  demandThisNode();
  const checked = checkOptions(options);
  const services = registerServices(checked.services);
  const ceiling = resolveCeiling(checked.ceiling, 'ceiling') ?? emptyPolicy;
  const files = await cellFiles();
  const node = await checkVersions({ node: checked.node, isolatedVm: files.isolatedVm });
  const sandbox = await detectSandbox(node.path);
  const { minimum, maximum } = checked.sandbox;
  const level = await chooseLevel(minimum, node.path, maximum);
  const store = new Store(checked.store);
  if (checked.store.path !== undefined) await store.open();
  const memory = new HostMemory(checked.limits.hostMemory, (text) => checked.logger?.warn(text));
  const spares = new SpareCells({
    options: { sandbox, level, folder: files.folder, entry: 'cell.cjs' },
    memoryBudget: checked.limits.cellMemory,
    spares: checked.spare,
    warm: checked.warm,
    most: checked.limits.cells,
    memory,
  });
  const missing = level === 'jail' ? undefined : { reason: sandbox.jail.reason ?? 'the option `sandbox.maximum` forbids the jail', hint: sandbox.jail.hint };
  return new Host(
    checked,
    { services, ceiling, spares, memory, store, cache: await openCache(checked) },
    { sandbox: level, missing, weaknesses: sandbox.weaknesses, node },
  );
}

async function openCache({ cache: { folder, folderBytes, memoryCharacters }, logger }: CheckedOptions): Promise<SourceCache> {
  const kept = folder === undefined ? undefined : await CacheFolder.open(folder, folderBytes, (text) => logger?.warn(text));
  return new SourceCache(memoryCharacters, kept);
}

interface HostParts {
  readonly services: ReturnType<typeof registerServices>;
  readonly ceiling: Ceiling;
  readonly spares: SpareCells;
  readonly memory: HostMemory;
  readonly store: Store;
  readonly cache: SourceCache;
}

export class Host {
  readonly #options: CheckedOptions;
  readonly #parts: HostParts;
  readonly #report: Pick<HostReport, 'sandbox' | 'missing' | 'weaknesses' | 'node'>;
  readonly #events: Events<HostEvents>;
  readonly #deadlines = new Deadlines();
  readonly #context: HostContext;
  readonly #bundlers: Bundlers;
  readonly #population: Population;
  readonly #flows = new Map<string, Flow>();
  readonly #engines = new Set<Engine>();
  readonly #heartbeat: NodeJS.Timeout;
  #refilling: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  /** Not for embedders: use {@link createHost}. */
  constructor(options: CheckedOptions, parts: HostParts, report: Pick<HostReport, 'sandbox' | 'missing' | 'weaknesses' | 'node'>) {
    const { logger } = options;
    this.#options = options;
    this.#parts = parts;
    this.#report = report;
    this.#events = new Events(logger);
    this.#bundlers = new Bundlers(options.spare > 0);
    const { isolates, hostIsolates, placeWait } = options.limits;
    this.#population = new Population({ cell: isolates, host: hostIsolates, patience: placeWait }, parts.memory, (namespace, actor, { record }) =>
      this.#full(namespace, actor, record),
    );
    let cells = 0;
    const audit = (event: AuditEvent): void => this.#audit(event);
    this.#context = {
      audit,
      spares: parts.spares,
      population: this.#population,
      idle: options.idle,
      deadlines: this.#deadlines,
      events: this.#events,
      logger,
      outputLimits: options.limits.outputs,
      nextCell: () => ++cells,
      broker: new Broker(
        {
          services: servicesCapability(parts.services),
          filesystem: new Filesystem(),
          network: new Network(socketsOf(options.network)),
          state: stateCapability(parts.store),
        },
        audit,
        (error, caller) => logger?.error(error.message, { namespace: caller.namespace, actor: caller.actor, cause: error.cause }),
      ),
    };
    this.#heartbeat = setInterval(() => {
      for (const engine of this.#engines) engine.tick();
      this.#population.look();
      parts.spares.look();
    }, heartbeat).unref();
  }

  #full(namespace: string, actor: string, reason: ErrorRecord): void {
    this.#events.emit('full', { time: Date.now(), namespace, actor, reason });
    this.#options.logger?.warn(`an actor of '${namespace}' has to wait: ${reason.message}`, { namespace, actor });
  }

  #audit(event: AuditEvent): void {
    if (this.#events.emit('audit', event)) return;
    throw new VivariumError('audit.failed', 'the decision could not be recorded, so it has no effect', {
      hint: 'the log of the host says which listener of `audit` threw',
    });
  }

  /**
   * Deploys a flow: every source is loaded, every policy decided, every actor started before this resolves.
   *
   * @param manifest the path of a manifest, or a manifest as an object, whose names the compiler then knows
   * @throws VivariumError manifest.invalid, policy.invalid, policy.required, policy.refused, source.*, actor.start, actor.inlet, cell.start, host.option, host.closed
   * @example
   * const flow = await host.deploy({
   *   vivarium: 1,
   *   actors: { double: { runtime: 'javascript', code: 'export const handle = (n) => 2 * n' } },
   *   inputs: { numbers: 'double' },
   *   outputs: { doubled: 'double' },
   * });
   */
  async deploy<const M extends ManifestObject | string>(manifest: M, options: DeployOptions = {}): Promise<Flow<InputNames<M>, OutputNames<M>, ActorNames<M>>> {
    this.#demandOpen();
    const deployment = await prepareDeployment({
      manifest,
      namespace: options.namespace,
      base: options.base,
      ceiling: resolveCeiling(options.grant, 'grant') ?? this.#parts.ceiling,
      beside: options.learn === undefined ? undefined : loadPolicyInput(options.learn, 'learn', { from: fileOf(manifest) }),
      environment: { ...this.#options.environment, ...options.environment },
      secrets: await openSecrets([options.secrets, this.#options.secrets]),
      services: this.#parts.services.keys(),
      loading: { bundlers: this.#bundlers, cache: this.#parts.cache },
      limits: this.#options.limits,
      quota: quotaOf(options.isolates) ?? this.#options.limits.namespaceIsolates,
      start: startOf(options.start),
    });
    this.#demandOpen();
    const { namespace } = deployment;
    demandGranted(namespace, this.#flows.get(namespace)?.grants ?? deployment.grants, deployment.grants);
    demandCacheApart(deployment.grants, this.#parts.cache.folder);
    for (const warning of deployment.warnings) this.#options.logger?.warn(warning, { namespace });
    const outputs = new SpontaneousOutputs(new Events<{ output: SpontaneousOutput }>(this.#options.logger), this.#options.limits.outputs);
    const engine = new Engine(deployment, this.#context, (output: string, payload: Payload, execution: string | undefined) =>
      outputs.emit({ output, payload, execution }),
    );
    this.#engines.add(engine);
    const flow = new Flow(engine, outputs, () => {
      this.#engines.delete(engine);
      if (this.#flows.get(namespace) === flow) this.#flows.delete(namespace);
    });
    try {
      await engine.start();
      this.#demandOpen();
    } catch (error) {
      await flow.stop();
      throw this.#toOperator(error);
    }
    const before = this.#flows.get(namespace);
    this.#flows.set(namespace, flow);
    await before?.stop({ drain: replacementDrain });
    setImmediate(() => outputs.release());
    this.#refillSoon();
    return flow as unknown as Flow<InputNames<M>, OutputNames<M>, ActorNames<M>>;
  }

  /** Whoever deploys may know whose memory there is no room beside. */
  #toOperator(error: unknown): unknown {
    if (!(error instanceof VivariumError) || error.code !== 'limit.host-memory') return error;
    return VivariumError.from({ ...error.record, message: `${error.message}: ${this.#parts.memory.describe()}` });
  }

  /** The flow of a namespace, if one is deployed. */
  flow(namespace: string): Flow | undefined {
    return this.#flows.get(namespace);
  }

  /**
   * Hears what happens: `audit`, every decision of a policy before it takes effect, which it does not if a listener throws; `log`, every line that a guest writes;
   * `cell`, what becomes of cells; `execution`, the end of each.
   * @returns a function that removes the listener
   */
  on<Name extends keyof HostEvents>(name: Name, listener: Listener<HostEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  report(): HostReport {
    return {
      ...this.#report,
      cells: this.#parts.spares.living,
      actors: { live: this.#population.live, waiting: this.#population.waiting },
      memory: { held: this.#parts.memory.held, limit: this.#parts.memory.limit },
      usage: this.#parts.memory.byNamespace().map((held) => ({ ...held, actors: this.#population.standing(held.namespace) })),
      namespaces: [...this.#flows.keys()],
    };
  }

  /** Stops every flow and every cell. Executions that have not ended are cancelled. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#flows.values()].map((flow) => flow.stop()));
    this.#bundlers.close();
    await this.#parts.spares.close();
    await this.#parts.store.close();
    clearInterval(this.#heartbeat);
    this.#deadlines.close();
  }

  /** What was deployed gets its first messages before another bundler is started: that holds this thread up for milliseconds. */
  #refillSoon(): void {
    this.#refilling ??= setTimeout(() => {
      this.#refilling = undefined;
      // Why one does not start, the next deployment tells if it lasts.
      void this.#bundlers.refill().catch(() => undefined);
    }, refillDelay).unref();
  }

  #demandOpen(): void {
    if (this.#closed !== undefined) throw new VivariumError('host.closed', 'the host has been closed');
  }
}

/** @throws VivariumError host.option */
function startOf(start: unknown): 'deploy' | 'message' {
  if (start === undefined || start === 'deploy' || start === 'message') return start ?? 'deploy';
  throw new VivariumError('host.option', `deploy: \`start\` is 'deploy' or 'message', and not ${JSON.stringify(start)}`, { hint: 'see DeployOptions' });
}

/** @throws VivariumError host.option */
function quotaOf(isolates: unknown): number | undefined {
  const checked = isolateQuota.optional().safeParse(isolates);
  if (checked.success) return checked.data;
  throw new VivariumError('host.option', `deploy: \`isolates\`: ${z.prettifyError(checked.error)}`, { hint: 'see DeployOptions' });
}

/** Paths of a policy that comes with a deployment are relative to its manifest. */
const fileOf = (manifest: unknown): string => nodePath.resolve(typeof manifest === 'string' ? manifest : 'manifest');
