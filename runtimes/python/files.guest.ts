/**
 * The files of a Python actor: Emscripten's own, in memory, for what the interpreter and `/tmp` need, and the host's for every
 * other path. The host decides; what was granted is known here only so that `os.listdir('/')` can show it.
 *
 * Emscripten walks a path name by name, and asks several times on the way. So the functions that take a path are replaced by
 * ones that ask the host once. The operations of nodes are for links in memory that lead to the host. All of it lies within the
 * reach of the guest, and does nothing that the guest may not do anyway.
 */
import type { FileKind, FileStatus } from '../fileStatus.ts';
import { decodeGuest, encodeGuest } from '../guest/codec.ts';
import { errno } from '../guest/errno.ts';
import { describe, hostError } from '../guest/failure.ts';
import { errnoOf } from '../guest/fileFailure.ts';
import type { Kernel } from '../guest/kernel.ts';
import { apply, bufferOf, byteOffsetOf, DateIntrinsic, floor, indexOf, min, split, stringify, table, Uint8ArrayIntrinsic } from '../guest/primordials.ts';
import { type Attributes, ErrnoError, type FileSystem, kinds, type Node, openFlags, type Stream } from './emscripten.guest.ts';
import { firstNameOf, isAbsolute, isUnder, nameOf, normalized, parentOf } from './paths.guest.ts';

export interface Files {
  /** The last refusal that Python was told by its number alone: an error record as JSON. Once. */
  refusal(): string | undefined;
}

/** What a stream has open in the host. */
interface Opened {
  /** undefined for a folder */
  readonly handle: number | undefined;
  /** Descriptors. */
  uses: number;
}

interface Opening {
  readonly opened: Opened;
  readonly node: HostNode;
  /** What lies in a folder. */
  readonly names?: string[];
}

interface HostNode extends Node {
  readonly path: string;
  /** What is known of it and was not asked for yet. */
  fresh: FileStatus | undefined;
  /** The kinds of what lies in an open folder, by name. */
  entries: Record<string, FileKind> | undefined;
}

/** What the interpreter lives on: nothing of the host may lie there. */
const interpreters = ['actor', 'dev', 'lib', 'proc'];

/** So much of a file crosses in one call, at most, and what the message takes beside it. Bytes. */
const largestPiece = 512 * 1024;
const besidePiece = 1024;

/** Refusals of which Python makes an error of its own, see vivarium.py. */
const told = [errno.ENOTCAPABLE, errno.EDQUOT, errno.EMFILE] as readonly number[];

/** As the interpreter sees it in `st_dev`; memory is 1. */
const hostDevice = 2;

const accesses = ['read', 'write', 'read-write', 'read-write'];

/** To be called when nothing but the interpreter's own files lies in memory. @throws HostError actor.start */
export function mountFiles(kernel: Kernel, files: FileSystem): Files {
  const { budget } = kernel;
  const { mounts, limits } = kernel.settings;
  const piece = min(largestPiece, limits.message - besidePiece);
  let refusal: string | undefined;

  const ask = <T>(perform: (turn: number) => T): T => {
    try {
      return perform(kernel.current()?.id ?? 0);
    } catch (error) {
      const number = errnoOf(error);
      for (let i = 0; i < told.length; i++) if (told[i] === number) refusal = stringify(describe(error));
      throw new ErrnoError(number);
    }
  };
  const requestOf = (operation: string) => ({ is: 'call', capability: 'filesystem', operation }) as const;
  const call = (operation: string, input: object): unknown =>
    ask((turn) => {
      return decodeGuest(kernel.calls.callSynchronously(turn, requestOf(operation), encodeGuest(input, budget)), budget);
    });

  // Where a path leads.

  const inMemory = table<true>();
  const names = files.readdir('/');
  for (let i = 0; i < names.length; i++) inMemory[names[i] as string] = true;
  for (let i = 0; i < mounts.length; i++) {
    const path = (mounts[i] as { path: string }).path;
    for (let j = 0; j < interpreters.length; j++) {
      if (isUnder(`/${interpreters[j]}`, path))
        throw hostError(
          'actor.start',
          `the interpreter of Python has files of its own at \`/${interpreters[j]}\``,
          `filesystem: another place than \`${path}\``,
        );
    }
  }

  /** The path as the host knows it; undefined for what lies in memory. */
  const hosted = (path: unknown): string | undefined => {
    if (typeof path !== 'string' || path === '') return undefined;
    const absolute = normalized(isAbsolute(path) ? path : `${files.cwd()}/${path}`);
    for (let i = 0; i < mounts.length; i++) {
      const mount = (mounts[i] as { path: string }).path;
      if (mount === '/' ? absolute === '/' : isUnder(mount, absolute)) return absolute;
    }
    return absolute === '/' || inMemory[firstNameOf(absolute)] === true ? undefined : absolute;
  };

  // What Emscripten keeps of a file.

  const top = new files.FSNode(null, '/', kinds.folder, 0) as HostNode;
  top.mount = { mountpoint: '/', mounts: [] };

  const nodeOf = (path: string, kind: FileKind, fresh?: FileStatus): HostNode => {
    const node = new files.FSNode(top, nameOf(path), modeOf(kind, fresh?.writable ?? true), 0) as HostNode & { path: string };
    node.path = path;
    node.fresh = fresh;
    node.node_ops = nodeOperations;
    node.stream_ops = streamOperations;
    return node;
  };

  const statOf = (path: string, follow = true): FileStatus => call('stat', follow ? { path } : { path, follow }) as FileStatus;
  const find = (path: string, follow = true): HostNode => {
    const stat = statOf(path, follow);
    return nodeOf(path, stat.kind, stat);
  };

  const attributesOf = (node: HostNode, known: () => FileStatus): object => {
    const stat = node.fresh ?? known();
    node.fresh = undefined;
    node.mode = modeOf(stat.kind, stat.writable);
    const modified = new DateIntrinsic(stat.modified);
    const times = { atime: new DateIntrinsic(stat.accessed), mtime: modified, ctime: modified };
    return {
      dev: hostDevice,
      ino: stat.id,
      mode: node.mode,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: stat.size,
      ...times,
      blksize: 4096,
      blocks: floor((stat.size + 511) / 512),
    };
  };

  /** Modes and owners are the host's: to change them changes nothing, as on file systems that have none. */
  const setAttributes = (file: object, path: string, { size, atime, mtime }: Attributes): void => {
    if (size !== undefined) call('truncate', { ...file, size });
    const times = table<number>();
    if (typeof atime === 'number') times['accessed'] = floor(atime);
    if (typeof mtime === 'number') times['modified'] = floor(mtime);
    if (typeof atime === 'number' || typeof mtime === 'number') call('times', { path, ...times });
  };

  const list = (path: string): { names: string; entries: Record<string, FileKind> } => {
    let names = './..';
    const entries = table<FileKind>();
    let after: string | undefined;
    for (;;) {
      const page = call('list', after === undefined ? { path } : { path, after }) as { entries: { name: string; kind: FileKind }[]; more: boolean };
      for (let i = 0; i < page.entries.length; i++) {
        const { name, kind } = page.entries[i] as (typeof page.entries)[number];
        names += `/${name}`;
        entries[name] = kind;
        after = name;
      }
      if (!page.more || page.entries.length === 0) return { names, entries };
    }
  };

  const remove = (path: string, folder: boolean): void => void call('remove', { path, folder });
  const rename = (from: string, to: string): void => void call('rename', { from, to });
  const make = (path: string, mode: number): HostNode => {
    const kind = (mode & kinds.mask) === kinds.folder ? 'folder' : 'file';
    if (kind === 'folder') call('makeFolder', { path });
    else if ((mode & kinds.mask) !== kinds.file) throw new ErrnoError(errno.EPERM);
    else call('writeFile', { path, data: new Uint8ArrayIntrinsic(0), exclusive: true });
    return nodeOf(path, kind);
  };

  const openFile = (path: string, flags: number): Opening => {
    const input = table<unknown>();
    input['path'] = path;
    const isRead = (flags & openFlags.access) === 0;
    // Who makes or empties a file writes to it.
    input['access'] = isRead && flags & (openFlags.create | openFlags.truncate) ? 'read-write' : accesses[flags & openFlags.access];
    if (flags & openFlags.create) input['create'] = true;
    if (flags & openFlags.exclusive) input['exclusive'] = true;
    if (flags & openFlags.truncate) input['truncate'] = true;
    if (flags & openFlags.append) input['append'] = true;
    const { handle, stat } = call('open', input) as { handle: number; stat: FileStatus };
    return { opened: { handle, uses: 1 }, node: nodeOf(path, stat.kind, stat) };
  };

  /** To be read: what lies in it is asked for once, and its kinds are kept for the questions that Emscripten asks of each name. */
  const openFolder = (path: string): Opening => {
    const { names, entries } = list(path);
    const node = nodeOf(path, 'folder');
    node.entries = entries;
    return { opened: { handle: undefined, uses: 1 }, node, names: split(names, '/') };
  };

  const open = (path: string, flags: number): Opening => {
    if (flags & openFlags.directory) return openFolder(path);
    try {
      return openFile(path, flags);
    } catch (error) {
      // A folder can be opened like a file that is only read, and then refuses to be read.
      if ((error as ErrnoError).errno !== errno.EISDIR || flags & (openFlags.access | openFlags.create)) throw error;
      return { opened: { handle: undefined, uses: 1 }, node: find(path) };
    }
  };

  const under = (parent: Node, name: string): string => `${(parent as HostNode).path === '/' ? '' : (parent as HostNode).path}/${name}`;
  let moved: Node | undefined;

  const nodeOperations = {
    getattr: (node: HostNode) => attributesOf(node, () => statOf(node.path)),
    setattr: (node: HostNode, attributes: Attributes) => setAttributes({ path: node.path }, node.path, attributes),
    lookup(parent: HostNode, name: string): Node {
      const kind = parent.entries?.[name];
      return kind === undefined ? find(under(parent, name)) : nodeOf(under(parent, name), kind);
    },
    /** Where a link leads is not told: whoever follows it, follows it. */
    readlink(node: HostNode): string {
      if ((node.mode & kinds.mask) !== kinds.link) throw new ErrnoError(errno.EINVAL);
      return node.path;
    },
    readdir: (node: HostNode) => split(list(node.path).names, '/'),
    mknod: (parent: Node, name: string, mode: number) => make(under(parent, name), mode),
    unlink: (parent: Node, name: string) => remove(under(parent, name), false),
    rmdir: (parent: Node, name: string) => remove(under(parent, name), true),
    rename(node: HostNode, parent: Node, name: string) {
      rename(node.path, under(parent, name));
      // Emscripten will keep it under a name that no path can have, until the next one takes its place.
      if (moved !== undefined) files.hashRemoveNode(moved);
      moved = node;
      node.name = '';
    },
  };

  const openedBy = (stream: Stream): Opened => stream.shared['opened'] as Opened;
  const handleOf = (stream: Stream): number => {
    const { handle } = openedBy(stream);
    if (handle === undefined) throw new ErrnoError(errno.EISDIR);
    return handle;
  };

  const streamOperations = {
    open(stream: Stream) {
      const node = stream.node as HostNode;
      stream.shared['opened'] = open(node.path, stream.flags).opened;
    },
    dup(stream: Stream) {
      openedBy(stream).uses++;
    },
    close(stream: Stream) {
      const opened = openedBy(stream);
      if (--opened.uses === 0 && opened.handle !== undefined) call('close', { handle: opened.handle });
    },
    getattr(stream: Stream) {
      const node = stream.node as HostNode;
      const { handle } = openedBy(stream);
      return attributesOf(node, () => (handle === undefined ? statOf(node.path) : (call('handleStat', { handle }) as FileStatus)));
    },
    setattr: (stream: Stream, attributes: Attributes) => setAttributes({ handle: handleOf(stream) }, (stream.node as HostNode).path, attributes),
    read(stream: Stream, memory: Uint8Array, offset: number, length: number, position: number): number {
      const handle = handleOf(stream);
      let read = 0;
      while (read < length) {
        const wanted = min(piece, length - read);
        const input = encodeGuest({ handle, position: position + read, length: wanted }, budget);
        const target = new Uint8ArrayIntrinsic(bufferOf(memory), byteOffsetOf(memory) + offset + read, wanted);
        const got = ask((turn) => kernel.calls.callSynchronouslyForBytes(turn, requestOf('read'), input, target));
        read += got;
        // Less than was asked for is all that there is.
        if (got < wanted) break;
      }
      return read;
    },
    write(stream: Stream, memory: Uint8Array, offset: number, length: number, position: number): number {
      const handle = handleOf(stream);
      let written = 0;
      while (written < length) {
        const data = new Uint8ArrayIntrinsic(bufferOf(memory), byteOffsetOf(memory) + offset + written, min(piece, length - written));
        try {
          const at = stream.flags & openFlags.append ? null : position + written;
          written += (call('write', { handle, position: at, data }) as { written: number }).written;
        } catch (error) {
          // What was written is told first; whoever goes on gets the error.
          if (written === 0) throw error;
          refusal = undefined;
          break;
        }
      }
      return written;
    },
    llseek(stream: Stream, offset: number, from: number): number {
      const { handle } = openedBy(stream);
      const end = from === 2 && handle !== undefined ? (call('handleStat', { handle }) as FileStatus).size : 0;
      const position = offset + (from === 1 ? stream.position : end);
      if (position < 0) throw new ErrnoError(errno.EINVAL);
      return position;
    },
    fsync(stream: Stream): number {
      const { handle } = openedBy(stream);
      if (handle !== undefined) call('sync', { handle });
      return 0;
    },
  };

  for (let i = 0; i < mounts.length; i++) {
    const path = (mounts[i] as { path: string }).path;
    if (path === '/') continue;
    files.mkdirTree(path);
    if (!files.isMountpoint(files.lookupPath(path).node as Node)) files.mount({ mount: () => rootOf(path) }, {}, path);
  }

  /** Emscripten takes for the root of a mount what is its own parent. */
  function rootOf(path: string): Node {
    const node = nodeOf(path, 'folder');
    node.parent = node;
    return node;
  }

  replacePaths();
  boundMemory(files);
  return {
    refusal() {
      const last = refusal;
      refusal = undefined;
      return last;
    },
  };

  function replacePaths(): void {
    const original = { ...files };
    /** The same function for paths of the host, and Emscripten's for all others. */
    const replace = (name: 'mkdir' | 'readdir' | 'rmdir' | 'truncate' | 'unlink', ours: (path: string, argument: number) => unknown): void => {
      const emscriptens = original[name];
      files[name] = ((path: unknown, ...rest: never[]) => {
        const file = hosted(path);
        return file === undefined ? apply(emscriptens, files, [path, ...rest] as never) : ours(file, rest[0] as unknown as number);
      }) as never;
    };
    replace('mkdir', (path) => make(path, kinds.folder));
    replace('readdir', (path) => split(list(path).names, '/'));
    replace('rmdir', (path) => remove(path, true));
    replace('truncate', (path, size) => void call('truncate', { path, size }));
    replace('unlink', (path) => remove(path, false));

    files.lookupPath = (path, options) => {
      const file = hosted(path);
      if (file === undefined) return original.lookupPath(path, options);
      // Whether the folder is one, the operation itself is told.
      if (options?.parent) return { path: parentOf(file), node: parentOf(file) === '/' ? top : nodeOf(parentOf(file), 'folder') };
      try {
        return { path: file, node: find(file, options?.follow === true) };
      } catch (error) {
        if (options?.noent_okay && (error as ErrnoError).errno === errno.ENOENT) return { path: file };
        throw error;
      }
    };

    files.rename = (from, to) => {
      const [old, next] = [hosted(from), hosted(to)];
      if (old === undefined && next === undefined) original.rename(from, to);
      else if (old === undefined || next === undefined) throw new ErrnoError(errno.EXDEV);
      else rename(old, next);
    };

    files.open = (path, flags, ...rest) => {
      const file = hosted(path);
      if (file === undefined || typeof flags !== 'number') return original.open(path, flags, ...rest);
      const { opened, node, names } = open(file, flags);
      const kept = { node, path: file, flags: flags & ~openFlags.once, stream_ops: streamOperations, getdents: names };
      const stream = files.createStream({ ...kept, seekable: true, position: 0, ungotten: [] });
      stream.shared['opened'] = opened;
      return stream;
    };

    files.getPath = (node) => (node as HostNode).path ?? original.getPath(node);
    files.nodePermissions = (node, wanted) =>
      (node as HostNode).path !== undefined && indexOf(wanted, 'w') >= 0 && (node.mode & 0o222) === 0 ? errno.EACCES : original.nodePermissions(node, wanted);
  }
}

/** A file in memory that gets no more of it is a full disk; otherwise the interpreter would fall. */
function boundMemory({ filesystems: { MEMFS } }: FileSystem): void {
  const bounded = <Args extends never[], Result>(run: (...args: Args) => Result) =>
    function (this: unknown, ...args: Args): Result {
      try {
        return apply(run as never, this, args) as Result;
      } catch (error) {
        throw (error as ErrnoError).name === 'ErrnoError' ? error : new ErrnoError(errno.ENOSPC);
      }
    };
  MEMFS.resizeFileStorage = bounded(MEMFS.resizeFileStorage);
  MEMFS.ops_table.file.stream.write = bounded(MEMFS.ops_table.file.stream.write);
}

const modeOf = (kind: FileKind, writable: boolean): number => {
  if (kind === 'link') return kinds.link | 0o777;
  return (kind === 'folder' ? kinds.folder | 0o111 : kinds.file) | (writable ? 0o666 : 0o444);
};
