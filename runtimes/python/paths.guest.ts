/** Paths as Emscripten gets them from the interpreter: text that the guest chose. */
import { charCodeAt, indexOf, slice } from '../guest/primordials.ts';

const slash = 47;

export const isAbsolute = (path: string): boolean => charCodeAt(path, 0) === slash;

/** Without `.`, `..`, double and final slashes. There are no links that the host would follow out of a folder. */
export function normalized(absolute: string): string {
  let path = '';
  for (let at = 0; at < absolute.length; ) {
    const next = indexOf(absolute, '/', at);
    const end = next < 0 ? absolute.length : next;
    const name = slice(absolute, at, end);
    at = end + 1;
    if (name === '..') path = slice(path, 0, lastSlash(path));
    else if (name !== '' && name !== '.') path += `/${name}`;
  }
  return path === '' ? '/' : path;
}

/** Of normalized paths. */
export const isUnder = (folder: string, path: string): boolean => path === folder || slice(path, 0, folder.length + 1) === `${folder}/`;

export const nameOf = (path: string): string => slice(path, lastSlash(path) + 1);

export const parentOf = (path: string): string => slice(path, 0, lastSlash(path)) || '/';

export function firstNameOf(path: string): string {
  const end = indexOf(path, '/', 1);
  return slice(path, 1, end < 0 ? path.length : end);
}

/** 0 if there is none. */
function lastSlash(path: string): number {
  let at = path.length - 1;
  while (at > 0 && charCodeAt(path, at) !== slash) at--;
  return at < 0 ? 0 : at;
}
