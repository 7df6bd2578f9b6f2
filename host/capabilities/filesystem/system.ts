/**
 * What the kernel is asked for guests. Everything is named by an open descriptor and at most one name below it, which is
 * never followed if it is a link: no text that a guest could have a hand in is ever resolved by the kernel.
 *
 * Node has no `openat`; `/proc/self/fd/N/name` is the same thing on Linux.
 */
import {
  constants as c,
  close,
  closeSync,
  existsSync,
  fstat,
  fsync,
  ftruncate,
  lstat,
  mkdir,
  open,
  opendir,
  read,
  readlink,
  realpath,
  rename,
  rmdir,
  statfs,
  unlink,
  utimes,
  write,
} from 'node:fs';
import type { BigIntStats, Dir, Dirent } from 'node:fs';
import { promisify } from 'node:util';
import type { Lane } from './lanes.ts';

/** Linux's, the same on all processors that Node runs on there: a descriptor that names an object, and cannot read or write it. */
const O_PATH = 0o10000000;
const safely = c.O_NOFOLLOW | c.O_NONBLOCK | c.O_NOCTTY;

/** Entries of a folder that the kernel is asked for at once. */
const together = 512;

const descriptors = '/proc/self/fd';

const calls = {
  open: promisify(open),
  fstat: promisify(fstat) as (descriptor: number, options: { bigint: true }) => Promise<BigIntStats>,
  lstat: promisify(lstat) as (path: string | Buffer, options: { bigint: true }) => Promise<BigIntStats>,
  statfs: promisify(statfs),
  readlink: promisify(readlink) as (path: string | Buffer) => Promise<string>,
  realpath: promisify(realpath.native),
  opendir: promisify(opendir) as unknown as (path: string | Buffer, options: { encoding: 'buffer'; bufferSize: number }) => Promise<Dir>,
  mkdir: promisify(mkdir),
  rmdir: promisify(rmdir),
  unlink: promisify(unlink),
  rename: promisify(rename),
  utimes: promisify(utimes),
  ftruncate: promisify(ftruncate),
  fsync: promisify(fsync),
};

/** Whether this system can name an object by an open descriptor. */
export const canWalk = (): boolean => process.platform === 'linux' && existsSync(`${descriptors}/0`);

/** An entry of a folder: an open descriptor, and a name in it. The empty name is the folder itself. */
function at(folder: number, name: Name): string | Buffer {
  if (typeof name !== 'string') return Buffer.concat([Buffer.from(`${descriptors}/${folder}/`), name]);
  return name === '' ? `${descriptors}/${folder}` : `${descriptors}/${folder}/${name}`;
}

/** Bytes where the name is one that no guest can write. */
export type Name = string | Buffer;

export type FileMode = 'read' | 'write' | 'read-write';
const modes = { read: c.O_RDONLY, write: c.O_WRONLY, 'read-write': c.O_RDWR } as const;

/** Closes what only names an object: nothing can be left to write, so this never waits. */
export const release = (descriptor: number): void => closeSync(descriptor);

export class System {
  readonly #lane: Lane;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  /** Names a folder. Fails with ENOTDIR for a link. */
  folder(folder: number, name: Name): Promise<number> {
    return this.#lane.run(() => calls.open(at(folder, name), O_PATH | c.O_DIRECTORY | c.O_NOFOLLOW));
  }

  /** The folder at the top of the host. */
  top(): Promise<number> {
    return this.#lane.run(() => calls.open('/', O_PATH | c.O_DIRECTORY));
  }

  /** Where a path of the operator's leads. */
  realPath(path: string): Promise<string> {
    return this.#lane.run(() => calls.realpath(path));
  }

  /** Names whatever has this name, a link itself included; nothing happens to it. */
  node(folder: number, name: Name): Promise<number> {
    return this.#lane.run(() => calls.open(at(folder, name), O_PATH | c.O_NOFOLLOW));
  }

  /** Opens the very object that a descriptor names. */
  reopen(node: number, mode: FileMode, append: boolean): Promise<number> {
    return this.#lane.run(() => calls.open(at(node, ''), modes[mode] | c.O_NONBLOCK | c.O_NOCTTY | (append ? c.O_APPEND : 0)));
  }

  /** Makes a file where there was nothing. */
  create(folder: number, name: Name, mode: FileMode, append: boolean): Promise<number> {
    return this.#lane.run(() => calls.open(at(folder, name), modes[mode] | safely | c.O_CREAT | c.O_EXCL | (append ? c.O_APPEND : 0), 0o666));
  }

  stat(descriptor: number): Promise<BigIntStats> {
    return this.#lane.run(() => calls.fstat(descriptor, { bigint: true }));
  }

  statOf(folder: number, name: Name): Promise<BigIntStats> {
    return this.#lane.run(() => calls.lstat(at(folder, name), { bigint: true }));
  }

  /** The number of the kind of filesystem that an object lies in. */
  async kindOfFilesystem(descriptor: number): Promise<number> {
    return (await this.#lane.run(() => calls.statfs(at(descriptor, '')))).type;
  }

  target(folder: number, name: Name): Promise<string> {
    return this.#lane.run(() => calls.readlink(at(folder, name)));
  }

  entries(folder: number): Promise<Dir> {
    return this.#lane.run(() => calls.opendir(at(folder, ''), { encoding: 'buffer', bufferSize: together }));
  }

  /** The next entries of a folder; none at the end. */
  next(folder: Dir): Promise<readonly Dirent[]> {
    return this.#lane.run(async () => {
      const entries: Dirent[] = [];
      while (entries.length < together) {
        const entry = await folder.read();
        if (entry === null) break;
        entries.push(entry);
      }
      return entries;
    });
  }

  makeFolder(folder: number, name: Name): Promise<void> {
    return this.#lane.run(() => calls.mkdir(at(folder, name), 0o777));
  }

  removeFolder(folder: number, name: Name): Promise<void> {
    return this.#lane.run(() => calls.rmdir(at(folder, name)));
  }

  unlink(folder: number, name: Name): Promise<void> {
    return this.#lane.run(() => calls.unlink(at(folder, name)));
  }

  rename(from: number, fromName: Name, to: number, toName: Name): Promise<void> {
    return this.#lane.run(() => calls.rename(at(from, fromName), at(to, toName)));
  }

  /** @param accessed @param modified seconds since the epoch */
  times(node: number, accessed: number, modified: number): Promise<void> {
    return this.#lane.run(() => calls.utimes(at(node, ''), accessed, modified));
  }

  truncate(file: number, size: number): Promise<void> {
    return this.#lane.run(() => calls.ftruncate(file, size));
  }

  sync(file: number): Promise<void> {
    return this.#lane.run(() => calls.fsync(file));
  }

  /** @returns how many bytes were read */
  read(file: number, bytes: Buffer, position: number): Promise<number> {
    return this.#lane.run(
      () => new Promise((resolve, reject) => read(file, bytes, 0, bytes.length, position, (error, count) => (error ? reject(error) : resolve(count)))),
    );
  }

  /** Writes all of it. @param position null: at the end, for what was opened to append */
  async write(file: number, bytes: Uint8Array, position: number | null): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const where = position === null ? null : position + written;
      const from = written;
      written += await this.#lane.run(
        () =>
          new Promise<number>((resolve, reject) =>
            write(file, bytes, from, bytes.length - from, where, (error, count) => (error ? reject(error) : resolve(count))),
          ),
      );
    }
  }

  /** Closes a file without being waited for: what is left to write may take its time. */
  close(file: number): void {
    void this.#lane.run(() => new Promise<void>((resolve) => close(file, () => resolve())));
  }
}
