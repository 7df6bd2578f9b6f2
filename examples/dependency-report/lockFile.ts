export interface LockFile {
  readonly kind: 'npm' | 'pyodide';
  readonly packages: Readonly<Record<string, unknown>>;
}

export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly ecosystem: 'npm' | 'python';
  readonly licence: string | null;
  readonly dependencies: readonly string[];
  readonly optional: boolean;
}

interface NpmPackage {
  readonly version?: string;
  readonly license?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface PyodidePackage {
  readonly name: string;
  readonly version: string;
  readonly depends?: readonly string[];
  readonly package_type?: string;
}

export function* readPackages(file: LockFile): Generator<PackageRecord> {
  for (const [key, entry] of Object.entries(file.packages)) {
    const record = file.kind === 'npm' ? fromNpm(key, entry as NpmPackage) : fromPyodide(entry as PyodidePackage);
    if (record !== undefined) yield record;
  }
}

/** The key is a path; the name is what follows the last `node_modules/`. The empty key is the project itself. */
function fromNpm(path: string, entry: NpmPackage): PackageRecord | undefined {
  const name = path.split('node_modules/').at(-1);
  if (name === undefined || name === '' || entry.version === undefined) return undefined;
  return {
    name,
    version: entry.version,
    ecosystem: 'npm',
    licence: entry.license ?? null,
    dependencies: Object.keys(entry.dependencies ?? {}),
    optional: entry.optional ?? false,
  };
}

function fromPyodide(entry: PyodidePackage): PackageRecord | undefined {
  if (entry.package_type !== 'package') return undefined;
  return { name: entry.name, version: entry.version, ecosystem: 'python', licence: null, dependencies: entry.depends ?? [], optional: true };
}
