/** State in SQLite, in a file or in memory. Everything here blocks: it runs in a thread of its own. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Expected, leastEntryBytes, type Owner, type StateOperation, type StateResults, type StoredValue } from './state.ts';

/** `Viva`: tells the files of Vivarium from those of others. */
const applicationId = 0x56697661;
const layout = 1;
/** How long another host that uses the same file is waited for. Milliseconds. */
const patience = 5_000;

const tables = `
  CREATE TABLE owners (number INTEGER PRIMARY KEY, namespace TEXT NOT NULL, actor TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0, UNIQUE (namespace, actor)) STRICT;
  CREATE TABLE entries (owner INTEGER NOT NULL REFERENCES owners, key BLOB NOT NULL, is_text INTEGER NOT NULL, value BLOB NOT NULL, size INTEGER NOT NULL,
    version INTEGER NOT NULL, UNIQUE (owner, key)) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${layout};`;

const statements = {
  owner: 'SELECT number, bytes, version FROM owners WHERE namespace = ? AND actor = ?',
  addOwner: 'INSERT INTO owners (namespace, actor) VALUES (?, ?) RETURNING number, bytes, version',
  setOwner: 'UPDATE owners SET bytes = ?, version = ? WHERE number = ?',
  entry: 'SELECT is_text, value, version FROM entries WHERE owner = ? AND key = ?',
  size: 'SELECT size, version FROM entries WHERE owner = ? AND key = ?',
  put: `INSERT INTO entries (owner, key, is_text, value, size, version) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET is_text = excluded.is_text, value = excluded.value, size = excluded.size, version = excluded.version`,
  delete: 'DELETE FROM entries WHERE owner = ? AND key = ?',
  list: 'SELECT key, version FROM entries WHERE owner = ? AND key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?',
} as const;

type Statements = Readonly<Record<keyof typeof statements, StatementSync>>;

interface OwnerRow {
  readonly number: number;
  readonly bytes: number;
  readonly version: number;
}

type Operation<Name extends StateOperation['is']> = Extract<StateOperation, { is: Name }>;
type Result = StateResults[StateOperation['is']];

/** What an operation came to; `failed` is what the system says. */
export type Outcome = { readonly result: Result } | { readonly failed: string };

export class StateTable {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  /** @param path undefined keeps everything in memory @throws Error when it cannot be opened, or is something else */
  constructor(path: string | undefined) {
    this.#database = new DatabaseSync(path ?? ':memory:', { timeout: patience });
    // A file that is no store stays as it is.
    this.#transaction('IMMEDIATE', () => this.#prepareTables());
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const prepared = Object.entries(statements).map(([name, sql]) => [name, this.#database.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared) as Statements;
  }

  /** Performs operations in their order, in one transaction where that can be: what is written together costs little more than one. */
  perform(operations: readonly StateOperation[]): readonly Outcome[] {
    const kind = operations.some(({ is }) => is === 'put' || is === 'delete') ? 'IMMEDIATE' : 'DEFERRED';
    try {
      return this.#transaction(kind, () => operations.map((operation) => ({ result: this.#perform(operation) })));
    } catch (error) {
      // One that fails takes the others back with it: then each for itself.
      return operations.length === 1 ? [{ failed: (error as Error).message }] : operations.flatMap((operation) => this.perform([operation]));
    }
  }

  close(): void {
    this.#database.close();
  }

  #prepareTables(): void {
    const pragma = (name: string): unknown => this.#database.prepare(`PRAGMA ${name}`).get()?.[name];
    const id = pragma('application_id');
    const isEmpty = this.#database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'] === 0;
    if (isEmpty && id === 0) this.#database.exec(tables);
    else if (id !== applicationId) throw new Error('it is a database of something else');
    else if (pragma('user_version') !== layout) throw new Error('it was written by another version of Vivarium');
  }

  #perform(operation: StateOperation): Result {
    switch (operation.is) {
      case 'get':
        return this.#get(operation);
      case 'put':
        return this.#put(operation);
      case 'delete':
        return this.#delete(operation);
      case 'list':
        return this.#list(operation);
    }
  }

  #get({ owner, key }: Operation<'get'>): StateResults['get'] {
    const row = this.#owner(owner);
    const entry = row && this.#statements.entry.get(row.number, Buffer.from(key));
    if (entry === undefined) return null;
    const bytes = entry['value'] as Uint8Array;
    const value: StoredValue = entry['is_text'] === 1 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : bytes;
    return { value, version: entry['version'] as number };
  }

  #put({ owner, key, value, expected, quota }: Operation<'put'>): StateResults['put'] {
    const row = this.#owner(owner) ?? (this.#statements.addOwner.get(owner.namespace, owner.actor) as unknown as OwnerRow);
    const name = Buffer.from(key);
    const before = this.#before(row, name);
    if (isConflict(expected, before?.version)) return { conflict: true };
    const bytes = Buffer.from(value as string);
    const size = Math.max(leastEntryBytes, name.length + bytes.length);
    const sizeBefore = before?.size ?? 0;
    const needed = row.bytes - sizeBefore + size;
    // What makes room is never refused, also where the quota has shrunk.
    if (needed > quota && size > sizeBefore) return { needed };
    const version = row.version + 1;
    this.#statements.put.run(row.number, name, typeof value === 'string' ? 1 : 0, bytes, size, version);
    this.#statements.setOwner.run(needed, version, row.number);
    return { version };
  }

  #delete({ owner, key, expected }: Operation<'delete'>): StateResults['delete'] {
    const row = this.#owner(owner);
    const name = Buffer.from(key);
    const before = row && this.#before(row, name);
    if (isConflict(expected, before?.version)) return { conflict: true };
    if (row === undefined || before === undefined) return { deleted: false };
    this.#statements.delete.run(row.number, name);
    this.#statements.setOwner.run(row.bytes - before.size, row.version, row.number);
    return { deleted: true };
  }

  #list({ owner, prefix, after, most }: Operation<'list'>): StateResults['list'] {
    const row = this.#owner(owner);
    if (row === undefined) return { entries: [], more: false };
    const begin = Buffer.from(prefix);
    const rows = this.#statements.list.all(row.number, Buffer.from(after), begin, endOf(begin), most + 1);
    const entries = rows.slice(0, most).map(({ key, version }) => ({ key: Buffer.from(key as Uint8Array).toString(), version: version as number }));
    return { entries, more: rows.length > most };
  }

  #owner({ namespace, actor }: Owner): OwnerRow | undefined {
    return this.#statements.owner.get(namespace, actor) as OwnerRow | undefined;
  }

  #before({ number }: OwnerRow, key: Buffer): { readonly size: number; readonly version: number } | undefined {
    return this.#statements.size.get(number, key) as { size: number; version: number } | undefined;
  }

  #transaction<T>(kind: 'IMMEDIATE' | 'DEFERRED', run: () => T): T {
    this.#database.exec(`BEGIN ${kind}`);
    try {
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

const isConflict = (expected: Expected, version: number | undefined): boolean => expected !== undefined && expected !== (version ?? null);

/** The first bytes that no key with this beginning has: UTF-8 has no byte 0xFF. */
const endOf = (prefix: Buffer): Buffer => {
  if (prefix.length === 0) return Buffer.of(0xff);
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) as number) + 1;
  return end;
};
