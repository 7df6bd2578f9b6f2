/** Turns the lock file of npm or of Pyodide into one record a package, and tells all names at the end. */
import type { Context } from 'vivarium/actor';
import { type LockFile, type PackageRecord, readPackages } from './lockFile.ts';

export async function* handle(file: LockFile, context: Context): AsyncGenerator<PackageRecord> {
  const names = new Set<string>();
  for (const record of readPackages(file)) {
    if (names.has(record.name)) continue;
    names.add(record.name);
    yield record;
  }
  context.log.info(`${file.kind}: ${names.size} packages`);
  await context.emit('names', { names: [...names].sort() });
}
