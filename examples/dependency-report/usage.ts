/** Which source files of a folder import which package: really read, no cache. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const javascript = /(?:\bfrom|\bimport|\brequire\()\s*\(?['"]([^'"./][^'"]*)['"]/g;
const python = /^\s*(?:from\s+(\w+)|import\s+(\w+))/gm;

/** @returns how many files import a package, by its name */
export function countImports(folder: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const file of globSync('{sdk,runtimes,host,examples,test,bench}/**/*.{ts,py}', { cwd: folder })) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    for (const name of importedBy(text, file.endsWith('.py'))) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Each name once, however often the file imports it. */
const importedBy = (text: string, isPython: boolean): ReadonlySet<string> =>
  new Set(
    isPython
      ? [...text.matchAll(python)].map(([, from, imported]) => from ?? imported ?? '')
      : [...text.matchAll(javascript)].map(([, specifier]) => packageOf(specifier as string)),
  );

/** `@scope/name/file.js` → `@scope/name` */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
