/** What the numbers stand for by which a program of WASI knows what it has open. */
import { errno } from '../guest/errno.ts';
import { Refusal, type Tree } from './tree.guest.ts';

export const rights = { read: 1n << 1n, write: 1n << 6n, allocate: 1n << 8n, truncateByPath: 1n << 19n, resize: 1n << 22n } as const;
/** Those of version 1, sockets left out. */
export const allRights = (1n << 28n) - 1n;
/** The others concern the content of a file: to sync, read, seek, tell, write, advise, allocate and resize it. */
export const folderRights = allRights & ~[0n, 1n, 2n, 5n, 6n, 7n, 8n, 22n].reduce((all, bit) => all | (1n << bit), 0n);

interface Held {
  rights: bigint;
  inheriting: bigint;
}

/** Input, output and errors of the program. */
export interface Standard {
  readonly kind: 'standard';
  /** Nothing can be written to its input. */
  readonly print: ((bytes: Uint8Array) => void) | undefined;
}

export interface OpenFile extends Held {
  readonly kind: 'file';
  readonly tree: Tree;
  readonly handle: number;
  readonly path: string;
  position: number;
  flags: number;
  /** The flags with which the host has opened it. */
  readonly opened: number;
}

export interface OpenFolder extends Held {
  readonly kind: 'folder';
  readonly tree: Tree;
  readonly path: string;
  /** By which the program finds it: only for folders that are open from the start. */
  readonly name: string | undefined;
}

export type Descriptor = Standard | OpenFile | OpenFolder;

const mostDescriptors = 1024;

export interface Descriptors {
  add(descriptor: OpenFile | OpenFolder): number;
  /** @throws Refusal EBADF */
  get(number: number): Descriptor;
  /** @throws Refusal EBADF, ESPIPE for what is no file; EBADF for a folder */
  file(number: number, right?: bigint): OpenFile;
  /** @throws Refusal EBADF, ENOTDIR */
  folder(number: number): OpenFolder;
  remove(number: number): void;
  move(from: number, to: number): void;
}

export function createDescriptors(open: readonly Descriptor[]): Descriptors {
  const all = new Map<number, Descriptor>(open.map((descriptor, number) => [number, descriptor]));

  const get = (number: number): Descriptor => {
    const found = all.get(number);
    if (found === undefined) throw new Refusal(errno.EBADF);
    return found;
  };

  const add = (descriptor: OpenFile | OpenFolder): number => {
    if (all.size >= mostDescriptors) throw new Refusal(errno.EMFILE);
    let number = 3;
    while (all.has(number)) number++;
    all.set(number, descriptor);
    return number;
  };

  return {
    add,
    get,
    file(number, right = 0n) {
      const found = get(number);
      if (found.kind === 'standard') throw new Refusal(errno.ESPIPE);
      if (found.kind === 'folder') throw new Refusal(errno.EBADF);
      if ((found.rights & right) !== right) throw new Refusal(errno.ENOTCAPABLE);
      return found;
    },
    folder(number) {
      const found = get(number);
      if (found.kind !== 'folder') throw new Refusal(errno.ENOTDIR);
      return found;
    },
    remove: (number) => void all.delete(number),
    move(from, to) {
      all.set(to, get(from));
      if (from !== to) all.delete(from);
    },
  };
}
