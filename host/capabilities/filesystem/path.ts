/** Paths as guests write them: absolute, with `/`, normalised by their text alone. */
import { FileFailure } from './failure.ts';

/** Characters of a path, names in it, bytes of a name. */
export const pathLimits = { length: 4096, names: 256, name: 255 } as const;

/** Control characters, and those that turn the direction of writing: a name that cannot be shown for what it is. */
const unseemly = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/u;

/** Whether a guest could have written this name. */
export const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('/') && name.isWellFormed() && !unseemly.test(name);

/**
 * The names from `/` down.
 * @throws FileFailure EINVAL, ENAMETOOLONG
 */
export function namesOf(path: string): readonly string[] {
  if (!path.startsWith('/')) throw new FileFailure('EINVAL', 'a path begins with `/`');
  const names: string[] = [];
  stepThrough(names, path, () => undefined);
  return names;
}

/**
 * Appends what a path says to names that lead somewhere already.
 * @param above what `..` means where nothing is left
 */
export function stepThrough(names: string[], path: string, above: () => void): void {
  if (path.length > pathLimits.length) throw new FileFailure('ENAMETOOLONG');
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (names.pop() === undefined) above();
    } else {
      if (!isName(name)) throw new FileFailure('EINVAL', 'a name has no control characters, and is well-formed Unicode');
      if (Buffer.byteLength(name) > pathLimits.name) throw new FileFailure('ENAMETOOLONG');
      names.push(name);
    }
  }
  if (names.length > pathLimits.names) throw new FileFailure('ENAMETOOLONG');
}

export const pathOf = (names: readonly string[]): string => `/${names.join('/')}`;

/** Two names that some filesystem takes for one have the same fold: case, composition, ligatures. */
export const fold = (name: string): string => name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
