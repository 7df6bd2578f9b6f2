/** What is no mistake of a deployment, and yet not what its author may expect. */
import { type Diagnostic, placeText } from './manifest/index.ts';
import { type Grant, originText } from './policy/index.ts';
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
    ...(offered === undefined ? [] : grants.flatMap((grant) => notOffered(grant, offered))),
  ];
};

const describe = (diagnostic: Diagnostic): string =>
  `${placeText(diagnostic)}: ${diagnostic.message}${diagnostic.hint === undefined ? '' : `\n    ${diagnostic.hint}`}`;

const notOffered = ({ actor, services }: Grant, offered: readonly string[]): readonly string[] =>
  services
    .filter(({ pattern }) => !offered.some((name) => matchesService(pattern, name)))
    .map(({ origin }) => `${originText(origin)}: this host offers no such service; each call by \`${actor}\` is refused`);
