/** Folders and names: listed, made, moved, removed. */
import type { FileStatus } from '../../../runtimes/fileStatus.ts';
import type { Dirent } from 'node:fs';
import { codeOf, FileFailure } from './failure.ts';
import type { Root } from './mounts.ts';
import { type Entry, Page } from './page.ts';
import { isName, namesOf, pathOf } from './path.ts';
import type { RequestOf } from './requests.ts';
import { type Name, release } from './system.ts';
import type { Visit } from './visit.ts';
import type { Place } from './walk.ts';

/** Entries of one folder that are looked at, and folders within each other that are removed at once. */
const most = { entries: 100_000, depth: 256 } as const;
/** Entries of one answer. */
const mostOnPage = 10_000;

export class Tree {
  readonly #visit: Visit;

  constructor(visit: Visit) {
    this.#visit = visit;
  }

  async stat({ path, follow = true }: RequestOf<'stat'>): Promise<FileStatus> {
    if (this.#isAboveMounts(path)) return aboveMounts;
    using place = await this.#visit.place(path, 'read', { follow });
    const { object, root } = place;
    if (object?.stats.isSymbolicLink()) return this.#visit.status(object.stats, root);
    return this.#visit.status(this.#visit.usable(place).stats, root);
  }

  /** Sorted by name. Names that no guest could write are left out. */
  async list({ path, after = '', most: wanted = mostOnPage }: RequestOf<'list'>): Promise<{ entries: readonly Entry[]; more: boolean }> {
    const page = new Page(after, Math.min(wanted, mostOnPage));
    const mounts = new Set(this.#visit.mounts.namesBelow(pathOf(namesOf(path))));
    for (const name of mounts) page.add({ name, kind: 'folder' });
    if (!this.#isAboveMounts(path)) await this.#entries(path, (entry) => mounts.has(entry.name) || page.add(entry));
    const { entries, more } = page.end();
    const fitting = this.#fitting(entries);
    return { entries: fitting, more: more || fitting.length < entries.length };
  }

  async makeFolder({ path, recursive = false }: RequestOf<'makeFolder'>): Promise<{ created: string | null }> {
    const root = await this.#visit.root(path, 'write');
    if (!recursive) {
      if (!(await this.#makeOne(root, path))) throw new FileFailure('EEXIST');
      return { created: pathOf(namesOf(path)) };
    }
    const names = namesOf(path);
    let created: string | null = null;
    for (let depth = namesOf(root.rule.guest).length + 1; depth <= names.length; depth++) {
      const folder = pathOf(names.slice(0, depth));
      if (await this.#makeOne(root, folder, true)) created ??= folder;
    }
    return { created };
  }

  async remove({ path, recursive = false, force = false, folder }: RequestOf<'remove'>): Promise<null> {
    using place = await this.#visit.place(path, 'write', { follow: false }).catch((error: unknown) => {
      if (force && codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (place?.object === undefined) {
      if (force) return null;
      throw new FileFailure('ENOENT');
    }
    this.#demandMovable(place);
    const isFolder = place.object.stats.isDirectory();
    if (isFolder && folder === false) throw new FileFailure('EISDIR');
    if (!isFolder && folder === true) throw new FileFailure('ENOTDIR');
    if (isFolder && folder !== true && !recursive) throw new FileFailure('EISDIR');
    if (isFolder && recursive) await this.#empty(place, place.object.descriptor, most.depth);
    await this.#removeOne(place, place.folder, place.name, isFolder);
    return null;
  }

  async rename({ from, to }: RequestOf<'rename'>): Promise<null> {
    const { system, usage } = this.#visit;
    using source = await this.#visit.place(from, 'write', { follow: false });
    using target = await this.#visit.place(to, 'write', { follow: false });
    if (source.object === undefined) throw new FileFailure('ENOENT');
    if (source.root !== target.root) throw new FileFailure('EXDEV', 'two folders that were granted each by itself');
    this.#demandMovable(source);
    this.#demandMovable(target);
    await system.rename(source.folder, source.name, target.folder, target.name);
    const [moved, replaced] = [source.object.stats, target.object?.stats];
    if (replaced !== undefined && (replaced.ino !== moved.ino || replaced.dev !== moved.dev)) usage.unlinked(target.real, replaced);
    usage.moved(source.real, target.real);
    return null;
  }

  async times({ path, accessed, modified }: RequestOf<'times'>): Promise<null> {
    using place = await this.#visit.place(path, 'write');
    const { descriptor, stats } = this.#visit.usable(place);
    const seconds = (milliseconds: number | undefined, before: bigint): number => (milliseconds ?? Number(before) / 1e6) / 1000;
    await this.#visit.system.times(descriptor, seconds(accessed, stats.atimeNs), seconds(modified, stats.mtimeNs));
    return null;
  }

  /** A folder that is no mount, but leads to some: it shows their names and nothing else. */
  #isAboveMounts(path: string): boolean {
    const { mounts } = this.#visit;
    const normal = pathOf(namesOf(path));
    return mounts.of(normal) === undefined && mounts.holds(normal);
  }

  /** A mount stands where it stands, and so does what leads to it. @throws FileFailure EBUSY */
  #demandMovable(place: Place): void {
    if (place.name === '' || this.#visit.mounts.holds(place.path)) throw new FileFailure('EBUSY', 'a folder that was granted stays where it is');
  }

  async #entries(path: string, tell: (entry: Entry) => void): Promise<void> {
    const visit = this.#visit;
    using place = await visit.place(path, 'read');
    const { descriptor, stats } = visit.usable(place);
    if (!stats.isDirectory()) throw new FileFailure('ENOTDIR');
    let count = 0;
    await this.#each(descriptor, (entry, name) => {
      if (++count > most.entries) throw new FileFailure('EFBIG', `the folder holds more than ${most.entries} entries`);
      const text = name.toString();
      if (isName(text) && Buffer.from(text).equals(name)) tell({ name: text, kind: kindOf(entry) });
    });
  }

  /** As many as one message carries. */
  #fitting(entries: readonly Entry[]): readonly Entry[] {
    let left = this.#visit.call.grant.limits.message - 64;
    const fitting: Entry[] = [];
    for (const entry of entries) {
      left -= Buffer.byteLength(entry.name) + 32;
      if (left < 0) break;
      fitting.push(entry);
    }
    if (fitting.length === 0 && entries.length > 0) throw new FileFailure('EFBIG', 'not one entry fits into a message of this actor');
    return fitting;
  }

  async #each(folder: number, visit: (entry: Dirent, name: Buffer) => void): Promise<void> {
    const { system } = this.#visit;
    const listing = await system.entries(folder);
    try {
      for (let entries = await system.next(listing); entries.length > 0; entries = await system.next(listing)) {
        this.#visit.goOn();
        for (const entry of entries) visit(entry, entry.name as unknown as Buffer);
      }
    } finally {
      await listing.close();
    }
  }

  /** @returns whether it was made; false where a folder is already, if that is well */
  async #makeOne(root: Root, path: string, existing = false): Promise<boolean> {
    const { system, usage } = this.#visit;
    using place = await this.#visit.within(root, path, 'write');
    const { object, folder, name, real } = place;
    if (object !== undefined) {
      if (existing && !object.stats.isDirectory()) throw new FileFailure('ENOTDIR');
      return false;
    }
    const reservation = await usage.reserve(system, root, real, { bytes: 0, entries: 1 });
    try {
      await system.makeFolder(folder, name);
      reservation.used({ bytes: 0, entries: 1 });
      return true;
    } catch (error) {
      reservation.used({ bytes: 0, entries: 0 });
      // Another has made it meanwhile.
      if (existing && codeOf(error) === 'EEXIST') return this.#makeOne(root, path, existing);
      throw error;
    }
  }

  async #empty(place: Place, folder: number, depth: number): Promise<void> {
    if (depth === 0) throw new FileFailure('ENAMETOOLONG', 'the folder is nested too deeply to be removed at once');
    const { system } = this.#visit;
    const found: { name: Name; isFolder: boolean }[] = [];
    await this.#each(folder, (entry, name) => {
      if (found.length < most.entries) found.push({ name, isFolder: entry.isDirectory() });
    });
    for (const { name, isFolder } of found) {
      this.#visit.goOn();
      if (isFolder) {
        const inner = await system.folder(folder, name);
        try {
          await this.#empty(place, inner, depth - 1);
        } finally {
          release(inner);
        }
      }
      await this.#removeOne(place, folder, name, isFolder);
    }
  }

  async #removeOne({ root, real }: Place, folder: number, name: Name, isFolder: boolean): Promise<void> {
    const { system, usage } = this.#visit;
    const stats = usage.concerns(root, real) ? await system.statOf(folder, name) : undefined;
    await (isFolder ? system.removeFolder(folder, name) : system.unlink(folder, name));
    if (stats !== undefined) usage.unlinked(real, stats);
  }
}

const kindOf = (entry: Dirent): Entry['kind'] => {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
};

const aboveMounts: FileStatus = { kind: 'folder', size: 0, modified: 0, accessed: 0, created: 0, writable: false, id: 0 };
