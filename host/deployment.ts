/** From a manifest to what is deployed: sources loaded, policies granted, actors placed in cells. Nothing runs yet. */
import nodePath from 'node:path';
import { VivariumError } from '../sdk/errors.ts';
import type { ActorPlan } from '../runtimes/protocol.ts';
import type { HeldSecrets } from './capabilities/secrets/held.ts';
import { holdSecrets, type SecretLookup } from './capabilities/secrets/values.ts';
import { type Diagnostic, type FlowActor, type FlowManifest, PolicyError, parseManifestObject, readManifest, requireFlow } from './manifest/index.ts';
import { type Placement, type PlacementLimits, placeActors } from './placement.ts';
import {
  type Ceiling,
  type Grant,
  grantedServices,
  grantPolicy,
  loadPolicies,
  type ResolvedPolicy,
  resolveEnvironment,
  unite,
  unrestricted,
} from './policy/index.ts';
import { type ActorSource, type Base, loadJavaScriptTogether, type LoadedSource, type LoadOptions, loadSource, openBase } from './sources/index.ts';
import { budgetOf, type FlowShape, type TopologyActor } from './routing/topology.ts';
import { warningsOf } from './warnings.ts';

export interface DeploymentRequest {
  /** The path of a manifest, or a manifest. */
  readonly manifest: unknown;
  readonly namespace?: string | undefined;
  readonly base?: string | undefined;
  readonly ceiling: Ceiling;
  /** What every actor asks for beside what it asks for itself. */
  readonly beside?: ResolvedPolicy | undefined;
  /** Values that may be granted as environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Finds the values of secrets. */
  readonly secrets: SecretLookup;
  /** Names of the services that the host offers; undefined where no host is known. */
  readonly services: Iterable<string> | undefined;
  /** What the host keeps ready for loading sources. */
  readonly loading?: LoadOptions | undefined;
  readonly limits: PlacementLimits;
  /** Actors of the namespace that may live at once. */
  readonly quota: number;
  /** When actors start; default `deploy`. See DeployOptions. */
  readonly start?: 'deploy' | 'message' | undefined;
}

export interface Deployment {
  readonly namespace: string;
  /** Actors of the namespace that may live at once. */
  readonly quota: number;
  readonly manifest: FlowManifest;
  readonly shape: FlowShape;
  /** Whether actors start with the flow, as many as there are places for, or each when its first message comes. */
  readonly startsWith: 'flow' | 'message';
  /** By actor. */
  readonly grants: readonly Grant[];
  /** By actor. Values are in here, and nowhere else. */
  readonly secrets: readonly HeldSecrets[];
  /** By actor: the payloads of `create`. */
  readonly files: readonly (readonly Uint8Array[])[];
  /** By actor: inlets that its source must serve. */
  readonly inlets: readonly (readonly string[])[];
  /** What is no mistake, and yet may surprise the author. For people. */
  readonly warnings: readonly string[];
}

/** The files that say what runs, as paths. */
const codeOf = ({ actors }: FlowManifest, file: string): readonly string[] => [
  file,
  ...actors.flatMap(({ source }) => (source.kind === 'inline' ? [] : [nodePath.resolve(nodePath.dirname(file), source.path)])),
];

/** Sources are compiled in processes of their own: as many at once as a small machine bears. */
const loadedAtOnce = 4;

/** @throws VivariumError manifest.invalid, policy.invalid, policy.required, source.invalid, source.outside, source.missing, actor.inlet */
export async function prepareDeployment(request: DeploymentRequest): Promise<Deployment> {
  const { manifest, diagnostics, file } = await readFlow(request.manifest);
  const base = openBase(request.base ?? nodePath.dirname(file));
  const location = { from: file, base: request.base ?? nodePath.dirname(file) };
  const policies = loadPolicies(manifest, location);
  const requests = policies.requests.map((own) => (request.beside === undefined ? own : together(request.beside, own)));
  const grants = manifest.actors.map(({ name, runtime, index }) =>
    grantPolicy({ actor: name, runtime, request: requests[index] as ResolvedPolicy, namespace: policies.namespace, ceiling: request.ceiling }),
  );
  const environments = grants.map((grant) => resolveEnvironment(grant, request.environment));
  const namespace = request.namespace ?? manifest.namespace;
  const secrets = await Promise.all(grants.map((grant) => holdSecrets(grant, namespace, request.secrets)));
  const inlets = requiredInlets(manifest);
  const sources = manifest.actors.map((actor) => sourceIn(actor, grants[actor.index] as Grant, inlets[actor.index] ?? [], file, base));
  // Who has a cell of its own is not trusted by its neighbours: it has a bundler of its own too.
  const neighbours = sources.filter((_, index) => manifest.actors[index]?.ownCell !== true);
  const bundled = await loadJavaScriptTogether(neighbours, base, request.loading);
  const loaded = await loadAll(manifest.actors, async ({ index }) => {
    const source = sources[index] as ActorSource;
    return served(bundled.get(source) ?? (await loadSource(source, base, request.loading)), source.name, inlets[index] ?? []);
  });
  const placement = placeActors(manifest, request.limits);
  const actors = manifest.actors.map((actor, index): Omit<TopologyActor, Replicated> => {
    const grant = grants[index] as Grant;
    const services = grantedServices(grant, request.services ?? []);
    return {
      part: partOf(
        actor,
        grant,
        { services, environment: environments[index] ?? {}, secrets: secrets[index]?.placeholders ?? {} },
        loaded[index] as LoadedSource,
      ),
      outlets: actor.outlets,
      budget: budgetOf(grant.limits),
      inputBudget: { ...budgetOf(grant.limits), bytes: grant.limits.message },
    };
  });
  const shape: FlowShape = {
    actors: replicate(actors, placement),
    connections: manifest.connections.map(({ from, to }) => ({ from, to })),
    inputs: Object.fromEntries([...manifest.inputs].map(([name, inlet]) => [name, [inlet]])),
    outputs: [...manifest.outputs].flatMap(([name, outlets]) => outlets.map((outlet) => ({ name, ...outlet }))),
    cells: placement.cells,
  };
  return {
    namespace,
    quota: request.quota,
    manifest,
    shape,
    startsWith: request.start === 'message' ? 'message' : 'flow',
    grants,
    secrets,
    files: loaded.map(filesOf),
    inlets,
    warnings: warningsOf({ diagnostics, grants, loaded, code: codeOf(manifest, file), services: request.services }),
  };
}

/**
 * Everything that can be found wrong with a manifest without running it, for whoever runs their own.
 * Values of the environment and of secrets are not looked at: they are known when it runs.
 */
export function checkDeployment(manifest: string, ceiling: Ceiling = unrestricted): Promise<Deployment> {
  return prepareDeployment({
    manifest,
    ceiling,
    environment: anyEnvironment,
    secrets: async () => 'any value',
    services: undefined,
    limits: { cells: Number.MAX_SAFE_INTEGER },
    quota: Number.MAX_SAFE_INTEGER,
  });
}

/** Has a value for every name that is asked for. */
const anyEnvironment: Readonly<Record<string, string>> = new Proxy(
  {},
  { get: () => '', has: () => true, getOwnPropertyDescriptor: () => ({ value: '', enumerable: true, configurable: true }) },
);

/** @throws PolicyError where the two contradict each other */
function together(beside: ResolvedPolicy, own: ResolvedPolicy): ResolvedPolicy {
  const mistakes: Diagnostic[] = [];
  const both = unite([beside, own], (mistake) => mistakes.push(mistake));
  if (mistakes.length > 0) throw new PolicyError(mistakes);
  return both;
}

/** A manifest written as an object lies, as it were, in the working folder. */
export async function readFlow(manifest: unknown): Promise<{ manifest: FlowManifest; diagnostics: readonly Diagnostic[]; file: string }> {
  const parsed = typeof manifest === 'string' ? await readManifest(manifest) : parseManifestObject(manifest);
  return { manifest: requireFlow(parsed), diagnostics: parsed.diagnostics, file: nodePath.resolve(typeof manifest === 'string' ? manifest : 'manifest') };
}

/** Loads every source; the mistakes of all of them are told at once. */
async function loadAll(actors: readonly FlowActor[], loadOne: (actor: FlowActor) => Promise<LoadedSource>): Promise<readonly LoadedSource[]> {
  const outcomes = await inTurns(loadedAtOnce, actors, async (actor) => {
    try {
      return await loadOne(actor);
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      return VivariumError.from({ ...error.record, actor: actor.name });
    }
  });
  const failures = outcomes.filter((outcome) => outcome instanceof VivariumError);
  const [first] = failures;
  if (first === undefined) return outcomes as LoadedSource[];
  if (failures.length === 1) throw first;
  const mistakes = failures.map(({ message, record }) => `${record.actor}: ${message}`);
  throw new VivariumError(first.code, `${failures.length} sources are wrong:\n${mistakes.join('\n')}`);
}

const sourceIn = ({ name, runtime, source, wasm }: FlowActor, { limits }: Grant, inlets: readonly string[], file: string, base: Base): ActorSource => ({
  name,
  runtime,
  ...(source.kind === 'inline' ? { code: source.code } : { source: nodePath.relative(base.given, nodePath.resolve(nodePath.dirname(file), source.path)) }),
  ...(wasm === null
    ? {}
    : { memory: limits.memory, wasi: wasm.wasi, functions: inlets.map((inlet) => (inlet === 'in' ? wasm.function : (wasm.functions[inlet] ?? inlet))) }),
});

/** Of the other languages this is known when they have started. @throws VivariumError actor.inlet */
function served(loaded: LoadedSource, actor: string, inlets: readonly string[]): LoadedSource {
  if (loaded.runtime === 'javascript')
    demandInlets(
      actor,
      inlets,
      loaded.exports.map((exported) => (exported === 'handle' || exported === 'default' ? 'in' : exported)),
    );
  return loaded;
}

type Replicated = 'actor' | 'replicas' | 'cell';

/** Each actor as often as it has replicas: the first of each, then the others. */
function replicate(actors: readonly Omit<TopologyActor, Replicated>[], { of }: Placement): readonly TopologyActor[] {
  const replicated: TopologyActor[] = [];
  let next = actors.length;
  for (const [actor, described] of actors.entries()) {
    const places = of[actor] as readonly number[];
    const replicas = places.map((_, replica) => (replica === 0 ? actor : next++));
    for (const [replica, index] of replicas.entries())
      replicated[index] = { ...described, part: { ...described.part, index }, actor, replicas, cell: places[replica] as number };
  }
  return replicated;
}

/** @throws VivariumError actor.inlet */
export function demandInlets(actor: string, required: readonly string[], served: readonly string[]): void {
  const missing = required.filter((inlet) => !served.includes(inlet));
  if (missing.length === 0) return;
  throw new VivariumError('actor.inlet', `'${actor}' serves no inlet ${missing.map((inlet) => `'${inlet}'`).join(', ')}`, {
    actor,
    hint: missing[0] === 'in' ? 'export a function `handle`' : `export a function \`${missing[0]}\``,
  });
}

const filesOf = (source: LoadedSource): readonly Uint8Array[] => {
  switch (source.runtime) {
    case 'javascript':
      return [Buffer.from(source.code), Buffer.from(source.map)];
    case 'python':
      return source.files.map(({ text }) => Buffer.from(text));
    case 'wasm':
      return [source.bytes];
  }
};

const partOf = (
  actor: FlowActor,
  { limits, filesystem, network, secrets, state }: Grant,
  told: Pick<ActorPlan, 'services' | 'environment' | 'secrets'>,
  source: LoadedSource,
): TopologyActor['part'] => ({
  index: actor.index,
  name: actor.name,
  runtime: actor.runtime,
  inlets: actor.inlets,
  config: actor.config,
  environment: { ...told.environment },
  secrets: told.secrets,
  services: told.services,
  mounts: filesystem.map(({ guest, access }) => ({ path: guest, writable: access === 'read-write' })),
  limits,
  concurrency: actor.concurrency,
  overflow: actor.overflow,
  functions: actor.wasm === null ? {} : { in: actor.wasm.function, ...actor.wasm.functions },
  effects: told.services.length + filesystem.length + network.allow.length + secrets.length + state.length > 0,
  source: sourcePlan(actor, source),
});

const sourcePlan = ({ wasm }: FlowActor, source: LoadedSource): ActorPlan['source'] => {
  const { file, runtime } = source;
  if (runtime === 'javascript') return { runtime, file };
  if (runtime === 'python') return { runtime, file, files: source.files.map(({ path }) => path) };
  return { runtime, file, input: wasm?.input ?? 'json', output: wasm?.output ?? 'json', wasi: wasm?.wasi ?? false };
};

/** By actor: those that messages arrive at, and those that the manifest lists. */
function requiredInlets({ actors, connections, inputs }: FlowManifest): readonly (readonly string[])[] {
  const required = actors.map(() => new Set<string>());
  for (const { actor, inlet } of [...connections.map(({ to }) => to), ...inputs.values()]) required[actor]?.add(actors[actor]?.inlets[inlet] as string);
  for (const { index, inlets, inletsDeclared } of actors) if (inletsDeclared) for (const inlet of inlets.slice(1)) required[index]?.add(inlet);
  return required.map((inlets) => [...inlets]);
}

/** Maps in order, so many at a time. */
async function inTurns<Item, Result>(width: number, items: readonly Item[], map: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await map(items[at] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
