/**
 * Filesystem: folders of the host under the path by which the guest knows them.
 *
 * Between levels the host path decides, because it is what an operator has to protect; the guest path
 * is the name that the request gives to it. Paths are compared as written and normalised. What a link
 * leads to is for the broker to decide, on the opened object: so a rule keeps the folders that granted it.
 */
import nodePath from 'node:path';
import { formatSize } from '../units.ts';
import { type Rule, type RuleKind, yamlText } from './rule.ts';

export type FileAccess = 'read' | 'read-write';

/** A folder of some level of which a granted one is a part. */
export interface Whole {
  /** Absolute path on the host. Links resolved too, the granted folder lies in it. */
  readonly host: string;
  /** Bytes that may be written, in all of it. */
  readonly quota?: number;
  /** Folders of the host within it, of which the level says something else. */
  readonly except: readonly string[];
}

export interface FilesystemRule extends Rule {
  /** Absolute, normalised, with `/`. */
  readonly guest: string;
  /** Absolute path on the host. */
  readonly host: string;
  readonly access: FileAccess;
  /** Bytes that the folder may hold, whoever wrote them. */
  readonly quota?: number;
  /** What each level granted this from, the request included; only where levels met. */
  readonly wholes?: readonly Whole[];
}

/** Throws a RangeError whose message says what is wrong. */
export const parseGuestPath = (written: string): string => {
  if (!written.startsWith('/')) throw new RangeError('a guest path begins with `/`');
  if (written.length > 1024 || written.includes('\0') || written.includes('\\'))
    throw new RangeError('a guest path has at most 1024 characters, and neither `\\` nor NUL');
  const normal = nodePath.posix.normalize(written);
  if (normal !== written || (written !== '/' && written.endsWith('/')))
    throw new RangeError(`a guest path is written without \`.\`, \`..\`, double or final slashes: \`${normal.replace(/(.)\/$/, '$1')}\``);
  return written;
};

/** The mount under which a path of the guest lies has this guest path. */
export const isUnder = (folder: string, path: string): boolean => path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);

/** The way from a folder of the host down to another, or null if it does not lead down. */
export const wayDown = (folder: string, path: string): string | null => {
  const way = nodePath.relative(folder, path);
  const leadsOut = way === '..' || way.startsWith(`..${nodePath.sep}`) || nodePath.isAbsolute(way);
  return leadsOut ? null : way;
};

const join = (guest: string, way: string): string => nodePath.posix.join(guest, ...way.split(nodePath.sep));

const least = (left: number | undefined, right: number | undefined): number | undefined => {
  if (left === undefined) return right;
  return right === undefined ? left : Math.min(left, right);
};

const wholeOf = ({ host, access, quota }: FilesystemRule, except: readonly string[] = []): Whole => ({
  host,
  ...(access === 'read-write' && quota !== undefined && { quota }),
  except,
});

/** @param except folders of the level within that of its rule */
const meetOne = (request: FilesystemRule, level: FilesystemRule, except: readonly string[]): FilesystemRule | null => {
  const way = wayDown(level.host, request.host) === null ? wayDown(request.host, level.host) : '';
  if (way === null) return null;
  const access = request.access === 'read-write' && level.access === 'read-write' ? 'read-write' : 'read';
  const quota = access === 'read-write' ? least(request.quota, level.quota) : undefined;
  const { quota: _, ...rest } = request;
  const shared = {
    ...rest,
    access,
    ...(quota !== undefined && { quota }),
    wholes: [...(request.wholes ?? [wholeOf(request)]), wholeOf(level, except)],
  } as const;
  return way === '' ? shared : { ...shared, guest: join(request.guest, way), host: level.host };
};

/**
 * Of what is left of requested mounts, that which was visible in the request. Where one mount was requested
 * within another, a piece of the outer one must not appear in the place of the inner one.
 */
export const withoutHidden = (granted: readonly FilesystemRule[], requested: readonly FilesystemRule[]): readonly FilesystemRule[] =>
  granted.filter((rule) => {
    const own = requested.find(({ origin }) => origin === rule.origin);
    return own === undefined || !requested.some(({ guest }) => guest.length > own.guest.length && isUnder(own.guest, guest) && isUnder(guest, rule.guest));
  });

export const filesystem: RuleKind<FilesystemRule> = {
  capability: 'filesystem',
  covers: (wide, narrow) => {
    const way = wayDown(wide.host, narrow.host);
    const samePlace = way !== null && join(wide.guest, way) === narrow.guest;
    if (!samePlace || narrow.access === 'read') return samePlace;
    return wide.access === 'read-write' && (wide.quota === undefined || (narrow.quota !== undefined && narrow.quota <= wide.quota));
  },
  intersect: (request, level) => meetOne(request, level, []),
  // In a level too the deepest folder decides: what it says less than the folders around it is not undone by these.
  meet: (request, level) => {
    const within = ({ host }: FilesystemRule): readonly string[] =>
      level.filter((inner) => inner.host !== host && wayDown(host, inner.host) !== null).map((inner) => inner.host);
    const isHidden = (rule: FilesystemRule): boolean => within(rule).some((host) => wayDown(host, request.host) !== null);
    const pieces = level.filter((rule) => !isHidden(rule)).flatMap((rule) => meetOne(request, rule, within(rule)) ?? []);
    const common = pieces.filter(
      (piece, place) =>
        !pieces.some(
          (other, index) =>
            index !== place && other.guest === piece.guest && filesystem.covers(other, piece) && (index < place || !filesystem.covers(piece, other)),
        ),
    );
    const whole = common.some((rule) => filesystem.covers(rule, request)) && common.every(({ access }) => access === request.access);
    return { common, whole };
  },
  matches: (rule, resource, operation) => isUnder(rule.guest, resource) && (operation === 'read' || rule.access === 'read-write'),
  beside: ({ host, access, wholes = [] }) => {
    const around = access === 'read' ? [] : wholes.filter((whole) => whole.host !== host);
    return [...new Set(around.flatMap((whole) => (whole.quota === undefined ? [] : `${formatSize(whole.quota)} for all of ${whole.host}`)))];
  },
  text: ({ guest, host, access, quota }) => {
    const options = `{ path: ${yamlText(host)}, access: read-write${quota === undefined ? '' : `, quota: ${formatSize(quota)}`} }`;
    return `filesystem: { ${yamlText(guest)}: ${access === 'read' ? yamlText(host) : options} }`;
  },
};
