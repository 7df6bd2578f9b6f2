/** Turns what a schema found into sentences that a person can act on. No raw schema error leaves this file. */
import type { z } from 'zod';
import { type Path, shown } from './diagnostic.ts';
import type { Report } from './report.ts';
import { closest, suggest } from './suggest.ts';

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;

/** Checks a document against a schema; the value if it fits, after every mistake was reported. */
export const checkAgainst = <T extends z.ZodType>(schema: T, report: Report): z.output<T> | undefined => {
  const result = schema.safeParse(report.document.value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) explain({ schema, report }, issue, []);
  return undefined;
};

interface Context {
  readonly schema: Schema;
  readonly report: Report;
}

const explain = (context: Context, issue: Issue, base: Path): void => {
  const path = [...base, ...issue.path] as Path;
  const { report } = context;
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) report.errorAtKey([...path, key], `unknown key \`${key}\``, () => suggest(key, keysAt(context, path), 'keys here'));
      return;
    case 'invalid_key':
      report.errorAtKey(path, issue.issues[0]?.message ?? issue.message);
      return;
    case 'invalid_union':
      explainUnion(context, issue, path);
      return;
    case 'invalid_type':
    case 'invalid_value':
      explainMismatch(context, issue, path);
      return;
    case 'too_big':
    case 'too_small':
      report.error(path, rangeText(issue), exampleHint(context, path));
      return;
    default:
      report.error(path, issue.message, exampleHint(context, path));
  }
};

/** Of the forms that a value may have, speaks about the one that the author seems to have meant. */
const explainUnion = (context: Context, issue: z.core.$ZodIssueInvalidUnion, path: Path): void => {
  const value = valueAt(context.report.document.value, path);
  const meant = issue.errors.filter((issues) => !issues.some((inner) => isOtherKind(inner, value)));
  const [branch] = meant;
  if (meant.length === 1 && branch !== undefined) {
    for (const inner of branch) explain(context, inner, path);
    return;
  }
  const expected = [...new Set(issue.errors.flatMap((issues) => issues.filter((inner) => inner.path.length === 0).map(expectation)))];
  report(context, path, `expected ${expected.join(' or ')}, found ${kindText(value)}`);
};

const isOtherKind = (issue: Issue, value: unknown): boolean => {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_type') return true;
  return issue.code === 'invalid_value' && !issue.values.some((allowed) => typeof allowed === typeof value);
};

const explainMismatch = (context: Context, issue: z.core.$ZodIssueInvalidType | z.core.$ZodIssueInvalidValue, path: Path): void => {
  const key = path.at(-1);
  const value = valueAt(context.report.document.value, path);
  if (issue.code === 'invalid_type' && issue.expected === 'never') context.report.errorAtKey(path, issue.message);
  else if (value === undefined && key !== undefined) explainMissing(context, path, String(key));
  else if (issue.code === 'invalid_value' && typeof value === 'string')
    report(context, path, `expected ${expectation(issue)}, found ${kindText(value)}`, nearest(value, issue.values.map(String)));
  else report(context, path, `expected ${expectation(issue)}, found ${kindText(value)}`);
};

/** Says nothing of a key that is there with a slip of the hand: the key as it is written is reported already. */
const explainMissing = (context: Context, path: Path, key: string): void => {
  const parent = path.slice(0, -1);
  const known = keysAt(context, parent);
  const unknown = Object.keys(valueAt(context.report.document.value, parent) ?? {}).filter((written) => !known.includes(written));
  if (!unknown.some((written) => closest(written, known) === key)) context.report.errorAtKey(path, `\`${key}\` is missing`, exampleHint(context, path));
};

const report = (context: Context, path: Path, message: string, hint?: string): void => context.report.error(path, message, hint ?? exampleHint(context, path));

const nearest = (value: string, candidates: readonly string[]): string | undefined => {
  const near = closest(value, candidates);
  return near === undefined ? undefined : `Did you mean \`${near}\`?`;
};

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

const expectation = (issue: Issue): string => {
  if (issue.code === 'invalid_value') return issue.values.map((value) => `\`${String(value)}\``).join(' or ');
  return issue.code === 'invalid_type' ? (kinds[issue.expected] ?? issue.expected) : issue.message;
};

/** What stands there, in the words of the reader. */
const kindText = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? `the text ${shown(value)}` : `${shown(value)}`;
};

const rangeText = (issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string => {
  if (!/^(Too|Invalid)/.test(issue.message)) return issue.message;
  const bound = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
  if (issue.origin === 'string') return `expected ${bound} characters`;
  return issue.origin === 'array' ? `expected ${bound} entries` : `expected ${bound}`;
};

/** `For example: namespace: demo`, from the examples that the schema carries. */
const exampleHint =
  (context: Context, path: Path): (() => string | undefined) =>
  () => {
    const key = path.at(-1);
    for (const schema of schemasAt(context.schema, path)) {
      const [example] = ((schema as z.ZodType).meta()?.['examples'] as unknown[] | undefined) ?? [];
      if (example !== undefined) return `For example: \`${typeof key === 'string' ? `${key}: ` : ''}${exampleText(example)}\`.`;
    }
    return undefined;
  };

const exampleText = (example: unknown): string => {
  if (Array.isArray(example)) return `[${example.map(exampleText).join(', ')}]`;
  if (typeof example !== 'object' || example === null) return String(example);
  const entries = Object.entries(example).map(([key, value]) => `${key}: ${exampleText(value)}`);
  return `{ ${entries.join(', ')} }`;
};

const keysAt = (context: Context, path: Path): readonly string[] => [
  ...new Set(schemasAt(context.schema, path).flatMap((schema) => Object.keys(definition(schema).shape ?? {}))),
];

/** The schemas that may apply to the value at a path: several where a value may have several forms. */
const schemasAt = (schema: Schema, path: Path): readonly Schema[] => {
  const [step, ...rest] = path;
  const forms = alternatives(schema);
  if (step === undefined) return forms;
  return forms.flatMap((form) => {
    const { shape, element, valueType } = definition(form);
    const next = typeof step === 'number' ? element : (shape?.[step] ?? valueType);
    return next === undefined ? [] : schemasAt(next, rest);
  });
};

/** A schema, and what it wraps or chooses from; itself first, so that its own examples come first. */
const alternatives = (schema: Schema): readonly Schema[] => {
  const { innerType, options } = definition(schema);
  return [schema, ...(innerType === undefined ? [] : alternatives(innerType)), ...(options ?? []).flatMap(alternatives)];
};

interface Definition {
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly innerType?: Schema;
  readonly options?: readonly Schema[];
}

const definition = (schema: Schema): Definition => schema._zod.def as Definition;

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((current, step) => (current as Readonly<Record<string | number, unknown>> | null | undefined)?.[step], value);
