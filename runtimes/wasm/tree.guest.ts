/** A tree of files as WASI reaches it: the host's, or the private one in memory. The operations are those of the capability `filesystem`. */

import type { FileKind, FileStatus } from '../fileStatus.ts';

/** The private tree knows no more of a file. */
export type Stat = Omit<FileStatus, 'created' | 'writable'>;

export interface Opening {
  readonly access: 'read' | 'write' | 'read-write';
  readonly create?: true;
  readonly exclusive?: true;
  readonly truncate?: true;
  readonly append?: true;
}

export interface Entry {
  readonly name: string;
  readonly kind: FileKind;
  /** 0 is unknown. */
  readonly id: number;
}

export interface Times {
  readonly accessed?: number;
  readonly modified?: number;
}

type Later<T> = T | Promise<T>;

/** Paths are absolute and normalized. Everything throws, or rejects with, a {@link Refusal}. */
export interface Tree {
  /** @param follow false: of a link itself */
  stat(path: string, follow?: boolean): Later<Stat>;
  open(path: string, opening: Opening): Later<{ handle: number; stat: Stat }>;
  handleStat(handle: number): Later<Stat>;
  read(handle: number, position: number, length: number): Later<Uint8Array>;
  /** At the end if there is no position. Returns how much was written. */
  write(handle: number, position: number | null, data: Uint8Array): Later<number>;
  resize(handle: number, size: number): Later<unknown>;
  sync(handle: number): Later<unknown>;
  close(handle: number): Later<unknown>;
  list(path: string): Later<readonly Entry[]>;
  makeFolder(path: string): Later<unknown>;
  remove(path: string, folder: boolean): Later<unknown>;
  rename(from: string, to: string): Later<unknown>;
  times(path: string, times: Times): Later<unknown>;
  /** Bytes that one `read` or `write` takes at most. */
  readonly piece: number;
}

/** The answer of a WASI function that is not 0. */
export class Refusal extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}
