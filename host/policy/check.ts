/** Contradictions within one policy as it is written: what can never have an effect is a mistake. */
import type { Path } from '../manifest/diagnostic.ts';
import type { Report } from '../manifest/report.ts';
import { type LimitName, parseLimit } from './limits.ts';
import { deniesAllOf, type NetworkRule, network } from './rules/network.ts';
import { readNetworkRule } from './resolve.ts';
import { networkRuleSchema } from './schema.ts';

type Loose = Readonly<Record<string, unknown>>;

/** Reports what the schema does not see. Takes whatever is well formed, and leaves the rest to the schema. */
export const checkStatement = (report: Report, path: Path, statement: Loose): void => {
  checkTwice(report, [...path, 'extends'], statement['extends']);
  checkTwice(report, [...path, 'services'], statement['services']);
  checkMounts(report, [...path, 'filesystem'], statement['filesystem']);
  checkNetwork(report, [...path, 'network'], asMap(statement['network']));
  checkLimits(report, [...path, 'limits'], asMap(statement['limits']));
};

const checkTwice = (report: Report, path: Path, list: unknown): void => {
  for (const [index, entry] of asList(list).entries()) {
    if (typeof entry === 'string' && asList(list).indexOf(entry) < index) report.error([...path, index], `\`${entry}\` is listed twice`, 'Remove one of them.');
  }
};

const checkMounts = (report: Report, path: Path, mounts: unknown): void => {
  for (const [guest, mount] of Object.entries(asMap(mounts))) {
    const { quota, access = 'read' } = asMap(mount);
    if (quota !== undefined && access === 'read')
      report.errorAtKey([...path, guest, 'quota'], 'a quota bounds what is written, and this folder is read only', 'Remove it, or add `access: read-write`.');
  }
};

const nowhere = { file: '', line: 0, column: 0, text: '' };

type Placed = NetworkRule & { readonly path: Path };

const checkNetwork = (report: Report, path: Path, statement: Loose): void => {
  const allow = placedRules([...path, 'allow'], statement['allow']);
  const deny = placedRules([...path, 'deny'], statement['deny']);
  for (const rules of [allow, deny]) {
    const twice = rules.filter((rule, index) => rules.slice(0, index).some((earlier) => isSame(earlier, rule)));
    for (const rule of twice) report.error(rule.path, 'this rule is written twice', 'Remove one of them.');
  }
  for (const { rule, by } of neverMatching(allow, deny))
    report.error(rule.path, `this rule can never match: ${deniedBy(by, rule)}`, 'Remove one of them: deny beats allow.');
};

const deniedBy = (deny: Placed, allow: Placed): string => (isSame(deny, allow) ? 'the same is denied' : `\`deny[${deny.path.at(-1)}]\` denies all of it`);

const isSame = (left: NetworkRule, right: NetworkRule): boolean => network.covers(left, right) && network.covers(right, left);

/** What is allowed and wholly denied. */
export const neverMatching = <R extends NetworkRule>(allow: readonly R[], deny: readonly R[]): readonly { readonly rule: R; readonly by: R }[] =>
  allow.flatMap((rule) => {
    const by = deny.find((candidate) => deniesAllOf(candidate, rule));
    return by === undefined ? [] : [{ rule, by }];
  });

/** What is denied although nothing of it was allowed. */
export const needlessDenials = <R extends NetworkRule>(allow: readonly R[], deny: readonly R[]): readonly R[] =>
  deny.filter((rule) => !allow.some((candidate) => network.intersect(candidate, rule) !== null));

const placedRules = (path: Path, list: unknown): readonly Placed[] =>
  asList(list).flatMap((written, index) => {
    const { data } = networkRuleSchema.safeParse(written);
    return data === undefined ? [] : [{ ...readNetworkRule(data, nowhere), path: [...path, index] }];
  });

/** Limits that cannot be reached before a second one ends the turn. */
const orders: readonly { readonly name: LimitName; readonly under: LimitName; readonly written: string }[] = [
  { name: 'cpu', under: 'wall', written: 'wall' },
  { name: 'message', under: 'outboundBytes', written: 'outbound.bytes' },
];

const checkLimits = (report: Report, path: Path, written: Loose): void => {
  const values: Readonly<Record<string, unknown>> = { ...written, outboundBytes: asMap(written['outbound'])['bytes'] };
  const limitOf = (name: LimitName): number => attempt(() => parseLimit(name, values[name] as string)) ?? Number.NaN;
  for (const { name, under, written: other } of orders) {
    if (limitOf(name) > limitOf(under))
      report.error([...path, name], `\`${name}\` can never be reached: it is larger than \`${other}\``, `Lower it, or raise \`${other}\`.`);
  }
};

/** What a parser makes of a value; undefined where the schema has complained already. */
const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse();
  } catch {
    return undefined;
  }
};

const asMap = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {});
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
