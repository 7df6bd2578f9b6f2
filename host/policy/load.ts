/** Brings together what a policy consists of: presets, files, what these extend, and what is written in place. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import nodePath from 'node:path';
import { VivariumError } from '../../sdk/errors.ts';
import { resolveInside } from '../manifest/base.ts';
import { diagnose, type Diagnostic, maximumDiagnostics, type Path, placeText, PolicyError, shown } from '../manifest/diagnostic.ts';
import { type ReadDocument, readDocument } from '../manifest/document.ts';
import { checkAgainst } from '../manifest/explain.ts';
import type { FlowManifest } from '../manifest/flow.ts';
import { deepFreeze, nowhere, readObject } from '../manifest/plain.ts';
import { Report } from '../manifest/report.ts';
import { closest } from '../manifest/suggest.ts';
import { checkStatement } from './check.ts';
import { isPresetName, presetFolder, presetNames } from './presets.ts';
import { emptyPolicy, type ResolvedPolicy, resolveStatement } from './resolve.ts';
import { type PolicyStatement, policySchema } from './schema.ts';
import type { PolicySource } from './source.ts';
import { checkWhole, unite } from './unite.ts';

/** A policy as an embedder gives it: a preset or a file by name, a policy as an object, or a list of these. */
export type PolicyInput = PolicyEntry | readonly PolicyEntry[];
type PolicyEntry = string | DeepReadonly<PolicyStatement>;
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

export interface LoadOptions {
  /** The file that states the policy: paths are relative to its folder. It need not exist. */
  readonly from: string;
  /** Every file must lie inside this folder. Without it files may lie anywhere: for the operator's own policies. */
  readonly base?: string;
}

export interface ParsedPolicy {
  /** Missing when there are errors. */
  readonly source?: PolicySource & { readonly statement: PolicyStatement };
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads the text of one policy, without looking at what it extends. Never throws. @param file how messages name it */
export const parsePolicy = (text: string, file: string): ParsedPolicy => checkDocument(readDocument(text, file));

/** The policies that a manifest states, each rule with its origin. */
export interface FlowPolicies {
  /** Null if the manifest states none. */
  readonly namespace: ResolvedPolicy | null;
  /** What the actors ask for, by their index. */
  readonly requests: readonly ResolvedPolicy[];
}

/**
 * Loads every policy of a manifest.
 *
 * @throws {PolicyError} with every mistake of every file
 * @example
 * const { namespace, requests } = loadPolicies(flow, { from: '/app/vivarium.yaml', base: '/app' });
 */
export const loadPolicies = (flow: Pick<FlowManifest, 'actors' | 'policy'>, options: LoadOptions): FlowPolicies => {
  const loader = new Loader(options);
  const namespace = flow.policy === null ? null : loader.load(flow.policy);
  const requests = flow.actors.map(({ policy }) => loader.load(policy));
  return loader.finish({ namespace, requests });
};

/** The policy that several statements make together. @throws {PolicyError} with every mistake of every file */
export const loadPolicy = (sources: readonly PolicySource[], options: LoadOptions): ResolvedPolicy => {
  const loader = new Loader(options);
  return loader.finish(loader.load(sources));
};

/**
 * The policy that an embedder gives in code, as a ceiling or as a grant.
 *
 * @param name how messages name it
 * @throws {PolicyError} with every mistake of every file
 * @example
 * const ceiling = loadPolicyInput({ services: ['orders.*'] }, 'ceiling', { from: import.meta.filename });
 */
export const loadPolicyInput = (input: PolicyInput, name: string, options: LoadOptions): ResolvedPolicy => {
  const parsed = [input]
    .flat()
    .map((entry) =>
      typeof entry === 'string' ? { source: { statement: entry, file: name, locate: () => nowhere }, diagnostics: [] } : checkDocument(readObject(entry, name)),
    );
  const mistakes = parsed.flatMap(({ diagnostics }) => diagnostics);
  if (mistakes.length > 0) throw new PolicyError(mistakes);
  const sources = parsed.flatMap(({ source }) => source ?? []);
  return loadPolicy(sources, options);
};

const checkDocument = ({ document, diagnostics }: ReadDocument): ParsedPolicy => {
  if (document === undefined) return { diagnostics };
  const report = new Report(document, diagnostics);
  const statement = checkAgainst(policySchema, report);
  const { file, value, locate } = document;
  if (typeof value === 'object' && value !== null) checkStatement(report, [], value as Readonly<Record<string, unknown>>);
  return statement === undefined || report.failed
    ? { diagnostics: report.diagnostics }
    : { source: { statement, file, locate }, diagnostics: report.diagnostics };
};

/** Of one policy file, and of all that one manifest leads to: reading them keeps the host from its work. */
export const policyFileLimits = { bytes: 64 * 1024, totalBytes: 1024 * 1024, files: 2000, depth: 32 } as const;

/** Where a statement stands. */
interface Place {
  /** The file: those it names are relative to it. */
  readonly from: string;
  readonly base: string | undefined;
  /** What host paths are relative to: the folder of the file, for a preset that of the file which names it. */
  readonly folder: string;
}

/** Reads each file once, however many policies it belongs to. */
class Loader {
  readonly #options: LoadOptions;
  readonly #mistakes = new Map<string, Diagnostic>();
  /** By real path, and the folder that its paths are relative to. */
  readonly #loaded = new Map<string, ResolvedPolicy>();
  /** The files that are being read, each extended by the one before it. */
  readonly #chain: string[] = [];
  #bytes = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  load(sources: readonly PolicySource[]): ResolvedPolicy {
    const { from, base } = this.#options;
    const parts = sources.map((source) => this.#loadSource(source, { from, base, folder: nodePath.dirname(nodePath.resolve(from)) }));
    const whole = unite(parts, this.#complain);
    if (this.#mistakes.size === 0) checkWhole(whole, this.#complain);
    return whole;
  }

  /** What was loaded, frozen; or every mistake that was found on the way. */
  finish<T>(loaded: T): T {
    if (this.#mistakes.size > 0) throw new PolicyError([...this.#mistakes.values()]);
    return deepFreeze(loaded);
  }

  /** Two actors with the same file have the same mistake once. */
  readonly #complain = (mistake: Diagnostic): void => {
    if (this.#mistakes.size < maximumDiagnostics) this.#mistakes.set(`${placeText(mistake)} ${mistake.message}`, mistake);
  };

  #loadSource(source: PolicySource, place: Place): ResolvedPolicy {
    const { statement } = source;
    if (typeof statement === 'string') return this.#loadReference(statement, source, [], place);
    const references = [statement.extends ?? []].flat();
    const extended = references.map((reference, index) => {
      const path = Array.isArray(statement.extends) ? ['extends', index] : ['extends'];
      return this.#loadReference(reference, source, path, place);
    });
    return unite([...extended, resolveStatement(statement, source, place.folder)], this.#complain);
  }

  #loadReference(reference: string, source: PolicySource, path: Path, { from, base, folder }: Place): ResolvedPolicy {
    const complain = (message: string, hint?: string): ResolvedPolicy => {
      this.#complain(diagnose({ file: source.file, ...source.locate(path, 'value'), message, hint }));
      return emptyPolicy;
    };
    if (isPresetName(reference)) {
      const names = presetNames();
      const near = closest(reference, names);
      if (!names.includes(reference))
        return complain(
          `there is no preset \`${reference}\``,
          near === undefined ? `The presets: ${names.join(', ')}. A file is named by a path: \`./${reference}.yaml\`.` : `Did you mean \`${near}\`?`,
        );
      const presets = presetFolder();
      const file = nodePath.join(presets, `${reference}.yaml`);
      return this.#loadFile(file, `${reference} (preset)`, { from: file, base: presets, folder }, complain);
    }
    try {
      const file = base === undefined ? realFile(reference, from) : resolveInside(base, from, reference);
      return this.#loadFile(file, displayName(file, reference, base), { from: file, base, folder: nodePath.dirname(file) }, complain);
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      return complain(`the policy ${error.message}`, error.record.hint);
    }
  }

  #loadFile(file: string, name: string, place: Place, complain: (message: string, hint?: string) => ResolvedPolicy): ResolvedPolicy {
    const key = `${file}\0${place.folder}`;
    const known = this.#loaded.get(key);
    if (known !== undefined) return known;
    if (this.#chain.includes(file)) return complain(`\`${name}\` extends itself`, 'Break the circle: remove one `extends`.');
    const text = readText(file);
    this.#bytes += text?.length ?? 0;
    if (text === undefined)
      return complain(`the policy \`${name}\` cannot be read`, `It must be UTF-8 of at most ${policyFileLimits.bytes} bytes, and readable for the host.`);
    if (this.#bytes > policyFileLimits.totalBytes || this.#loaded.size >= policyFileLimits.files)
      return complain(
        'the manifest leads to more policy files than the host reads',
        `At most ${policyFileLimits.files} files with ${policyFileLimits.totalBytes} bytes together.`,
      );
    if (this.#chain.length >= policyFileLimits.depth) return complain(`policies extend each other deeper than ${policyFileLimits.depth} files`);
    const { source, diagnostics } = parsePolicy(text, name);
    for (const mistake of diagnostics) this.#complain(mistake);
    this.#chain.push(file);
    const policy = source === undefined ? emptyPolicy : this.#loadSource(source, place);
    this.#chain.pop();
    this.#loaded.set(key, policy);
    return policy;
  }
}

const realFile = (reference: string, from: string): string => {
  const path = nodePath.resolve(nodePath.dirname(from), reference);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new VivariumError('source.missing', `${shown(reference)} does not exist`, { hint: 'Paths are relative to the file that states them.' });
  }
  return realpathSync(path);
};

/** Files inside the base folder are named from there: whoever reads the message need not know where that folder is. */
const displayName = (file: string, reference: string, base: string | undefined): string =>
  base === undefined ? reference : nodePath.relative(realpathSync(base), file);

const readText = (file: string): string | undefined => {
  try {
    if (statSync(file).size > policyFileLimits.bytes) return undefined;
    const bytes = readFileSync(file);
    return isUtf8(bytes) ? bytes.toString() : undefined;
  } catch {
    return undefined;
  }
};
