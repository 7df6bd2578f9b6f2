/** Environment: names of variables, and what happens when nobody provides a value. */
import { type Rule, type RuleKind, yamlText } from './rule.ts';

export interface EnvironmentRule extends Rule {
  readonly name: string;
  /** `required`: the actor is not deployed without a value. `optional`: it may be absent. */
  readonly need: 'required' | 'optional';
  /** The value if none is provided. */
  readonly default?: string;
}

/** Between levels the name alone decides: what to do without a value is the affair of whoever asks. */
export const environment: RuleKind<EnvironmentRule> = {
  capability: 'environment',
  covers: (wide, narrow) => wide.name === narrow.name,
  intersect: (request, level) => (request.name === level.name ? request : null),
  matches: (rule, resource) => rule.name === resource,
  text: ({ name, need, default: value }) => `environment: { ${name}: ${value === undefined ? need : `{ default: ${yamlText(value)} }`} }`,
};
