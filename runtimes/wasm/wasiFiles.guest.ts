/**
 * The functions of WASI preview 1 for files: descriptors of folders that are open from the start, and what is opened below them.
 * A path is cut here so that it cannot lead out of its folder; what lies behind it, the tree decides.
 */
import { errno } from '../guest/errno.ts';
import { allRights, createDescriptors, folderRights, type OpenFile, type OpenFolder, rights, type Standard } from './descriptors.guest.ts';
import { type Steps, wait } from './steps.guest.ts';
import { fromUtf8, toUtf8 } from './text.guest.ts';
import { fileType, joined, layStat, nanosecondsPerMillisecond, statBytes, sum, type Vector, writeEntries } from './wasiLayout.guest.ts';
import { type Entry, type Opening, Refusal, type Stat, type Times, type Tree } from './tree.guest.ts';

/** The memory of the plugin, as long as nothing is waited for. */
export interface Memory {
  view(): DataView;
  range(start: number, length: number): Uint8Array;
}

/** Returns 0, or waits; throws a {@link Refusal} for every other answer. */
export type FileFunction = (...args: never[]) => Steps<void> | undefined;

/** In the flags of a look-up. */
const follow = 1;
const openFlag = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
const flag = { append: 1, all: 31 } as const;
const timeFlag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
const from = { start: 0, here: 1, end: 2 } as const;

const largestPosition = BigInt(Number.MAX_SAFE_INTEGER);
/** Those of POSIX: what cannot be a path is not asked for. */
const longestPath = 4096;

export interface Preopen {
  readonly path: string;
  readonly tree: Tree;
}

/** Those of {@link createFileFunctions} that may wait for the host. Programs call the others before they can be suspended. */
export const waitingFunctions: ReadonlySet<string> = new Set(
  [
    'fd_allocate fd_close fd_datasync fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_pwrite fd_read fd_readdir fd_renumber',
    'fd_seek fd_sync fd_write path_create_directory path_filestat_get path_filestat_set_times path_open path_readlink path_remove_directory',
    'path_rename path_unlink_file',
  ].flatMap((names) => names.split(' ')),
);

/** @param standard input, output and errors */
export function createFileFunctions(standard: readonly Standard[], preopens: readonly Preopen[], memory: Memory): Readonly<Record<string, FileFunction>> {
  const descriptors = createDescriptors([
    ...standard,
    ...preopens.map(({ path, tree }) => ({ kind: 'folder', tree, path, name: path, rights: folderRights, inheriting: allRights }) as const),
  ]);
  /** What `fd_readdir` found when it began: a cookie is a place in it. */
  const listings = new WeakMap<OpenFolder, readonly Entry[]>();

  const setSize = (at: number, size: number): void => memory.view().setUint32(at >>> 0, size, true);

  /** Where a path of the program leads from a folder, and whether it can only be a folder there. */
  const resolve = (folder: OpenFolder, start: number, length: number): { tree: Tree; path: string; isFolder: boolean } => {
    if (length >>> 0 > longestPath) throw new Refusal(errno.ENAMETOOLONG);
    const text = fromUtf8(memory.range(start, length));
    if (text === null) throw new Refusal(errno.EILSEQ);
    if (text.includes('\0')) throw new Refusal(errno.EINVAL);
    if (text === '') throw new Refusal(errno.ENOENT);
    if (text.startsWith('/')) throw new Refusal(errno.ENOTCAPABLE);
    const names: string[] = [];
    const parts = text.split('/');
    for (const part of parts) {
      if (part === '' || part === '.') continue;
      if (part !== '..') names.push(part);
      else if (names.pop() === undefined) throw new Refusal(errno.ENOTCAPABLE);
    }
    const last = parts.at(-1) as string;
    const below = names.length === 0 ? '' : `/${names.join('/')}`;
    return { tree: folder.tree, path: folder.path === '/' ? below || '/' : folder.path + below, isFolder: last === '' || last === '.' || last === '..' };
  };
  const target = (number: number, start: number, length: number) => resolve(descriptors.folder(number), start, length);

  const writeStat = (at: number, stat: Stat): void => layStat(memory.range(at, statBytes), stat);

  const times = (accessed: bigint, modified: bigint, flags: number): Times => {
    const both = (one: number, other: number): boolean => (flags & one) !== 0 && (flags & other) !== 0;
    if (flags > 15 || both(timeFlag.accessed, timeFlag.accessedNow) || both(timeFlag.modified, timeFlag.modifiedNow)) throw new Refusal(errno.EINVAL);
    const millis = (time: bigint): number => Number(BigInt.asUintN(64, time) / nanosecondsPerMillisecond);
    return {
      ...(flags & timeFlag.accessed ? { accessed: millis(accessed) } : flags & timeFlag.accessedNow ? { accessed: Date.now() } : {}),
      ...(flags & timeFlag.modified ? { modified: millis(modified) } : flags & timeFlag.modifiedNow ? { modified: Date.now() } : {}),
    };
  };

  const position = (offset: bigint): number => {
    const place = BigInt.asUintN(64, offset);
    if (place > largestPosition) throw new Refusal(errno.EINVAL);
    return Number(place);
  };

  /** Parts of the memory that a list of so many vectors names. */
  const vectors = (start: number, count: number): Vector[] => {
    const list = memory.range(start, (count >>> 0) * 8);
    const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
    const parts = Array.from({ length: count >>> 0 }, (_, index) => ({ start: view.getUint32(index * 8, true), length: view.getUint32(index * 8 + 4, true) }));
    for (const { start, length } of parts) memory.range(start, length);
    return parts;
  };

  /** The pieces of the vectors that lie behind so many bytes, as far as so many more. */
  const pieces = (parts: readonly Vector[], skip: number, most: number): Uint8Array[] => {
    const found: Uint8Array[] = [];
    let before = skip;
    let left = most;
    for (const { start, length } of parts) {
      const here = Math.min(length - before, left);
      if (here > 0) {
        found.push(memory.range(start + before, here));
        left -= here;
      }
      before = Math.max(0, before - length);
    }
    return found;
  };

  function* read(file: OpenFile, parts: readonly Vector[], place: number): Steps<number> {
    const total = sum(parts);
    for (let done = 0; done < total; ) {
      const wanted = Math.min(file.tree.piece, total - done);
      const bytes = yield* wait(file.tree.read(file.handle, place + done, wanted));
      let taken = 0;
      for (const piece of pieces(parts, done, bytes.length)) {
        piece.set(bytes.subarray(taken, taken + piece.length));
        taken += piece.length;
      }
      done += bytes.length;
      if (bytes.length < wanted) return done;
    }
    return total;
  }

  function* write(file: OpenFile, parts: readonly Vector[], place: number | null): Steps<number> {
    const total = sum(parts);
    for (let done = 0; done < total; ) {
      const data = joined(pieces(parts, done, Math.min(file.tree.piece, total - done)));
      try {
        done += yield* wait(file.tree.write(file.handle, place === null ? null : place + done, data));
      } catch (error) {
        // What was written is told first; whoever goes on gets the error.
        if (done === 0 || !(error instanceof Refusal)) throw error;
        return done;
      }
    }
    return total;
  }

  function* sizeOf(file: OpenFile): Steps<number> {
    return (yield* wait(file.tree.handleStat(file.handle))).size;
  }

  /** For who wants to be led nowhere. */
  function* refuseLink(tree: Tree, path: string): Steps<void> {
    if ((yield* wait(tree.stat(path, false))).kind === 'link') throw new Refusal(errno.ELOOP);
  }

  function* open(tree: Tree, path: string, opening: Opening, asFolder: boolean): Steps<{ handle: number } | undefined> {
    if (asFolder) {
      if (opening.truncate || opening.access !== 'read') throw new Refusal(errno.EISDIR);
      const { kind } = yield* wait(tree.stat(path));
      if (kind !== 'folder') throw new Refusal(errno.ENOTDIR);
      return undefined;
    }
    try {
      return yield* wait(tree.open(path, opening));
    } catch (error) {
      const canBeFolder = opening.access === 'read' && !opening.create && !opening.truncate;
      if (!(error instanceof Refusal) || error.errno !== errno.EISDIR || !canBeFolder) throw error;
      return undefined;
    }
  }

  return {
    fd_prestat_get(number: number, at: number): undefined {
      const found = descriptors.get(number);
      if (found.kind !== 'folder' || found.name === undefined) throw new Refusal(errno.EBADF);
      memory.range(at, 8).fill(0);
      setSize(at + 4, toUtf8(found.name).length);
    },
    fd_prestat_dir_name(number: number, start: number, length: number): undefined {
      const found = descriptors.get(number);
      if (found.kind !== 'folder' || found.name === undefined) throw new Refusal(errno.EBADF);
      const name = toUtf8(found.name);
      if (length >>> 0 < name.length) throw new Refusal(errno.ENAMETOOLONG);
      memory.range(start, name.length).set(name);
    },

    *path_open(
      number: number,
      lookup: number,
      start: number,
      length: number,
      flags: number,
      wanted: bigint,
      inheriting: bigint,
      fileFlags: number,
      at: number,
    ) {
      const folder = descriptors.folder(number);
      const { tree, path, isFolder } = resolve(folder, start, length);
      const held = { rights: wanted & folder.inheriting, inheriting: inheriting & folder.inheriting };
      const reads = (held.rights & rights.read) !== 0n;
      const writes = (held.rights & (rights.write | rights.allocate | rights.resize)) !== 0n || (flags & (openFlag.create | openFlag.truncate)) !== 0;
      const asFolder = isFolder || (flags & openFlag.folder) !== 0;
      if ((flags & openFlag.create) !== 0 && (flags & openFlag.folder) !== 0) throw new Refusal(errno.EINVAL);
      if ((flags & openFlag.truncate) !== 0 && (folder.rights & rights.truncateByPath) === 0n) throw new Refusal(errno.ENOTCAPABLE);
      const opening: Opening = {
        access: writes ? (reads ? 'read-write' : 'write') : 'read',
        ...(flags & openFlag.create ? { create: true } : {}),
        ...(flags & openFlag.exclusive ? { exclusive: true } : {}),
        ...(flags & openFlag.truncate ? { truncate: true } : {}),
        ...(fileFlags & flag.append && writes ? { append: true } : {}),
      };
      if (!(lookup & follow) && !isFolder && !(flags & openFlag.create)) yield* refuseLink(tree, path);
      const file = yield* open(tree, path, opening, asFolder);
      const opened = fileFlags & flag.all;
      setSize(
        at,
        descriptors.add(
          file === undefined
            ? { kind: 'folder', tree, path, name: undefined, rights: held.rights & folderRights, inheriting: held.inheriting }
            : { kind: 'file', tree, path, handle: file.handle, position: 0, flags: opened, opened, ...held },
        ),
      );
    },

    *fd_close(number: number) {
      const found = descriptors.get(number);
      if (found.kind === 'standard') return;
      descriptors.remove(number);
      if (found.kind === 'file') yield* wait(found.tree.close(found.handle));
    },
    *fd_renumber(number: number, to: number) {
      descriptors.get(number);
      const replaced = descriptors.get(to);
      if (number === to) return;
      descriptors.move(number, to);
      if (replaced.kind === 'file') yield* wait(replaced.tree.close(replaced.handle));
    },

    *fd_read(number: number, start: number, count: number, at: number) {
      const found = descriptors.get(number);
      if (found.kind === 'standard') {
        if (found.print !== undefined) throw new Refusal(errno.EBADF);
        return setSize(at, 0);
      }
      const file = descriptors.file(number, rights.read);
      const total = yield* read(file, vectors(start, count), file.position);
      file.position += total;
      setSize(at, total);
    },
    *fd_pread(number: number, start: number, count: number, offset: bigint, at: number) {
      setSize(at, yield* read(descriptors.file(number, rights.read), vectors(start, count), position(offset)));
    },
    *fd_write(number: number, start: number, count: number, at: number) {
      const found = descriptors.get(number);
      if (found.kind === 'standard') {
        const parts = vectors(start, count);
        if (found.print === undefined) throw new Refusal(errno.EBADF);
        for (const piece of pieces(parts, 0, sum(parts))) found.print(piece);
        return setSize(at, sum(parts));
      }
      const file = descriptors.file(number, rights.write);
      const append = (file.flags & flag.append) !== 0;
      const place = append ? ((file.opened & flag.append) !== 0 ? null : yield* sizeOf(file)) : file.position;
      const total = yield* write(file, vectors(start, count), place);
      file.position = append ? yield* sizeOf(file) : file.position + total;
      setSize(at, total);
    },
    *fd_pwrite(number: number, start: number, count: number, offset: bigint, at: number) {
      setSize(at, yield* write(descriptors.file(number, rights.write), vectors(start, count), position(offset)));
    },

    *fd_seek(number: number, offset: bigint, whence: number, at: number) {
      const file = descriptors.file(number);
      if (whence > from.end) throw new Refusal(errno.EINVAL);
      const base = whence === from.start ? 0 : whence === from.here ? file.position : yield* sizeOf(file);
      const place = BigInt(base) + BigInt.asIntN(64, offset);
      if (place < 0n || place > largestPosition) throw new Refusal(errno.EINVAL);
      file.position = Number(place);
      memory.view().setBigUint64(at >>> 0, place, true);
    },
    fd_tell(number: number, at: number): undefined {
      memory.view().setBigUint64(at >>> 0, BigInt(descriptors.file(number).position), true);
    },

    fd_fdstat_get(number: number, at: number): undefined {
      const found = descriptors.get(number);
      memory.range(at, 24).fill(0);
      const view = memory.view();
      view.setUint8(at >>> 0, { standard: fileType.characters, folder: fileType.folder, file: fileType.file }[found.kind]);
      if (found.kind === 'standard') return;
      view.setUint16((at >>> 0) + 2, found.kind === 'file' ? found.flags : 0, true);
      view.setBigUint64((at >>> 0) + 8, found.rights, true);
      view.setBigUint64((at >>> 0) + 16, found.inheriting, true);
    },
    fd_fdstat_set_flags(number: number, flags: number): undefined {
      const found = descriptors.get(number);
      if (found.kind === 'standard') return;
      if (found.kind === 'folder' || flags > flag.all) throw new Refusal(errno.EINVAL);
      // What the host has opened to be appended to, it writes nowhere else.
      if ((found.opened & flag.append) !== 0 && (flags & flag.append) === 0) throw new Refusal(errno.ENOTSUP);
      found.flags = flags;
    },
    fd_fdstat_set_rights(number: number, base: bigint, inheriting: bigint): undefined {
      const found = descriptors.get(number);
      if (found.kind === 'standard') throw new Refusal(errno.ENOTCAPABLE);
      if ((base & ~found.rights) !== 0n || (inheriting & ~found.inheriting) !== 0n) throw new Refusal(errno.ENOTCAPABLE);
      found.rights = base;
      found.inheriting = inheriting;
    },

    *fd_filestat_get(number: number, at: number) {
      const found = descriptors.get(number);
      if (found.kind === 'standard') {
        memory.range(at, 64).fill(0);
        memory.view().setUint8((at >>> 0) + 16, fileType.characters);
        return;
      }
      writeStat(at, yield* wait(found.kind === 'file' ? found.tree.handleStat(found.handle) : found.tree.stat(found.path)));
    },
    *fd_filestat_set_size(number: number, size: bigint) {
      const file = descriptors.file(number, rights.write);
      yield* wait(file.tree.resize(file.handle, position(size)));
    },
    *fd_filestat_set_times(number: number, accessed: bigint, modified: bigint, flags: number) {
      const found = descriptors.get(number);
      if (found.kind === 'standard') throw new Refusal(errno.EBADF);
      yield* wait(found.tree.times(found.path, times(accessed, modified, flags)));
    },
    *fd_allocate(number: number, offset: bigint, length: bigint) {
      const file = descriptors.file(number, rights.write);
      if (BigInt.asUintN(64, length) === 0n) throw new Refusal(errno.EINVAL);
      const end = position(BigInt.asUintN(64, offset) + BigInt.asUintN(64, length));
      if (end > (yield* sizeOf(file))) yield* wait(file.tree.resize(file.handle, end));
    },
    fd_advise(number: number, _offset: bigint, _length: bigint, advice: number): undefined {
      descriptors.file(number);
      if (advice > 5) throw new Refusal(errno.EINVAL);
    },
    *fd_sync(number: number) {
      const found = descriptors.get(number);
      if (found.kind === 'file') yield* wait(found.tree.sync(found.handle));
    },
    *fd_datasync(number: number) {
      const found = descriptors.get(number);
      if (found.kind === 'file') yield* wait(found.tree.sync(found.handle));
    },

    *fd_readdir(number: number, start: number, length: number, cookie: bigint, at: number) {
      const folder = descriptors.folder(number);
      const place = position(cookie);
      if (place === 0 || !listings.has(folder)) {
        const { id } = yield* wait(folder.tree.stat(folder.path));
        const below = yield* wait(folder.tree.list(folder.path));
        listings.set(folder, [{ name: '.', kind: 'folder', id }, { name: '..', kind: 'folder', id: 0 }, ...below]);
      }
      const entries = (listings.get(folder) as readonly Entry[]).slice(place);
      setSize(at, writeEntries(memory.range(start, length), entries, place));
    },

    *path_create_directory(number: number, start: number, length: number) {
      const { tree, path } = target(number, start, length);
      yield* wait(tree.makeFolder(path));
    },
    *path_remove_directory(number: number, start: number, length: number) {
      const { tree, path } = target(number, start, length);
      yield* wait(tree.remove(path, true));
    },
    *path_unlink_file(number: number, start: number, length: number) {
      const { tree, path, isFolder } = target(number, start, length);
      if (isFolder) throw new Refusal((yield* wait(tree.stat(path))).kind === 'folder' ? errno.EISDIR : errno.ENOTDIR);
      yield* wait(tree.remove(path, false));
    },
    *path_rename(number: number, start: number, length: number, toNumber: number, toStart: number, toLength: number) {
      const source = target(number, start, length);
      const goal = target(toNumber, toStart, toLength);
      if (source.tree !== goal.tree) throw new Refusal(errno.EXDEV);
      if ((source.isFolder || goal.isFolder) && (yield* wait(source.tree.stat(source.path))).kind !== 'folder') throw new Refusal(errno.ENOTDIR);
      yield* wait(source.tree.rename(source.path, goal.path));
    },
    *path_filestat_get(number: number, lookup: number, start: number, length: number, at: number) {
      const { tree, path, isFolder } = target(number, start, length);
      const stat = yield* wait(tree.stat(path, isFolder || (lookup & follow) !== 0));
      if (isFolder && stat.kind !== 'folder') throw new Refusal(errno.ENOTDIR);
      writeStat(at, stat);
    },
    *path_filestat_set_times(number: number, _lookup: number, start: number, length: number, accessed: bigint, modified: bigint, flags: number) {
      const { tree, path } = target(number, start, length);
      yield* wait(tree.times(path, times(accessed, modified, flags)));
    },
    *path_readlink(number: number, start: number, length: number) {
      const { tree, path } = target(number, start, length);
      yield* wait(tree.stat(path));
      throw new Refusal(errno.EINVAL);
    },
    ...Object.fromEntries(
      ['sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'].map((name) => [
        name,
        (number: number): never => {
          descriptors.get(number);
          throw new Refusal(errno.ENOTSOCK);
        },
      ]),
    ),
    path_link(number: number, _flags: number, start: number, length: number, toNumber: number): never {
      target(number, start, length);
      descriptors.folder(toNumber);
      throw new Refusal(errno.ENOTSUP);
    },
    path_symlink(_start: number, _length: number, number: number): never {
      descriptors.folder(number);
      throw new Refusal(errno.ENOTSUP);
    },
  };
}
