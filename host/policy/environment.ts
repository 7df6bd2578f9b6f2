import { VivariumError } from '../../sdk/errors.ts';
import { type Grant, levelNames, originText } from './grant.ts';
import type { EnvironmentRule } from './rules/environment.ts';

/**
 * The variables that an actor gets: those that are granted and provided, or have a default. Nothing else, whatever `values` holds.
 *
 * @param values what whoever deploys provides
 * @returns a frozen object without prototype
 * @throws {VivariumError} `policy.required` when a required variable is not granted or not provided
 */
export const resolveEnvironment = (grant: Grant, values: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  refuseUngranted(grant);
  const provided = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined);
  const missing = grant.environment.filter(({ name, need }) => need === 'required' && provided(name) === undefined);
  if (missing.length > 0) throw notProvided(grant, missing);
  const environment: Record<string, string> = Object.create(null);
  for (const { name, default: fallback } of grant.environment) {
    const value = provided(name) ?? fallback;
    if (value !== undefined) environment[name] = value;
  }
  return Object.freeze(environment);
};

const refuseUngranted = ({ actor, refused }: Grant): void => {
  const refusal = refused.find(({ capability, rule }) => capability === 'environment' && (rule as EnvironmentRule).need === 'required');
  if (refusal === undefined) return;
  const { name, origin } = refusal.rule as EnvironmentRule;
  throw new VivariumError(
    'policy.required',
    `\`${actor}\` requires the variable ${name} (${originText(origin)}), and ${levelNames[refusal.level]} does not grant it`,
    {
      actor,
      hint: `Grant it: \`${refusal.line}\` in ${levelNames[refusal.level]}.`,
    },
  );
};

const notProvided = ({ actor }: Grant, missing: readonly EnvironmentRule[]): VivariumError => {
  const names = missing.map(({ name }) => name).join(', ');
  const places = missing.map(({ origin }) => originText(origin)).join('; ');
  return new VivariumError(
    'policy.required',
    `\`${actor}\` requires ${missing.length === 1 ? 'the variable' : 'the variables'} ${names}, and no value was provided (${places})`,
    {
      actor,
      hint: `Provide a value for ${names}, or give a default in the policy: \`environment: { ${missing[0]?.name}: { default: … } }\`.`,
    },
  );
};
