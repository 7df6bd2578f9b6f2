/** `Stats` and `Dirent` as Node has them. */
import type { FileKind, FileStatus } from '../../fileStatus.ts';
import { hidden, invalidValue, own } from './errors.guest.ts';

const types = { file: 0o100000, folder: 0o040000, link: 0o120000, other: 0 } as const;
const blockSize = 4096;

/** What a thing is. Sockets, devices and pipes are never shown. */
class Kind {
  readonly #kind: FileKind;

  constructor(kind: FileKind) {
    this.#kind = kind;
  }

  isFile(): boolean {
    return this.#kind === 'file';
  }
  isDirectory(): boolean {
    return this.#kind === 'folder';
  }
  isSymbolicLink(): boolean {
    return this.#kind === 'link';
  }
  isFIFO(): boolean {
    return false;
  }
  isSocket(): boolean {
    return false;
  }
  isBlockDevice(): boolean {
    return false;
  }
  isCharacterDevice(): boolean {
    return false;
  }
}

export class Stats extends Kind {
  constructor({ kind, size, modified, accessed, created, writable, id }: FileStatus) {
    super(kind);
    const permissions = (writable ? 0o222 : 0) | (kind === 'folder' ? 0o555 : 0o444);
    own(this, 'dev', 0);
    own(this, 'mode', types[kind] | permissions);
    own(this, 'nlink', 1);
    own(this, 'uid', 0);
    own(this, 'gid', 0);
    own(this, 'rdev', 0);
    own(this, 'blksize', blockSize);
    own(this, 'ino', id);
    own(this, 'size', size);
    own(this, 'blocks', (size + 511 - ((size + 511) % 512)) / 512);
    time(this, 'atime', accessed);
    time(this, 'mtime', modified);
    time(this, 'ctime', modified);
    time(this, 'birthtime', created);
  }
}

export class Dirent extends Kind {
  declare readonly name: string;
  declare readonly parentPath: string;

  constructor(name: string, parentPath: string, kind: FileKind) {
    super(kind);
    own(this, 'name', name);
    own(this, 'parentPath', parentPath);
  }
}
hidden(Stats, 'name', 'Stats');
hidden(Dirent, 'name', 'Dirent');

const DateIntrinsic = Date;

function time(target: object, name: string, milliseconds: number): void {
  own(target, `${name}Ms`, milliseconds);
  own(target, name, new DateIntrinsic(milliseconds));
}

export function statsOf(status: FileStatus, options: unknown): Stats {
  if ((options as { bigint?: unknown } | undefined | null)?.bigint) throw invalidValue('options.bigint', 'must not be set: there are no such numbers here');
  return new Stats(status);
}
