/** A manifest brought into the form that the rest of the host works with: numbered, resolved, every default filled in. */
import { extname } from 'node:path';
import type { RuntimeName, WasmCodec } from '../../runtimes/protocol.ts';
import type { PolicySource } from '../policy/source.ts';
import { runtimeOfExtension } from './check.ts';
import type { LocatedDocument, Path, Position } from './diagnostic.ts';
import { type Connection, connectionText, type Endpoint, readConnection, readInlet, readOutlet } from './endpoint.ts';
import { deepFreeze } from './plain.ts';
import type { ActorStatement, Manifest, PolicyStatements } from './schema.ts';

export interface FlowManifest {
  /** As it was named by whoever asked for it. */
  readonly file: string;
  readonly namespace: string;
  /** How many cells the actors share that have none of their own, and where that is written. */
  readonly cells: Position & { readonly count: number };
  /** By index. */
  readonly actors: readonly FlowActor[];
  readonly connections: readonly FlowConnection[];
  readonly inputs: ReadonlyMap<string, FlowInlet>;
  readonly outputs: ReadonlyMap<string, readonly FlowOutlet[]>;
  /** The policy of the namespace; null if the manifest states none. */
  readonly policy: readonly PolicySource[] | null;
}

export interface FlowActor extends Position {
  readonly index: number;
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly source: FlowSource;
  /** What it asks to be allowed; empty: nothing. */
  readonly policy: readonly PolicySource[];
  /** Plain JSON data, frozen; null if the manifest states none. */
  readonly config: unknown;
  readonly concurrency: number;
  readonly replicas: number;
  readonly ownCell: boolean;
  readonly overflow: 'block' | 'reject';
  /** `in` is always the first; then the declared ones, or those that connections and inputs mention. */
  readonly inlets: readonly string[];
  /** The manifest lists the inlets, so that it is a mistake of the source not to serve one of them. */
  readonly inletsDeclared: boolean;
  /** `out` and `error` are always the first two; then those that connections and outputs mention. */
  readonly outlets: readonly string[];
  /** For wasm actors only. */
  readonly wasm: FlowWasm | null;
}

/** A path relative to the manifest (`resolveInside` finds the file), or code with its place in the manifest. */
export type FlowSource =
  | { readonly kind: 'file'; readonly path: string }
  | ({ readonly kind: 'inline'; readonly code: string; readonly file: string } & Position);

export interface FlowWasm {
  /** Serves `in`. */
  readonly function: string;
  /** Serve the other inlets. */
  readonly functions: Readonly<Record<string, string>>;
  readonly input: WasmCodec;
  readonly output: WasmCodec;
  readonly wasi: boolean;
}

/** Indices into `actors`, and into the `inlets` or `outlets` of that actor. */
export interface FlowInlet {
  readonly actor: number;
  readonly inlet: number;
}

export interface FlowOutlet {
  readonly actor: number;
  readonly outlet: number;
}

export interface FlowConnection extends Position {
  readonly from: FlowOutlet;
  readonly to: FlowInlet;
  /** `clean.out -> score.in` */
  readonly text: string;
}

/** Plans a manifest that was checked. */
export const planFlow = (manifest: Manifest, document: LocatedDocument): FlowManifest => {
  const connections = (manifest.connections ?? []).map(readConnection);
  const inputs = Object.entries(manifest.inputs ?? {}).map(([name, text]) => [name, readInlet(text)] as const);
  const outputs = Object.entries(manifest.outputs ?? {}).map(([name, texts]) => [name, [texts].flat().map(readOutlet)] as const);
  const mentionedInlets = portsByActor([...connections.map(({ to }) => to), ...inputs.map(([, inlet]) => inlet)]);
  const mentionedOutlets = portsByActor([...connections.map(({ from }) => from), ...outputs.flatMap(([, outlets]) => outlets)]);

  const actors = Object.entries(manifest.actors).map(([name, statement], index) =>
    planActor({ document, name, statement, index, inlets: mentionedInlets.get(name) ?? [], outlets: mentionedOutlets.get(name) ?? [] }),
  );
  const byName = new Map(actors.map((actor) => [actor.name, actor]));
  const indexOf = (ports: 'inlets' | 'outlets', { actor, port }: Endpoint): readonly [number, number] => {
    const found = byName.get(actor);
    return [found?.index ?? -1, found?.[ports].indexOf(port) ?? -1];
  };
  const inletOf = (endpoint: Endpoint): FlowInlet => {
    const [actor, inlet] = indexOf('inlets', endpoint);
    return { actor, inlet };
  };
  const outletOf = (endpoint: Endpoint): FlowOutlet => {
    const [actor, outlet] = indexOf('outlets', endpoint);
    return { actor, outlet };
  };
  const planConnection = (connection: Connection, index: number): FlowConnection => ({
    from: outletOf(connection.from),
    to: inletOf(connection.to),
    text: connectionText(connection),
    ...document.locate(['connections', index], 'value'),
  });

  return Object.freeze({
    file: document.file,
    namespace: manifest.namespace ?? 'default',
    cells: deepFreeze({ count: manifest.cells ?? 1, ...document.locate(['cells'], 'value') }),
    actors: deepFreeze(actors),
    connections: deepFreeze(connections.map(planConnection)),
    inputs: new Map(inputs.map(([name, inlet]) => [name, inletOf(inlet)])),
    outputs: new Map(outputs.map(([name, outlets]) => [name, outlets.map(outletOf)])),
    policy: manifest.policy === undefined ? null : policySources(document, ['policy'], manifest.policy),
  });
};

interface ActorOfFlow {
  readonly document: LocatedDocument;
  readonly name: string;
  readonly statement: ActorStatement;
  readonly index: number;
  /** Ports that the flow mentions. */
  readonly inlets: readonly string[];
  readonly outlets: readonly string[];
}

const planActor = ({ document, name, statement, index, inlets: mentioned, outlets }: ActorOfFlow): FlowActor => {
  const path = ['actors', name];
  const { inlets: declared, runtime = runtimeOfExtension[extname(statement.source ?? '').toLowerCase()] ?? 'javascript' } = statement;
  const listed = Array.isArray(declared) ? declared : Object.keys(declared ?? {});
  const inlets = unique(['in', ...(declared === undefined ? mentioned : listed)]);
  const functions = declared === undefined || Array.isArray(declared) ? {} : declared;
  return {
    index,
    name,
    runtime,
    source: planSource(document, path, statement),
    policy: [...policySources(document, [...path, 'policy'], statement.policy ?? []), ...mailboxSource(document, path, statement)],
    config: statement.config ?? null,
    concurrency: statement.concurrency ?? 1,
    replicas: statement.replicas ?? 1,
    ownCell: statement.cell === 'own',
    overflow: statement.overflow ?? 'block',
    inlets,
    inletsDeclared: declared !== undefined,
    outlets: unique(['out', 'error', ...outlets]),
    wasm: runtime === 'wasm' ? planWasm(statement, inlets, functions) : null,
    ...document.locate(path, 'key'),
  };
};

const planSource = (document: LocatedDocument, path: Path, { source, code = '' }: ActorStatement): FlowSource =>
  source === undefined ? { kind: 'inline', code, file: document.file, ...document.locate([...path, 'code'], 'value') } : { kind: 'file', path: source };

const planWasm = (statement: ActorStatement, inlets: readonly string[], functions: Readonly<Record<string, string>>): FlowWasm => {
  const others = inlets.filter((inlet) => inlet !== 'in');
  return {
    function: statement.function ?? functions['in'] ?? 'handle',
    functions: Object.fromEntries(others.map((inlet) => [inlet, functions[inlet] ?? inlet])),
    input: statement.input ?? 'json',
    output: statement.output ?? 'json',
    wasi: statement.wasi ?? false,
  };
};

const policySources = (document: LocatedDocument, path: Path, policy: PolicyStatements): readonly PolicySource[] => {
  const source = (statement: PolicySource['statement'], at: Path): PolicySource => ({
    statement,
    file: document.file,
    locate: (inner, part) => document.locate([...at, ...inner], part),
  });
  return Array.isArray(policy) ? policy.map((entry, index) => source(entry, [...path, index])) : [source(policy, path)];
};

/** `mailbox: 100` says the same as `policy: [{ limits: { mailbox: 100 } }]`. */
const mailboxSource = (document: LocatedDocument, path: Path, { mailbox }: ActorStatement): readonly PolicySource[] =>
  mailbox === undefined ? [] : [{ statement: { limits: { mailbox } }, file: document.file, locate: () => document.locate([...path, 'mailbox'], 'value') }];

const portsByActor = (endpoints: readonly Endpoint[]): ReadonlyMap<string, readonly string[]> => {
  const ports = Map.groupBy(endpoints, ({ actor }) => actor);
  return new Map([...ports].map(([actor, mentioned]) => [actor, mentioned.map(({ port }) => port)]));
};

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];
