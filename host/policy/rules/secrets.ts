/** Secrets: a value that the broker puts into one header of requests to one origin, and that the guest never sees. */
import { type Rule, type RuleKind, yamlText } from './rule.ts';
import { matchesUrl, parsePattern, patternText } from './network.ts';

export interface SecretRule extends Rule {
  readonly name: string;
  /** `https://api.example.com` */
  readonly to: string;
  /** In lower case. */
  readonly header: string;
  /** `{}` is where the value goes. */
  readonly format: string;
}

/** One origin, in its canonical spelling. Throws a RangeError whose message says what is wrong. */
export const parseSecretOrigin = (written: string): string => {
  const pattern = parsePattern(written);
  if (pattern.hosts !== 'exact' || pattern.path !== '/')
    throw new RangeError('a secret goes to one origin, like `https://api.example.com`, without `*` and path');
  if (pattern.scheme !== 'https' && pattern.scheme !== 'wss') throw new RangeError('a secret travels encrypted: https or wss');
  return patternText(pattern);
};

/** Whether a request to this URL goes to the origin of the rule. */
export const goesTo = ({ to }: SecretRule, url: string): boolean => matchesUrl({ url: parsePattern(to), methods: null }, url, '');

const same = (left: SecretRule, right: SecretRule): boolean =>
  left.name === right.name && left.to === right.to && left.header === right.header && left.format === right.format;

export const secrets: RuleKind<SecretRule> = {
  capability: 'secrets',
  covers: same,
  intersect: (request, level) => (same(request, level) ? request : null),
  matches: (rule, resource) => rule.name === resource,
  text: ({ name, to, header, format }) =>
    `secrets: { ${name}: { to: ${yamlText(to)}, header: ${header}${format === '{}' ? '' : `, format: ${JSON.stringify(format)}`} } }`,
};
