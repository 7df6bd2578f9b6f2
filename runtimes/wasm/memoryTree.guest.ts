/** The private `/tmp` of a plugin: files in memory that go with the instance. */
import { errno } from '../guest/errno.ts';
import { type Opening, Refusal, type Stat, type Times, type Tree } from './tree.guest.ts';

interface File {
  readonly kind: 'file';
  readonly id: number;
  content: Uint8Array;
  size: number;
  accessed: number;
  modified: number;
  /** It is gone when nothing holds it: neither a name nor a handle. */
  named: boolean;
  handles: number;
}

interface Folder {
  readonly kind: 'folder';
  readonly id: number;
  readonly entries: Map<string, File | Folder>;
  accessed: number;
  modified: number;
}

/** What a file or folder takes beside its content. Bytes, about. */
const besideContent = 256;

const largestPiece = 1024 * 1024;

export interface MemoryTree extends Tree {
  /** Bytes, about. */
  size(): number;
}

/** @param root the path under which everything lies; `isAdmitted` whether the actor may have so many bytes more */
export function createMemoryTree(root: string, mostHandles: () => number, isAdmitted: (bytes: number) => boolean): MemoryTree {
  let used = 0;
  let nextId = 1;
  let nextHandle = 1;
  const opened = new Map<number, { readonly file: File; readonly readable: boolean; readonly writable: boolean; readonly append: boolean }>();

  const reserve = (bytes: number): void => {
    if (!isAdmitted(bytes)) throw new Refusal(errno.ENOSPC);
    used += bytes;
  };
  const born = () => ({ id: nextId++, accessed: Date.now(), modified: Date.now() });
  const newFolder = (): Folder => ({ kind: 'folder', entries: new Map(), ...born() });
  const newFile = (): File => ({ kind: 'file', content: new Uint8Array(0), size: 0, named: true, handles: 0, ...born() });
  const top = newFolder();

  const find = (path: string): File | Folder | undefined => {
    let found: File | Folder = top;
    for (const name of path.slice(root.length).split('/')) {
      if (name === '') continue;
      if (found.kind === 'file') throw new Refusal(errno.ENOTDIR);
      const next = found.entries.get(name);
      if (next === undefined) return undefined;
      found = next;
    }
    return found;
  };
  const need = (path: string): File | Folder => {
    const found = find(path);
    if (found === undefined) throw new Refusal(errno.ENOENT);
    return found;
  };
  /** The folder in which a path lies, and its name in it. */
  const place = (path: string): { folder: Folder; name: string } => {
    if (path === root) throw new Refusal(errno.EBUSY);
    const at = path.lastIndexOf('/');
    const folder = need(path.slice(0, at));
    if (folder.kind === 'file') throw new Refusal(errno.ENOTDIR);
    return { folder, name: path.slice(at + 1) };
  };
  const add = (path: string, entry: File | Folder): void => {
    const { folder, name } = place(path);
    reserve(besideContent);
    folder.entries.set(name, entry);
    folder.modified = Date.now();
  };
  const drop = (path: string): void => {
    const { folder, name } = place(path);
    const entry = folder.entries.get(name);
    if (entry === undefined) return;
    folder.entries.delete(name);
    folder.modified = Date.now();
    used -= besideContent;
    if (entry.kind === 'folder') return;
    entry.named = false;
    release(entry);
  };
  const release = (file: File): void => {
    if (!file.named && file.handles === 0) used -= file.content.length;
  };

  const resize = (file: File, size: number): void => {
    if (size > file.content.length) {
      const capacity = Math.max(size, Math.min(file.content.length * 2, file.content.length + largestPiece));
      reserve(capacity - file.content.length);
      const grown = allocate(capacity);
      grown.set(file.content);
      file.content = grown;
    }
    file.content.fill(0, Math.min(size, file.size), file.size);
    file.size = size;
    file.modified = Date.now();
  };

  const statOf = (entry: File | Folder): Stat => {
    const { kind, accessed, modified, id } = entry;
    return { kind, size: kind === 'file' ? entry.size : 0, accessed, modified, id };
  };

  const handleOf = (handle: number) => {
    const found = opened.get(handle);
    if (found === undefined) throw new Refusal(errno.EBADF);
    return found;
  };

  const openOrMake = (path: string, { create, exclusive }: Opening): File => {
    const found = find(path);
    if (found?.kind === 'folder') throw new Refusal(exclusive ? errno.EEXIST : errno.EISDIR);
    if (found !== undefined) {
      if (create && exclusive) throw new Refusal(errno.EEXIST);
      return found;
    }
    if (!create) throw new Refusal(errno.ENOENT);
    const file = newFile();
    add(path, file);
    return file;
  };

  return {
    piece: largestPiece,
    size: () => used,
    stat: (path) => statOf(need(path)),
    open(path, opening) {
      if (opened.size >= mostHandles()) throw new Refusal(errno.EMFILE);
      const file = openOrMake(path, opening);
      if (opening.truncate) resize(file, 0);
      const handle = nextHandle++;
      file.handles++;
      opened.set(handle, { file, readable: opening.access !== 'write', writable: opening.access !== 'read', append: opening.append === true });
      return { handle, stat: statOf(file) };
    },
    handleStat: (handle) => statOf(handleOf(handle).file),
    read(handle, position, length) {
      const { file, readable } = handleOf(handle);
      if (!readable) throw new Refusal(errno.EBADF);
      return file.content.subarray(Math.min(position, file.size), Math.min(position + length, file.size));
    },
    write(handle, position, data) {
      const { file, writable, append } = handleOf(handle);
      if (!writable) throw new Refusal(errno.EBADF);
      const start = position === null || append ? file.size : position;
      if (start + data.length > file.size) resize(file, start + data.length);
      file.content.set(data, start);
      file.modified = Date.now();
      return data.length;
    },
    resize(handle, size) {
      const { file, writable } = handleOf(handle);
      if (!writable) throw new Refusal(errno.EBADF);
      resize(file, size);
    },
    sync: handleOf,
    close(handle) {
      const { file } = handleOf(handle);
      opened.delete(handle);
      file.handles--;
      release(file);
    },
    list(path) {
      const folder = need(path);
      if (folder.kind === 'file') throw new Refusal(errno.ENOTDIR);
      return [...folder.entries].map(([name, { kind, id }]) => ({ name, kind, id }));
    },
    makeFolder(path) {
      if (find(path) !== undefined) throw new Refusal(errno.EEXIST);
      add(path, newFolder());
    },
    remove(path, folder) {
      const found = need(path);
      if (folder && found.kind === 'file') throw new Refusal(errno.ENOTDIR);
      if (!folder && found.kind === 'folder') throw new Refusal(errno.EISDIR);
      if (found.kind === 'folder' && found.entries.size > 0) throw new Refusal(errno.ENOTEMPTY);
      drop(path);
    },
    rename(from, to) {
      const moved = need(from);
      const target = find(to);
      if (target === moved) return;
      if (to.startsWith(`${from}/`)) throw new Refusal(errno.EINVAL);
      if (moved.kind === 'folder' && target?.kind === 'file') throw new Refusal(errno.ENOTDIR);
      if (moved.kind === 'file' && target?.kind === 'folder') throw new Refusal(errno.EISDIR);
      if (target?.kind === 'folder' && target.entries.size > 0) throw new Refusal(errno.ENOTEMPTY);
      const { folder, name } = place(from);
      const next = place(to);
      drop(to);
      folder.entries.delete(name);
      next.folder.entries.set(next.name, moved);
    },
    times(path, { accessed, modified }: Times) {
      const found = need(path);
      found.accessed = accessed ?? found.accessed;
      found.modified = modified ?? found.modified;
    },
  };
}

/** V8 refuses before the isolate would fall. */
function allocate(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch {
    throw new Refusal(errno.ENOSPC);
  }
}
