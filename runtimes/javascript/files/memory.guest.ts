/**
 * Private files of one instance, in its own memory: `/tmp`. They take the same requests and give the same answers as the
 * host's files, and are gone with the instance.
 */
import { now, ownKeys, setBytes, sliceBytes, subarray, table, Uint8ArrayIntrinsic } from '../../guest/primordials.ts';
import { FileFailure } from './errors.guest.ts';
import { isUnder, nameOf, parentOf } from './paths.guest.ts';

interface Node {
  readonly id: number;
  /** By name, for a folder. */
  children: Record<string, Node> | undefined;
  bytes: Uint8Array;
  size: number;
  modified: number;
  accessed: number;
  readonly created: number;
}

interface Open {
  readonly node: Node;
  readonly append: boolean;
  readonly reads: boolean;
  readonly writes: boolean;
  position: number;
}

// biome-ignore lint/suspicious/noExplicitAny: requests of our own, checked by no schema.
export type MemoryRequest = Readonly<Record<string, any>>;

/** As many as the host gives, so that what works here works there. */
const mostOpen = 1000;

export class MemoryFiles {
  readonly #root: string;
  readonly #top: Node;
  readonly #open = table<Open>();
  #openCount = 0;
  #nextHandle = -1;
  #nextId = 1;

  /** @param root where they are: `/tmp` */
  constructor(root: string) {
    this.#root = root;
    this.#top = this.#make(true);
  }

  holds(path: string): boolean {
    return isUnder(this.#root, path);
  }

  /** @throws FileFailure */
  call(operation: string, request: MemoryRequest): unknown {
    switch (operation) {
      case 'stat':
        return this.#stat(this.#existing(request['path']));
      case 'open':
        return this.#openFile(request);
      case 'read':
        return this.#read(request);
      case 'write':
        return this.#write(this.#held(request['handle']), request['position'], request['data']);
      case 'truncate':
        return this.#truncate(request['path'] === undefined ? this.#held(request['handle']) : this.#briefly(request['path'], {}), request['size']);
      case 'handleStat':
        return this.#stat(this.#held(request['handle']).node);
      case 'sync':
        return this.#held(request['handle']) && null;
      case 'close':
        this.#held(request['handle']);
        delete this.#open[request['handle']];
        this.#openCount--;
        return null;
      case 'list':
        return this.#list(this.#existing(request['path']));
      case 'makeFolder':
        return { created: this.#makeFolder(request['path'], request['recursive'] === true) };
      case 'remove':
        return this.#remove(request);
      case 'rename':
        return this.#rename(request['from'], request['to']);
      case 'readFile': {
        const { bytes, size } = this.#file(this.#existing(request['path']));
        return sliceBytes(bytes, 0, size);
      }
      case 'writeFile': {
        const file = this.#briefly(request['path'], { create: true, exclusive: request['exclusive'], append: request['append'] });
        if (request['append'] !== true) this.#truncate(file, 0);
        this.#write(file, null, request['data']);
        return null;
      }
      case 'times': {
        const node = this.#existing(request['path']);
        node.accessed = request['accessed'] ?? node.accessed;
        node.modified = request['modified'] ?? node.modified;
        return null;
      }
      default:
        throw new FileFailure('EINVAL');
    }
  }

  #make(isFolder: boolean): Node {
    const time = now();
    return {
      id: this.#nextId++,
      children: isFolder ? table<Node>() : undefined,
      bytes: new Uint8ArrayIntrinsic(0),
      size: 0,
      modified: time,
      accessed: time,
      created: time,
    };
  }

  #find(path: string): Node | undefined {
    if (path === this.#root) return this.#top;
    const folder = this.#find(parentOf(path));
    if (folder === undefined) return undefined;
    if (folder.children === undefined) throw new FileFailure('ENOTDIR');
    return folder.children[nameOf(path)];
  }

  #existing(path: string): Node {
    const node = this.#find(path);
    if (node === undefined) throw new FileFailure('ENOENT');
    return node;
  }

  /** The entries of the folder that holds a path. */
  #siblings(path: string): Record<string, Node> {
    if (path === this.#root) throw new FileFailure('EBUSY');
    const { children } = this.#existing(parentOf(path));
    if (children === undefined) throw new FileFailure('ENOTDIR');
    return children;
  }

  #file(node: Node): Node {
    if (node.children !== undefined) throw new FileFailure('EISDIR');
    return node;
  }

  #stat({ id, children, size, modified, accessed, created }: Node): object {
    return { kind: children === undefined ? 'file' : 'folder', size, modified, accessed, created, writable: true, id };
  }

  #briefly(path: string, { create, exclusive, append }: MemoryRequest): Open {
    let node = this.#find(path);
    if (node !== undefined && exclusive === true) throw new FileFailure('EEXIST');
    if (node === undefined) {
      if (create !== true) throw new FileFailure('ENOENT');
      const siblings = this.#siblings(path);
      node = this.#make(false);
      siblings[nameOf(path)] = node;
    }
    return { node: this.#file(node), append: append === true, reads: true, writes: true, position: 0 };
  }

  #openFile(request: MemoryRequest): object {
    const { access, truncate } = request;
    if (this.#openCount >= mostOpen) throw new FileFailure('EMFILE');
    const file = { ...this.#briefly(request['path'], request), reads: access !== 'write', writes: access !== 'read' };
    if (truncate === true) this.#truncate(file, 0);
    const handle = this.#nextHandle--;
    this.#open[handle] = file;
    this.#openCount++;
    return { handle, stat: this.#stat(file.node) };
  }

  #held(handle: number): Open {
    const file = this.#open[handle];
    if (file === undefined) throw new FileFailure('EBADF');
    return file;
  }

  #read({ handle, position, length }: MemoryRequest): Uint8Array {
    const file = this.#held(handle);
    if (!file.reads) throw new FileFailure('EBADF');
    const { node } = file;
    const start = position ?? file.position;
    const end = start + length < node.size ? start + length : node.size;
    const bytes = start < end ? sliceBytes(node.bytes, start, end) : new Uint8ArrayIntrinsic(0);
    if (position === null) file.position = start + bytes.length;
    node.accessed = now();
    return bytes;
  }

  #write(file: Open, position: number | null, data: Uint8Array): object {
    if (!file.writes) throw new FileFailure('EBADF');
    const { node } = file;
    const start = file.append ? node.size : (position ?? file.position);
    const end = start + data.length;
    this.#reach(node, end);
    setBytes(node.bytes, data, start);
    node.modified = now();
    if (file.append || position === null) file.position = end;
    return { written: data.length, position: end };
  }

  #truncate(file: Open, size: number): null {
    if (!file.writes) throw new FileFailure('EBADF');
    const { node } = file;
    if (size < node.size) {
      node.bytes = sliceBytes(node.bytes, 0, size);
      node.size = size;
    } else this.#reach(node, size);
    node.modified = now();
    return null;
  }

  /** Makes a file at least so large; what is new in it is zero. */
  #reach(node: Node, size: number): void {
    if (size <= node.size) return;
    if (size > node.bytes.length) {
      const grown = new Uint8ArrayIntrinsic(size > node.bytes.length * 2 ? size : node.bytes.length * 2);
      setBytes(grown, subarray(node.bytes, 0, node.size));
      node.bytes = grown;
    }
    node.size = size;
  }

  #list(node: Node): object {
    if (node.children === undefined) throw new FileFailure('ENOTDIR');
    const names = ownKeys(node.children) as string[];
    const entries: object[] = [];
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      entries[i] = { name, kind: (node.children[name] as Node).children === undefined ? 'file' : 'folder' };
    }
    return { entries, more: false };
  }

  #makeFolder(path: string, recursive: boolean): string | null {
    const found = this.#find(path);
    if (found !== undefined) {
      if (recursive && found.children !== undefined) return null;
      throw new FileFailure('EEXIST');
    }
    const parent = parentOf(path);
    let created: string | null = null;
    if (recursive && this.#find(parent) === undefined) created = this.#makeFolder(parent, true);
    this.#siblings(path)[nameOf(path)] = this.#make(true);
    return created ?? path;
  }

  #remove({ path, recursive, force, folder }: MemoryRequest): null {
    const node = this.#find(path);
    if (node === undefined) {
      if (force === true) return null;
      throw new FileFailure('ENOENT');
    }
    const siblings = this.#siblings(path);
    if (node.children === undefined) {
      if (folder === true) throw new FileFailure('ENOTDIR');
    } else {
      if (folder === false || (folder !== true && recursive !== true)) throw new FileFailure('EISDIR');
      if (recursive !== true && ownKeys(node.children).length > 0) throw new FileFailure('ENOTEMPTY');
    }
    delete siblings[nameOf(path)];
    return null;
  }

  #rename(from: string, to: string): null {
    const node = this.#existing(from);
    const before = this.#siblings(from);
    const after = this.#siblings(to);
    if (from !== to && isUnder(from, to)) throw new FileFailure('EINVAL');
    const replaced = after[nameOf(to)];
    if (replaced === node) return null;
    if (replaced !== undefined) {
      if (replaced.children !== undefined && node.children === undefined) throw new FileFailure('EISDIR');
      if (replaced.children === undefined && node.children !== undefined) throw new FileFailure('ENOTDIR');
      if (replaced.children !== undefined && ownKeys(replaced.children).length > 0) throw new FileFailure('ENOTEMPTY');
    }
    after[nameOf(to)] = node;
    delete before[nameOf(from)];
    return null;
  }
}
