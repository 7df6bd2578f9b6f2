/** Services: `orders.list`, or `orders.*` for whatever lies below. */
import type { Rule, RuleKind } from './rule.ts';

export interface ServiceRule extends Rule {
  readonly pattern: string;
}

export const servicePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z][A-Za-z0-9_]{0,63}){0,7}\.(?:\*|[A-Za-z][A-Za-z0-9_]{0,63})$/;

export const matchesService = (pattern: string, name: string): boolean => (pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern);

export const services: RuleKind<ServiceRule> = {
  capability: 'services',
  covers: (wide, narrow) => matchesService(wide.pattern, narrow.pattern),
  intersect: (request, level) => {
    if (services.covers(level, request)) return request;
    return services.covers(request, level) ? { ...request, pattern: level.pattern } : null;
  },
  matches: (rule, resource) => !resource.includes('*') && matchesService(rule.pattern, resource),
  text: ({ pattern }) => `services: [${pattern}]`,
};
