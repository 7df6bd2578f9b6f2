/** What is no mistake of a deployment, and yet not what its author may expect. */
import { type Diagnostic, placeText } from './manifest/index.ts';
import { type Capability, type Grant, type Origin, originText } from './policy/index.ts';
import { matchesService } from './policy/rules/services.ts';
import type { LoadedSource } from './sources/index.ts';

export interface Deployed {
  readonly diagnostics: readonly Diagnostic[];
  readonly grants: readonly Grant[];
  readonly loaded: readonly LoadedSource[];
  /** Names of the services that the host offers; undefined where no host is known. */
  readonly services: Iterable<string> | undefined;
}

/** @returns each as one text for people */
export const warningsOf = ({ diagnostics, grants, loaded, services }: Deployed): readonly string[] => {
  const offered = services === undefined ? undefined : [...services];
  return [
    ...diagnostics.filter(({ severity }) => severity === 'warning').map(describe),
    ...loaded.flatMap((source) => (source.runtime === 'javascript' ? source.warnings : [])),
    ...grants.flatMap((grant) => [...notPerformed(grant), ...(offered === undefined ? [] : notOffered(grant, offered))]),
  ];
};

const describe = (diagnostic: Diagnostic): string =>
  `${placeText(diagnostic)}: ${diagnostic.message}${diagnostic.hint === undefined ? '' : `\n    ${diagnostic.hint}`}`;

/** Policies may speak of everything that Vivarium will broker one day. What nothing performs yet is refused at each use. */
const notPerformed = ({ actor, network }: Grant): readonly string[] =>
  origins('network', network.allow).map(
    ([capability, origin]) => `${originText(origin)}: this version has no ${capability}; each use by \`${actor}\` is refused`,
  );

const origins = (capability: Capability, rules: readonly { readonly origin: Origin }[]): (readonly [Capability, Origin])[] =>
  rules.map(({ origin }) => [capability, origin]);

const notOffered = ({ actor, services }: Grant, offered: readonly string[]): readonly string[] =>
  services
    .filter(({ pattern }) => !offered.some((name) => matchesService(pattern, name)))
    .map(({ origin }) => `${originText(origin)}: this host offers no such service; each call by \`${actor}\` is refused`);
