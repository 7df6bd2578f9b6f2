/** From a policy as it is written to rules: units read, paths made absolute, each rule with its origin. */
import nodePath from 'node:path';
import type { Path } from '../manifest/diagnostic.ts';
import { type LimitName, limitNames, limitText, parseLimit } from './limits.ts';
import { type EnvironmentRule, environment } from './rules/environment.ts';
import { type FilesystemRule, filesystem } from './rules/filesystem.ts';
import { denyText, type NetworkRule, network, parsePattern } from './rules/network.ts';
import type { Origin, Rule } from './rules/rule.ts';
import { parseSecretOrigin, type SecretRule, secrets } from './rules/secrets.ts';
import { type ServiceRule, services } from './rules/services.ts';
import { parseStateQuota, type StateRule, state } from './rules/state.ts';
import type { PolicyStatement } from './schema.ts';
import type { PolicySource } from './source.ts';
import { parseSize } from './units.ts';

export interface LimitRule extends Rule {
  /** Milliseconds, bytes or pieces. */
  readonly value: number;
}

/** All rules of one policy, whatever files and presets they came from. Plain frozen data. */
export interface ResolvedPolicy {
  readonly services: readonly ServiceRule[];
  readonly environment: readonly EnvironmentRule[];
  readonly filesystem: readonly FilesystemRule[];
  readonly network: { readonly allow: readonly NetworkRule[]; readonly deny: readonly NetworkRule[] };
  readonly secrets: readonly SecretRule[];
  /** One rule, or none. */
  readonly state: readonly StateRule[];
  readonly limits: Readonly<Partial<Record<LimitName, LimitRule>>>;
}

/** Grants nothing and says nothing of limits: what the preset `pure` says. */
export const emptyPolicy: ResolvedPolicy = Object.freeze({
  services: Object.freeze([]),
  environment: Object.freeze([]),
  filesystem: Object.freeze([]),
  network: Object.freeze({ allow: Object.freeze([]), deny: Object.freeze([]) }),
  secrets: Object.freeze([]),
  state: Object.freeze([]),
  limits: Object.freeze({}),
});

/** The rules that a statement itself makes; what it extends is not looked at. @param folder what its host paths are relative to */
export const resolveStatement = (statement: PolicyStatement, source: Pick<PolicySource, 'file' | 'locate'>, folder: string): ResolvedPolicy => {
  const originAt = (path: Path, text: string, part: 'key' | 'value' = 'value'): Origin => ({ file: source.file, ...source.locate(path, part), text });
  const networkRules = (list: 'allow' | 'deny'): readonly NetworkRule[] =>
    (statement.network?.[list] ?? []).map((written, index) => {
      const rule = readNetworkRule(written, originAt(['network', list, index], ''));
      return { ...rule, origin: { ...rule.origin, text: list === 'allow' ? network.text(rule) : denyText(rule) } };
    });
  return {
    services: (statement.services ?? []).map((pattern, index) => ({ pattern, origin: originAt(['services', index], services.text({ pattern })) })),
    environment: Object.entries(statement.environment ?? {}).map(([name, written]) => {
      const rule = typeof written === 'string' ? { name, need: written } : { name, need: 'optional' as const, default: written.default };
      return { ...rule, origin: originAt(['environment', name], environment.text(rule), 'key') };
    }),
    filesystem: Object.entries(statement.filesystem ?? {}).map(([guest, written]) => {
      const { path, access = 'read', quota } = typeof written === 'string' ? { path: written } : written;
      const rule = { guest, access, ...(quota !== undefined && { quota: parseSize(quota) }) } as const;
      // Guests are told of their rules; where a folder of the host lies, unless their author wrote it relative to the policy, they are not.
      const text = filesystem.text({ ...rule, host: nodePath.isAbsolute(path) ? '…' : path });
      return { ...rule, host: nodePath.resolve(folder, path), origin: originAt(['filesystem', guest], text, 'key') };
    }),
    network: { allow: networkRules('allow'), deny: networkRules('deny') },
    secrets: Object.entries(statement.secrets ?? {}).flatMap(([name, { to, header, format = '{}' }]) =>
      [to].flat().map((written) => {
        const rule = { name, to: parseSecretOrigin(written), header: header.toLowerCase(), format };
        return { ...rule, origin: originAt(['secrets', name], secrets.text(rule), 'key') };
      }),
    ),
    state: readState(statement, originAt),
    limits: Object.fromEntries(limitNames.flatMap((name) => readLimit(name, statement, originAt))),
  };
};

const readState = ({ state: written }: PolicyStatement, originAt: (path: Path, text: string) => Origin): readonly StateRule[] => {
  if (written === undefined) return [];
  const quota = parseStateQuota(written);
  return [{ quota, origin: originAt(['state'], state.text({ quota })) }];
};

/** Throws a RangeError for what the schema would not have admitted. */
export const readNetworkRule = (written: string | { readonly url: string; readonly methods: readonly string[] }, origin: Origin): NetworkRule =>
  typeof written === 'string' ? { url: parsePattern(written), methods: null, origin } : { url: parsePattern(written.url), methods: written.methods, origin };

const limitPaths: Readonly<Partial<Record<LimitName, Path>>> = {
  outboundMessages: ['limits', 'outbound', 'messages'],
  outboundBytes: ['limits', 'outbound', 'bytes'],
};

const readLimit = (name: LimitName, { limits }: PolicyStatement, originAt: (path: Path, text: string) => Origin): readonly [LimitName, LimitRule][] => {
  const { outbound, ...plain } = limits ?? {};
  const written = { ...plain, outboundMessages: outbound?.messages, outboundBytes: outbound?.bytes }[name];
  if (written === undefined) return [];
  const value = parseLimit(name, written);
  return [[name, { value, origin: originAt(limitPaths[name] ?? ['limits', name], limitText(name, value)) }]];
};
