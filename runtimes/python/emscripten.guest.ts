/** What is used of Emscripten's file system. The guest may replace any of it, to its own harm. */

export interface Attributes {
  readonly size?: number;
  readonly atime?: number | null;
  readonly mtime?: number | null;
}

/** A file or folder as a path led to it. One of ours lives for one operation, or as long as it is open. */
export interface Node {
  parent: Node;
  name: string;
  mode: number;
  mount: object;
  node_ops: object;
  stream_ops: object;
}

export interface Stream {
  readonly node: Node;
  readonly flags: number;
  position: number;
  /** Shared by the descriptors that `dup` makes. */
  readonly shared: Record<string, unknown>;
}

type PathFunction = (path: unknown, ...rest: never[]) => unknown;

export interface FileSystem {
  FSNode: new (parent: Node | null, name: string, mode: number, device: number) => Node;
  cwd(): string;
  createStream(stream: object): Stream;
  getStream(descriptor: number): Stream | undefined;
  getPath(node: Node): string;
  hashRemoveNode(node: Node): void;
  isMountpoint(node: Node): boolean;
  lookupPath(path: unknown, options?: { parent?: boolean; follow?: boolean; noent_okay?: boolean }): { path: string; node?: Node };
  mkdir: PathFunction;
  mkdirTree(path: string): void;
  mount(type: { mount(mount: object): Node }, options: object, path: string): void;
  nodePermissions(node: Node, wanted: string): number;
  open(path: unknown, flags: unknown, ...rest: never[]): Stream;
  readdir(path: unknown): string[];
  rename(from: unknown, to: unknown): void;
  rmdir: PathFunction;
  truncate: PathFunction;
  unlink: PathFunction;
  writeFile(path: string, content: string): void;
  readonly filesystems: {
    readonly MEMFS: {
      resizeFileStorage(...args: never[]): void;
      readonly ops_table: { readonly file: { readonly stream: { write(...args: never[]): number } } };
    };
  };
}

export const openFlags = {
  access: 3,
  create: 64,
  exclusive: 128,
  truncate: 512,
  append: 1024,
  directory: 65_536,
  noFollow: 131_072,
  once: 128 | 512 | 131_072,
} as const;

export const kinds = { mask: 0o170_000, folder: 0o040_000, file: 0o100_000, link: 0o120_000 } as const;

/** What Emscripten takes for the number of an error; anything else it lets fall through the interpreter. */
export class ErrnoError {
  readonly name = 'ErrnoError';
  readonly errno: number;

  constructor(errno: number) {
    this.errno = errno;
  }
}
