/** What is no mistake of a deployment, and yet not what its author may expect. */
import nodePath from 'node:path';
import { type Diagnostic, placeText } from './manifest/index.ts';
import { type Grant, originText } from './policy/index.ts';
import { wayDown } from './policy/rules/filesystem.ts';
import { matchesService } from './policy/rules/services.ts';
import { realPath } from './realPath.ts';
import type { LoadedSource } from './sources/index.ts';

export interface Deployed {
  readonly diagnostics: readonly Diagnostic[];
  readonly grants: readonly Grant[];
  readonly loaded: readonly LoadedSource[];
  /** Paths of the manifest and of the sources that it names. */
  readonly code: readonly string[];
  /** Names of the services that the host offers; undefined where no host is known. */
  readonly services: Iterable<string> | undefined;
}

/** @returns each as one text for people */
export const warningsOf = ({ diagnostics, grants, loaded, code, services }: Deployed): readonly string[] => {
  const offered = services === undefined ? undefined : [...services];
  return [
    ...diagnostics.filter(({ severity }) => severity === 'warning').map(describe),
    ...loaded.flatMap((source) => (source.runtime === 'javascript' ? source.warnings : [])),
    ...grants.flatMap((grant) => ownCode(grant, code)),
    ...(offered === undefined ? [] : grants.flatMap((grant) => notOffered(grant, offered))),
  ];
};

const describe = (diagnostic: Diagnostic): string =>
  `${placeText(diagnostic)}: ${diagnostic.message}${diagnostic.hint === undefined ? '' : `\n    ${diagnostic.hint}`}`;

const notOffered = ({ actor, services }: Grant, offered: readonly string[]): readonly string[] =>
  services
    .filter(({ pattern }) => !offered.some((name) => matchesService(pattern, name)))
    .map(({ origin }) => `${originText(origin)}: this host offers no such service; each call by \`${actor}\` is refused`);

/** An actor that can write its own code or policy is, from the next deployment on, whatever it likes. */
const ownCode = ({ actor, filesystem }: Grant, code: readonly string[]): readonly string[] =>
  filesystem
    .filter(({ access }) => access === 'read-write')
    .flatMap(({ host, origin }) => {
      const folder = realPath(host);
      const file = code.find((path) => wayDown(folder, realPath(path)) !== null);
      return file === undefined
        ? []
        : [`${originText(origin)}: \`${actor}\` may write ${nodePath.basename(file)}, and so decide what the next deployment runs`];
    });
