/**
 * What is wrong with a file that a person wrote, where it is, and how to mend it.
 */
import { type ErrorCode, VivariumError } from '../../sdk/errors.ts';

/** A place in a text. Lines and columns begin at 1; 0 says that there is no text, as for an object written in code. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The way from the root of a document to one of its values. */
export type Path = readonly (string | number)[];

/** A value with the places of its parts. */
export interface LocatedDocument {
  /** As it was named by whoever asked for it. */
  readonly file: string;
  /** Plain data: null, booleans, finite numbers, strings, arrays, objects without `__proto__`. */
  readonly value: unknown;
  /** Where a value or its key stands; for what is missing, where it would have to be added. */
  locate(path: Path, part: 'key' | 'value'): Position;
}

/** More mistakes than anybody mends in one go; a hostile file shall not make the host write a book. */
export const maximumDiagnostics = 100;

export interface Diagnostic extends Position {
  /** The file as it was named by whoever asked for it. */
  readonly file: string;
  /** `actors.score.policy[1]`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
  /** A warning does not stop a deployment. */
  readonly severity: 'error' | 'warning';
}

/** An error that carries every mistake found, not the first alone. */
class DiagnosedError extends VivariumError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(code: ErrorCode, subject: string, diagnostics: readonly Diagnostic[]) {
    const errors = diagnostics.filter(isError);
    const [first] = errors;
    const count = errors.length === 1 ? 'a mistake' : `${errors.length} mistakes`;
    super(code, `${subject} has ${count}:\n${formatDiagnostics(errors)}`, {
      file: first?.file,
      ...(first !== undefined && first.line > 0 && { line: first.line, column: first.column }),
      hint: first?.hint,
    });
    this.diagnostics = diagnostics;
  }
}

/**
 * A manifest is wrong.
 *
 * @example
 * catch (error) { if (error instanceof ManifestError) console.error(formatDiagnostics(error.diagnostics)) }
 */
export class ManifestError extends DiagnosedError {
  override readonly name = 'ManifestError';

  constructor(diagnostics: readonly Diagnostic[]) {
    super('manifest.invalid', 'The manifest', diagnostics);
  }
}

/** A policy is wrong: an unknown key, a contradiction, a rule that can never match, a file that is missing. */
export class PolicyError extends DiagnosedError {
  override readonly name = 'PolicyError';

  constructor(diagnostics: readonly Diagnostic[]) {
    super('policy.invalid', 'The policy', diagnostics);
  }
}

export const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error';

/** `file:line:column`, or the path in the object where there is no text. */
export const placeText = (place: Position & { readonly file: string; readonly path?: string }): string => {
  if (place.line > 0) return `${place.file}:${place.line}:${place.column}`;
  return place.path ? `${place.file}: ${place.path}` : place.file;
};

/** The text for people: one line a mistake, its mending indented below. */
export const formatDiagnostics = (diagnostics: readonly Diagnostic[]): string =>
  diagnostics
    .map((diagnostic) => {
      const kind = diagnostic.severity === 'warning' ? 'warning: ' : '';
      const hint = diagnostic.hint === undefined ? '' : `\n    ${diagnostic.hint}`;
      return `${placeText(diagnostic)}: ${kind}${diagnostic.message}${hint}`;
    })
    .join('\n');

/** `actors.score.policy[1]` */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}[${shown(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');

const shownLength = 60;

/** A value as a message quotes it: cut, and without anything that a terminal would obey. */
export const shown = (value: unknown): string => {
  const whole = typeof value === 'string' ? value.slice(0, shownLength + 1) : value;
  const text = printable(JSON.stringify(whole) ?? String(whole));
  return text.length > shownLength + 2 ? `${text.slice(0, shownLength)}…` : text;
};

/** Control characters, invisible ones, and those that turn the direction of a text: Unicode's `Cc`, `Cf`, `Zl`, `Zp`. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const printable = (text: string): string => text.replace(unprintable, (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`);

const longestSentence = 500;
const sentence = (text: string): string => printable(text.length > longestSentence ? `${text.slice(0, longestSentence)}…` : text);

export interface Mistake extends Position {
  readonly file: string;
  readonly path?: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly severity?: Diagnostic['severity'];
}

/** The only maker of diagnostics: what they quote comes from files that nobody vouches for, so it is cut and made printable here. */
export const diagnose = ({ file, line, column, path = [], message, hint, severity = 'error' }: Mistake): Diagnostic => ({
  file,
  line,
  column,
  path: sentence(pathText(path)),
  message: sentence(message),
  ...(hint !== undefined && { hint: sentence(hint) }),
  severity,
});
