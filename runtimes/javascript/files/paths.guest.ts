/** Paths as authors give them. */
import { charCodeAt, indexOf, slice, split } from '../../guest/primordials.ts';
import { FileFailure, invalidType, invalidValue } from './errors.guest.ts';

/** An absolute path without `.`, `..` and needless slashes; what is relative is so to `/`. */
export function resolvePath(path: unknown, name = 'path'): string {
  const text = pathText(path, name);
  if (text.length > 4096) throw new FileFailure('ENAMETOOLONG');
  if (indexOf(text, '\0') >= 0) throw invalidValue(name, 'must be a string without null bytes');
  const parts = split(text, '/');
  let resolved = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (part === '' || part === '.') continue;
    resolved = part === '..' ? parentOf(resolved) : `${resolved}/${part}`;
  }
  return resolved === '' ? '/' : resolved;
}

function pathText(path: unknown, name: string): string {
  if (typeof path === 'string') {
    // Node's system calls find no file with an empty name.
    if (path === '') throw new FileFailure('ENOENT');
    return path;
  }
  const { protocol, pathname } = (typeof path === 'object' && path !== null ? path : {}) as { protocol?: unknown; pathname?: unknown };
  if (protocol === 'file:' && typeof pathname === 'string') return decode(pathname);
  throw invalidType(name, 'of type string or a file: URL');
}

const decode = decodeURIComponent;

export function lastSlash(path: string): number {
  for (let i = path.length - 1; i >= 0; i--) if (charCodeAt(path, i) === 47) return i;
  return -1;
}

/** Of a path without final slash; empty for what lies directly below `/`. */
export const parentOf = (path: string): string => slice(path, 0, lastSlash(path) < 0 ? 0 : lastSlash(path));
export const nameOf = (path: string): string => slice(path, lastSlash(path) + 1);
export const below = (folder: string, name: string): string => (folder === '/' ? `/${name}` : `${folder}/${name}`);
export const isUnder = (folder: string, path: string): boolean => path === folder || folder === '/' || slice(path, 0, folder.length + 1) === `${folder}/`;
