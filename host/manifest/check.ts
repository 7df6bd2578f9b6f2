/**
 * What no schema can say: that names refer to something, that keys fit together. Works on whatever
 * of the document is well formed, so that a mistake in one place does not hide those in others.
 */
import { extname } from 'node:path';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { checkStatement } from '../policy/check.ts';
import type { Path } from './diagnostic.ts';
import { type Connection, connectionText, type Endpoint, endpointText, readConnection, readInlet, readOutlet } from './endpoint.ts';
import { isReservedPort } from './names.ts';
import type { Report } from './report.ts';
import { actorSchema, manifestSchema } from './schema.ts';
import { closest, suggest } from './suggest.ts';

export const runtimeOfExtension: Readonly<Record<string, RuntimeName>> = {
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.ts': 'javascript',
  '.mts': 'javascript',
  '.py': 'python',
  '.wasm': 'wasm',
};

const codeKeys = ['source', 'code'] as const;
const wasmKeys = ['function', 'input', 'output', 'wasi'] as const;

type Loose = Readonly<Record<string, unknown>>;

/** Reports every mistake of a manifest that the schema does not see. */
export const checkManifest = (report: Report): void => {
  const manifest = asMap(report.document.value);
  const actors = new Map(Object.entries(asMap(manifest['actors'])).map(([name, actor]) => [name, asMap(actor)]));
  for (const [name, actor] of actors) checkActor(report, name, actor);
  checkCells(report, manifest['cells'], [...actors.values()]);
  checkPolicies(report, ['policy'], manifest['policy']);
  const places = new Places(report, actors);
  const connections = wellFormed(connectionShape, manifest['connections']);
  checkConnections(report, places, connections);
  const inputs = checkInputs(places, asMap(manifest['inputs']));
  checkOutputs(report, places, asMap(manifest['outputs']));
  if (!report.failed) warnOfUnreached(report, actors, connections, inputs);
};

const checkActor = (report: Report, name: string, actor: Loose): void => {
  const at = (...path: Path): Path => ['actors', name, ...path];
  const { source, code } = actor;
  const mistyped = Object.keys(actor).some((key) => closest(key, codeKeys) !== undefined);
  if (source === undefined && code === undefined && !mistyped)
    report.errorAtKey(at(), `\`${name}\` has neither \`source\` nor \`code\``, 'Add the file with its code: `source: ./file.ts`.');
  if (source !== undefined && code !== undefined) report.errorAtKey(at('code'), `\`${name}\` has both \`source\` and \`code\``, 'Keep one of them.');
  const runtime = checkRuntime(report, name, actor);
  if (runtime !== undefined && runtime !== 'wasm') checkNoWasm(report, name, actor, runtime);
  if (runtime === 'wasm' && actor['function'] !== undefined && asMap(actor['inlets'])['in'] !== undefined) {
    report.errorAtKey(at('inlets', 'in'), '`in` is served by `function` already', 'Keep one of them.');
  }
  checkInlets(report, at('inlets'), actor['inlets']);
  checkPolicies(report, at('policy'), actor['policy']);
};

/** A cell that nobody would live in. */
const checkCells = (report: Report, stated: unknown, actors: readonly Loose[]): void => {
  const cells = cellsShape.safeParse(stated).data;
  if (cells === undefined || actors.length === 0) return;
  const sharing = actors.filter(({ cell }) => cell !== 'own').reduce((sum, { replicas }) => sum + (replicasShape.safeParse(replicas).data ?? 1), 0);
  if (cells <= Math.max(1, sharing)) return;
  report.error(
    ['cells'],
    `${cells} cells, and ${sharing === 0 ? 'no actor' : sharing === 1 ? 'only 1 actor' : `only ${sharing} actors, replicas counted,`} to share them`,
    sharing < 2 ? 'Remove `cells`.' : `Write \`cells: ${sharing}\` at most.`,
  );
};

const checkRuntime = (report: Report, name: string, { source, code, runtime }: Loose): RuntimeName | undefined => {
  const path = ['actors', name];
  const stated = actorSchema.shape.runtime.safeParse(runtime).data;
  if (code !== undefined && source === undefined) {
    if (runtime === undefined)
      report.errorAtKey([...path, 'code'], `the runtime of \`${name}\` is not stated`, 'Beside `code` write `runtime: javascript` or `runtime: python`.');
    if (stated === 'wasm') report.errorAtKey([...path, 'code'], 'a wasm module cannot be written as `code`', 'Put it into a file: `source: ./module.wasm`.');
    return stated;
  }
  if (typeof source !== 'string') return stated;
  const extension = extname(source).toLowerCase();
  const told = runtimeOfExtension[extension];
  const known = Object.keys(runtimeOfExtension).join(' ');
  if (/^[a-z]{2,}:/i.test(source)) report.error([...path, 'source'], 'a source is a file, not a URL', 'Put it into the folder of the manifest.');
  else if (told === undefined && runtime === undefined)
    report.error([...path, 'source'], unknownRuntime(extension), `Add \`runtime: javascript\`, \`python\` or \`wasm\`; known extensions: ${known}.`);
  else if (told !== undefined && stated !== undefined && told !== stated)
    report.error(
      [...path, 'runtime'],
      `\`runtime: ${stated}\` contradicts the extension ${extension}, which is ${told}`,
      'Remove `runtime`, or rename the file.',
    );
  return stated ?? (runtime === undefined ? told : undefined);
};

const unknownRuntime = (extension: string): string => {
  if (extension === '.cjs' || extension === '.cts') return `${extension} is CommonJS; an actor is an ES module`;
  return extension === '' ? 'the source has no extension that tells its runtime' : `the extension ${extension} does not tell the runtime`;
};

const checkNoWasm = (report: Report, name: string, actor: Loose, runtime: RuntimeName): void => {
  for (const key of wasmKeys) {
    if (actor[key] !== undefined) report.errorAtKey(['actors', name, key], `\`${key}\` is for wasm actors, and \`${name}\` is ${runtime}`, 'Remove it.');
  }
  if (Object.keys(asMap(actor['inlets'])).length > 0) {
    const names = Object.keys(asMap(actor['inlets'])).join(', ');
    report.error(
      ['actors', name, 'inlets'],
      `a map of inlets is for wasm actors; in ${runtime} the export of its name serves an inlet`,
      `Write a list: \`inlets: [${names}]\`.`,
    );
  }
};

const checkInlets = (report: Report, path: Path, inlets: unknown): void => {
  if (!Array.isArray(inlets)) return;
  for (const [index, inlet] of inlets.entries()) {
    if (inlets.indexOf(inlet) < index) report.error([...path, index], `the inlet \`${String(inlet)}\` is listed twice`, 'Remove one of them.');
  }
};

const checkPolicies = (report: Report, path: Path, policy: unknown): void => {
  if (!Array.isArray(policy)) {
    checkStatement(report, path, asMap(policy));
    return;
  }
  for (const [index, entry] of policy.entries()) {
    if (typeof entry === 'string' && policy.indexOf(entry) < index) report.error([...path, index], `\`${entry}\` is listed twice`, 'Remove one of them.');
    checkStatement(report, [...path, index], asMap(entry));
  }
};

/** Looks up the places that connections, inputs and outputs name. */
class Places {
  readonly #report: Report;
  readonly #actors: ReadonlyMap<string, Loose>;

  constructor(report: Report, actors: ReadonlyMap<string, Loose>) {
    this.#report = report;
    this.#actors = actors;
  }

  checkInlet(path: Path, { actor, port }: Endpoint): void {
    if (!this.#checkActor(path, actor) || !this.#checkPort(path, port)) return;
    const declared = declaredInlets(this.#actors.get(actor)?.['inlets'], this.#actors.get(actor)?.['function']);
    if (declared !== undefined && !declared.includes(port))
      this.#report.error(path, `\`${actor}\` has no inlet \`${port}\``, () => suggest(port, declared, `inlets of \`${actor}\``));
  }

  checkOutlet(path: Path, { actor, port }: Endpoint): void {
    if (this.#checkActor(path, actor)) this.#checkPort(path, port);
  }

  #checkActor(path: Path, actor: string): boolean {
    if (this.#actors.has(actor)) return true;
    this.#report.error(path, `there is no actor \`${actor}\``, () => suggest(actor, [...this.#actors.keys()], 'actors'));
    return false;
  }

  #checkPort(path: Path, port: string): boolean {
    if (!isReservedPort(port)) return true;
    this.#report.error(
      path,
      `\`${port}\` is reserved and cannot name a port`,
      port === 'handle' || port === 'default' ? 'The inlet that `handle` serves is `in`.' : 'Choose another name.',
    );
    return false;
  }
}

/** The inlets that an actor says it serves; undefined if it says nothing. */
const declaredInlets = (inlets: unknown, functionName: unknown): readonly string[] | undefined => {
  if (Array.isArray(inlets)) return inlets.map(String);
  const names = Object.keys(asMap(inlets));
  if (names.length === 0) return undefined;
  return functionName === undefined || names.includes('in') ? names : ['in', ...names];
};

interface Found<T> {
  readonly path: Path;
  readonly value: T;
}

const checkConnections = (report: Report, places: Places, connections: readonly Found<Connection>[]): void => {
  const first = new Map<string, Path>();
  for (const { path, value } of connections) {
    places.checkOutlet(path, value.from);
    places.checkInlet(path, value.to);
    const text = connectionText(value);
    const earlier = first.get(text);
    if (earlier === undefined) first.set(text, path);
    else report.error(path, `the connection \`${text}\` is written twice${lineOf(report, earlier)}`, 'Remove one of them.');
  }
};

const lineOf = (report: Report, path: Path): string => {
  const { line } = report.document.locate(path, 'value');
  return line > 0 ? `, first on line ${line}` : '';
};

const checkInputs = (places: Places, inputs: Loose): readonly Endpoint[] =>
  Object.entries(inputs).flatMap(([name, text]) => {
    if (!endpointShape.safeParse(text).success) return [];
    const inlet = readInlet(String(text));
    places.checkInlet(['inputs', name], inlet);
    return [inlet];
  });

const checkOutputs = (report: Report, places: Places, outputs: Loose): void => {
  for (const [name, written] of Object.entries(outputs)) {
    const seen = new Set<string>();
    for (const [index, text] of (Array.isArray(written) ? written : [written]).entries()) {
      if (!endpointShape.safeParse(text).success) continue;
      const path = Array.isArray(written) ? ['outputs', name, index] : ['outputs', name];
      const outlet = readOutlet(String(text));
      places.checkOutlet(path, outlet);
      if (seen.has(endpointText(outlet))) report.error(path, `\`${endpointText(outlet)}\` is listed twice`, 'Remove one of them.');
      seen.add(endpointText(outlet));
    }
  }
};

/** An actor without input and connection is no mistake: a program may ask it by name. */
const warnOfUnreached = (report: Report, actors: ReadonlyMap<string, Loose>, connections: readonly Found<Connection>[], inputs: readonly Endpoint[]): void => {
  const reached = new Set([...inputs.map(({ actor }) => actor), ...connections.map(({ value }) => value.to.actor)]);
  for (const name of actors.keys()) {
    if (!reached.has(name))
      report.warning(
        ['actors', name],
        `nothing leads to \`${name}\``,
        `Add an input or a connection, unless the embedder asks it by name: \`flow.actor('${name}')\`.`,
      );
  }
};

const cellsShape = manifestSchema.shape.cells;
const replicasShape = actorSchema.shape.replicas;
const connectionShape = manifestSchema.shape.connections.unwrap().element;
const endpointShape = manifestSchema.shape.inputs.unwrap().valueType;

const wellFormed = (shape: typeof connectionShape, list: unknown): readonly Found<Connection>[] =>
  (Array.isArray(list) ? list : []).flatMap((item, index) => {
    const { data } = shape.safeParse(item);
    return data === undefined ? [] : [{ path: ['connections', index], value: readConnection(data) }];
  });

const asMap = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {});
