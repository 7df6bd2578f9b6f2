/** Standard Schema (standardschema.dev), version 1, as far as Vivarium needs it: zod, valibot, arktype and others speak it. */

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type Checked<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of what a schema admits, after its transformations. */
export type Output<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** The type of what a schema takes. */
export type Input<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

export const isSchema = (value: unknown): value is StandardSchema =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  typeof (value as Partial<StandardSchema>)['~standard']?.validate === 'function';

/** Issues told to a guest, at most. */
const toldIssues = 5;

/** Where and why a value does not fit, for whoever wrote the value. */
export const describeIssues = (issues: readonly Issue[]): string => {
  const told = issues
    .slice(0, toldIssues)
    .map(({ path, message }) => (path === undefined || path.length === 0 ? message : `${path.map(segment).join('.')}: ${message}`));
  return issues.length > toldIssues ? `${told.join('; ')}; and ${issues.length - toldIssues} more` : told.join('; ');
};

const segment = (part: PropertyKey | { readonly key: PropertyKey }): string => String(typeof part === 'object' ? part.key : part);
