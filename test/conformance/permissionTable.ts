/**
 * Rules and operations, as data: `permissions.test.ts` tries every operation under every rule in every language. What is expected is
 * worked out here, from what the reference says and not by the code that decides.
 */
import path from 'node:path';
import type { Access } from '../../host/index.ts';
import type { Language } from './languages.ts';

export type Sphere = 'services' | 'environment' | 'state' | 'filesystem' | 'network';

/** What an actor asks the host for, in one line of its message. */
export interface Operation {
  readonly name: string;
  readonly resource: string;
  readonly access: Access;
}

export interface SphereTable {
  /** Values of the policy's key; null leaves it out. */
  readonly rules: readonly unknown[];
  readonly operations: readonly Operation[];
  /** Whether a rule, or the absence of one, allows an operation. */
  allows(rule: never, operation: Operation): boolean;
  /** What a refusal is told as. */
  readonly refusal: string;
  /** Where a refusal ends the turn: each operation is then asked for in a turn of its own. */
  readonly endsTurn?: readonly Language['name'][];
  /** Whether an operation gets as far as the host, which audits what it refuses; if nothing is said, it does. */
  reachesHost?(rule: never, operation: Operation, language: Language['name']): boolean;
}

/** An operation, and the table it stands in. */
export type Case = readonly [SphereTable, Operation];

/** What the host offers and provides. */
export const offered = ['orders.list', 'orders.count', 'orders.archive.list', 'stock.count', 'money.send'] as const;
export const provided: Readonly<Record<string, string>> = { REGION: 'north', LEVEL: 'debug', TOKEN: 'not for guests' };

const services: SphereTable = {
  rules: [null, [], ['orders.list'], ['orders.*'], ['orders.archive.*', 'stock.count']],
  operations: [...offered, 'orders.none'].map((resource) => ({ name: 'call', resource, access: { capability: 'services', resource } })),
  allows: (rule: readonly string[] | null, { resource }) =>
    (rule ?? []).some((pattern) => pattern === resource || (pattern.endsWith('*') && resource.startsWith(pattern.slice(0, -1)))),
  refusal: 'policy.denied',
};

const environment: SphereTable = {
  rules: [null, {}, { REGION: 'required' }, { LEVEL: 'optional', COLOUR: 'optional' }, { COLOUR: { default: 'red' }, LEVEL: { default: 'info' } }],
  operations: ['REGION', 'LEVEL', 'COLOUR', 'TOKEN', 'PATH', 'region', '__proto__'].map((resource) => ({
    name: 'variable',
    resource,
    access: { capability: 'environment', resource },
  })),
  allows: (rule: Readonly<Record<string, unknown>> | null, { resource }) => {
    if (rule === null || !Object.hasOwn(rule, resource)) return false;
    return Object.hasOwn(provided, resource) || typeof rule[resource] === 'object';
  },
  refusal: 'absent',
};

const state: SphereTable = {
  rules: [null, '1KiB', '1MiB', 4096, null],
  operations: (['get', 'put', 'delete', 'list'] as const).flatMap((name) =>
    ['key', '__proto__'].map((resource) => ({ name, resource, access: { capability: 'state', operation: name, resource } }) as const),
  ),
  allows: (rule: string | number | null) => rule !== null,
  refusal: 'policy.denied',
};

type Mount = string | { readonly path: string; readonly access: 'read-write' };

const filesystem: SphereTable = {
  rules: [
    null,
    { '/data': './data' },
    { '/data': { path: './data', access: 'read-write' } },
    { '/data': './data', '/data/inner': { path: './data/inner', access: 'read-write' } },
    { '/data': { path: './data', access: 'read-write' }, '/data/inner': './data/inner' },
  ],
  operations: (['read', 'write'] as const).flatMap((name) =>
    ['/data/a', '/data/inner/a', '/data/inner/../a', '/data/../data/inner/a', '/database/a', '/data/../secret', '/secret', '/etc/passwd'].map(
      (resource) => ({ name, resource, access: { capability: 'filesystem', operation: name, resource } }) as const,
    ),
  ),
  allows: (rule: Readonly<Record<string, Mount>> | null, { name, resource }) => {
    const place = path.posix.normalize(resource);
    const deepest = Object.keys(rule ?? {})
      .filter((guest) => place.startsWith(`${guest}/`))
      .toSorted((left, right) => right.length - left.length)[0];
    return deepest !== undefined && (name === 'read' || typeof rule?.[deepest] === 'object');
  },
  refusal: 'policy.denied',
  // A plugin has no descriptor from which a path leads to what it may not read; it asks the host for no other.
  reachesHost: (rule, operation, language) => language !== 'wasm' || filesystem.allows(rule, { ...operation, name: 'read' }),
};

/** Stands for the server of the test. */
export const server = 'http://127.0.0.1:65000';

interface NetworkRules {
  readonly allow: readonly (string | { readonly url: string; readonly methods: readonly string[] })[];
  readonly deny?: readonly string[];
}

const matches = (rule: NetworkRules['allow'][number], method: string, resource: string): boolean => {
  if (typeof rule !== 'string') return rule.methods.includes(method) && matches(rule.url, method, resource);
  const { href } = new URL(resource);
  if (rule === server) return href.startsWith(`${server}/`);
  return rule.endsWith('*') ? href.startsWith(rule.slice(0, -1)) : href === rule;
};

const network: SphereTable = {
  rules: [
    null,
    { allow: [server] },
    { allow: [{ url: `${server}/v1/*`, methods: ['GET'] }] },
    { allow: [server], deny: [`${server}/v1/private/*`] },
    { allow: [`${server}/v1/a`, { url: `${server}/v2`, methods: ['POST'] }] },
  ],
  operations: (['GET', 'POST'] as const).flatMap((name) =>
    ['/', '/v1/a', '/v1/private/x', '/v1/../v2', '/v1/%70rivate/x', '/V1/a'].map(
      (way) => ({ name, resource: server + way, access: { capability: 'network', operation: name, resource: server + way } }) as const,
    ),
  ),
  allows: (rule: NetworkRules | null, { name, resource }) => {
    if (rule === null) return false;
    // `%70` is `p`, whoever writes it.
    const plain = resource.replace('%70', 'p');
    return rule.allow.some((each) => matches(each, name, plain)) && !rule.deny?.some((each) => matches(each, name, plain));
  },
  refusal: 'policy.denied',
  endsTurn: ['wasm'],
};

export const spheres: Readonly<Record<Sphere, SphereTable>> = { services, environment, state, filesystem, network };

/** Policies that have, of every sphere, the rule of this number. */
export const policyCount = 5;

export const policyOf = (number: number): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(spheres).flatMap(([sphere, { rules }]) => (rules[number] === null ? [] : [[sphere, rules[number]]])));

export const cases: readonly Case[] = Object.values(spheres).flatMap((table) => table.operations.map((operation) => [table, operation] as const));

/** The cases as they are tried: together in one turn, and then each of those that end theirs. */
export function turnsFor({ name }: Language): readonly (readonly Case[])[] {
  const isAlone = ([{ endsTurn }]: Case): boolean => endsTurn?.includes(name) ?? false;
  return [cases.filter((each) => !isAlone(each)), ...cases.filter(isAlone).map((each) => [each])];
}

/** What the rules of this number allow, where both the actor's policy and that of the namespace have a say. */
export const isAllowed = (table: SphereTable, numbers: readonly number[], operation: Operation): boolean =>
  numbers.every((number) => table.allows(table.rules[number] as never, operation));

/** Whether it is the host that refuses an operation which these rules do not allow. */
export const isRefusedByHost = (table: SphereTable, numbers: readonly number[], operation: Operation, { name }: Language): boolean =>
  table.refusal === 'policy.denied' &&
  !isAllowed(table, numbers, operation) &&
  numbers.every((number) => table.reachesHost?.(table.rules[number] as never, operation, name) ?? true);
