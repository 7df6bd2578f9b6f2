/**
 * The smallest policy under which what was seen would have been allowed: exact where there was one of a kind, widened with care where
 * there were several, and never to everything.
 */
import nodePath from 'node:path';
import type { AuditEvent } from './audit.ts';
import type { Grant } from './grant.ts';
import { formatLimit, type LimitName, limitKinds, limitNames, limitText } from './limits.ts';
import type { ResolvedPolicy } from './resolve.ts';
import { environment } from './rules/environment.ts';
import { type FilesystemRule, filesystem, isUnder } from './rules/filesystem.ts';
import { denyText, network, patternText } from './rules/network.ts';
import { secrets } from './rules/secrets.ts';
import { services } from './rules/services.ts';
import { state } from './rules/state.ts';
import type { PolicyStatement } from './schema.ts';
import { formatSize } from './units.ts';

export interface Watched {
  /** What the actor asks for at present. */
  readonly present: ResolvedPolicy;
  /** What it was granted while it was watched. */
  readonly grant: Grant;
  /** Its decisions. */
  readonly events: readonly AuditEvent[];
  /** What host paths are to be relative to. */
  readonly folder: string;
  /** Whether a path of the host is a folder. */
  isFolder(host: string): boolean;
}

/** Of so many folders beside each other the one around them is meant. */
const mostSiblings = 4;
const usualQuota = '1MiB';

/** Variables, limits and denials are kept as they are: no run shows whether they are needed. */
export const learnStatement = (watched: Watched): PolicyStatement => {
  const { present, events } = watched;
  const allowed = (capability: AuditEvent['capability']): readonly AuditEvent[] => events.filter((event) => event.allowed && event.capability === capability);
  const names = [...new Set(allowed('services').map(({ resource }) => resource))].sort();
  const mounts = learnFolders(watched, allowed('filesystem'));
  const allow = learnRequests(allowed('network'));
  const deny = present.network.deny.map(({ url, methods }) => (methods === null ? patternText(url) : { url: patternText(url), methods: [...methods] }));
  const used = new Set(allowed('secrets').map(({ resource }) => resource));
  const kept = {
    services: names,
    environment: Object.fromEntries(present.environment.map(({ name, need, default: value }) => [name, value === undefined ? need : { default: value }])),
    filesystem: mounts,
    network: allow.length === 0 ? {} : { allow, ...(deny.length > 0 && { deny }) },
    secrets: learnSecrets(watched.grant, used),
    limits: learnLimits(present),
  };
  const quota = present.state[0]?.quota;
  const told = Object.fromEntries(Object.entries(kept).filter(([, part]) => Object.keys(part).length > 0));
  return { ...told, ...(allowed('state').length > 0 && { state: quota === undefined ? usualQuota : formatSize(quota) }) } as PolicyStatement;
};

const learnLimits = (present: ResolvedPolicy): Readonly<Record<string, unknown>> => {
  const { outboundMessages: messages, outboundBytes: bytes, ...plain } = present.limits;
  const outbound = { ...(messages && { messages: messages.value }), ...(bytes && { bytes: formatSize(bytes.value) }) };
  const values = Object.fromEntries(Object.entries(plain).map(([name, { value }]) => [name, writtenLimit(name as LimitName, value)]));
  return { ...values, ...(Object.keys(outbound).length > 0 && { outbound }) };
};

const writtenLimit = (name: LimitName, value: number): string | number => (limitKinds[name].unit === 'count' ? value : formatLimit(name, value));

const learnSecrets = (grant: Grant, used: ReadonlySet<string>): Readonly<Record<string, unknown>> => {
  const learned: Record<string, { to: string[]; header: string; format: string }> = {};
  for (const { name, to, header, format } of grant.secrets.filter((rule) => used.has(rule.name))) {
    learned[name] ??= { to: [], header, format };
    learned[name].to.push(to);
  }
  return learned;
};

/** Of each origin the path that was asked for, or what the paths have in common. */
const learnRequests = (events: readonly AuditEvent[]): { url: string; methods: string[] }[] => {
  const origins = new Map<string, { paths: Set<string>; methods: Set<string> }>();
  for (const { resource, operation } of events) {
    const { protocol, host, pathname } = new URL(resource);
    const origin = `${protocol}//${host}`;
    const seen = origins.get(origin) ?? { paths: new Set(), methods: new Set() };
    origins.set(origin, seen);
    seen.paths.add(pathname);
    seen.methods.add(operation);
  }
  return [...origins].sort().map(([origin, { paths, methods }]) => ({ url: `${origin}${commonPath([...paths])}`, methods: [...methods].sort() }));
};

const commonPath = (paths: readonly string[]): string => {
  const [first = '/', ...others] = paths;
  // A pattern has no way to say these.
  if (others.length === 0 && !/[*\\]/.test(first)) return first;
  let end = others.length === 0 ? first.search(/[*\\]/) : first.length;
  for (const path of others) while (!path.startsWith(first.slice(0, end))) end--;
  const folder = first.slice(0, first.lastIndexOf('/', end - 1) + 1);
  return folder === '/' ? '' : `${folder}*`;
};

/** The folders of what was touched, by guest path, within the mounts through which it was. */
const learnFolders = ({ grant, folder, isFolder }: Watched, events: readonly AuditEvent[]): Readonly<Record<string, unknown>> => {
  const touched = new Map<string, { readonly mount: FilesystemRule; write: boolean }>();
  const touch = (guest: string, mount: FilesystemRule, write: boolean): void => {
    const known = touched.get(guest) ?? { mount, write };
    known.write ||= write;
    touched.set(guest, known);
  };
  for (const { resource, operation } of events) {
    const path = nodePath.posix.normalize(resource);
    const [mount] = grant.filesystem.filter(({ guest }) => isUnder(guest, path)).toSorted((left, right) => right.guest.length - left.guest.length);
    if (mount === undefined) continue;
    touch(isFolder(hostOf(mount, path)) || path === mount.guest ? path : nodePath.posix.dirname(path), mount, operation === 'write');
  }
  for (const parent of crowded([...touched])) {
    const within = [...touched].filter(([guest]) => isUnder(parent.guest, guest));
    for (const [guest] of within) touched.delete(guest);
    touch(
      parent.guest,
      parent.mount,
      within.some(([, { write }]) => write),
    );
  }
  const isCovered = (guest: string, write: boolean): boolean =>
    [...touched].some(([other, seen]) => other !== guest && isUnder(other, guest) && seen.write === write);
  const needed = [...touched].filter(([guest, { write }]) => !isCovered(guest, write)).sort();
  return Object.fromEntries(
    needed.map(([guest, { mount, write }]) => {
      const path = relativeTo(folder, hostOf(mount, guest));
      return [guest, write ? { path, access: 'read-write', ...(mount.quota !== undefined && { quota: formatSize(mount.quota) }) } : path];
    }),
  );
};

/** Folders with many of those that were touched right below them. */
const crowded = (touched: readonly (readonly [string, { readonly mount: FilesystemRule }])[]): { guest: string; mount: FilesystemRule }[] => {
  const below = Map.groupBy(touched, ([guest]) => nodePath.posix.dirname(guest));
  return [...below].flatMap(([guest, children]) => {
    const mount = children[0]?.[1].mount;
    return mount !== undefined && children.length > mostSiblings && isUnder(mount.guest, guest) ? [{ guest, mount }] : [];
  });
};

const hostOf = (mount: FilesystemRule, guest: string): string => nodePath.join(mount.host, nodePath.posix.relative(mount.guest, guest));

const relativeTo = (folder: string, host: string): string => {
  const way = nodePath.relative(folder, host);
  return way.startsWith('..') ? way : `./${way}`.replace(/\/$/, '');
};

/** What a policy says, a line each, host paths relative to a folder. */
const linesOf = (policy: ResolvedPolicy, folder: string): readonly string[] => [
  ...policy.services.map(services.text),
  ...policy.environment.map(environment.text),
  ...policy.filesystem.map((rule) => filesystem.text({ ...rule, host: relativeTo(folder, rule.host) })),
  ...policy.network.allow.map(network.text),
  ...policy.network.deny.map(denyText),
  ...policy.secrets.map(secrets.text),
  ...policy.state.map(state.text),
  ...limitNames.flatMap((name) => (policy.limits[name] === undefined ? [] : [limitText(name, policy.limits[name].value)])),
];

/** `- ` before what goes, `+ ` before what comes, two spaces before what stays. */
export const policyDifference = (present: ResolvedPolicy, learned: ResolvedPolicy, folder: string): readonly string[] => {
  const before = linesOf(present, folder);
  const after = linesOf(learned, folder);
  return [...before.map((line) => `${after.includes(line) ? ' ' : '-'} ${line}`), ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)];
};
