/** The folders that were granted to one instance, opened once and kept as long as the instance lives. */
import type { Grant } from '../../policy/index.ts';
import { type FilesystemRule, isUnder, wayDown } from '../../policy/rules/filesystem.ts';
import type { Holding } from '../holdings.ts';
import { codeOf, FileFailure } from './failure.ts';
import { fold, namesOf, pathOf } from './path.ts';
import { release, type System } from './system.ts';
import { Uses } from './uses.ts';

/** What the kernel shows of itself, wherever it is mounted: processes, devices, its own settings. */
const kernelFilesystems = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0xf97cff8c, 0xcafe4a11, 0x1cd1, 0x19800202, 0x6165676c, 0xde5e81e4, 0x62656570,
  0x65735543, 0x42494e4d, 0x6e736673,
]);

/** Folders of the host that are never opened, whatever was granted. */
const kernelFolders = ['/proc', '/sys', '/dev'] as const;

/** A folder of the host that is open. */
export interface OpenedFolder {
  readonly descriptor: number;
  /** Where it was opened, without links; only ever compared. */
  readonly real: string;
}

/** An open folder that may hold so much: that of a mount, or one of a level above in which it lies. */
export interface QuotaFolder extends OpenedFolder {
  /** Bytes. */
  readonly quota: number;
}

/** The opened folder of a mount. */
export class Root implements OpenedFolder {
  readonly rule: FilesystemRule;
  readonly descriptor: number;
  readonly real: string;
  /** All that bound what is written here; the first is its own, if it has one. */
  readonly quotas: readonly QuotaFolder[];
  /** Devices whose objects may be used. */
  readonly #devices = new Set<bigint>();

  /** @param around folders of the levels above that may hold so much */
  constructor(rule: FilesystemRule, { descriptor, real }: OpenedFolder, around: readonly QuotaFolder[]) {
    this.rule = rule;
    this.descriptor = descriptor;
    this.real = real;
    this.quotas = rule.quota === undefined ? around : [{ descriptor, real, quota: rule.quota }, ...around];
  }

  close(): void {
    for (const descriptor of new Set([this, ...this.quotas].map((folder) => folder.descriptor))) release(descriptor);
  }

  /** The path on the host of names below this folder. */
  realPath(names: readonly string[]): string {
    return this.real === '/' ? pathOf(names) : [this.real, ...names].join('/');
  }

  /** The path by which the guest knows names below this folder. */
  guestPath(names: readonly string[]): string {
    return this.rule.guest === '/' ? pathOf(names) : [this.rule.guest, ...names].join('/');
  }

  /** @throws FileFailure EACCES for a way that leads through what belongs to the kernel: its links are the host's own */
  demandOrdinaryWay(names: readonly string[]): void {
    const real = this.realPath(names);
    if (kernelFolders.some((folder) => isUnder(folder, real))) throw ofTheKernel();
  }

  /** @throws FileFailure EACCES for an object that the kernel makes up, wherever it is mounted */
  async demandOrdinary(system: System, object: number, device: bigint): Promise<void> {
    if (this.#devices.has(device)) return;
    if (kernelFilesystems.has(await system.kindOfFilesystem(object))) throw ofTheKernel();
    this.#devices.add(device);
  }
}

const ofTheKernel = (): FileFailure => new FileFailure('EACCES', 'processes, devices and settings of the system are no files for guests');

/** Says nothing of what is there. */
export const ledOut = (): FileFailure => new FileFailure('EACCES', 'a link leads out of the folder that was granted');

export class Mounts implements Holding {
  readonly #grant: Grant;
  readonly #system: System;
  readonly #roots = new Map<FilesystemRule, Promise<Root>>();
  /** By calls under way. */
  readonly #uses = new Uses(() => this.#closeRoots());

  constructor(grant: Grant, system: System) {
    this.#grant = grant;
    this.#system = system;
  }

  /** Works while the roots stay open. @throws FileFailure EBADF once they are closed */
  use<T>(work: () => Promise<T>): Promise<T> {
    return this.#uses.during(work);
  }

  close(): void {
    this.#uses.end();
  }

  #closeRoots(): void {
    for (const root of this.#roots.values())
      root.then(
        (opened) => opened.close(),
        () => undefined,
      );
    this.#roots.clear();
  }

  /** The mount that a path lies in: the deepest. */
  of(path: string): FilesystemRule | undefined {
    return this.#grant.filesystem.filter(({ guest }) => isUnder(guest, path)).toSorted((a, b) => b.guest.length - a.guest.length)[0];
  }

  /** Names that mounts make visible directly below a path. */
  namesBelow(path: string): readonly string[] {
    const depth = namesOf(path).length;
    const below = this.#grant.filesystem.filter(({ guest }) => guest !== path && isUnder(path, guest));
    return [...new Set(below.map(({ guest }) => namesOf(guest)[depth] as string))].toSorted();
  }

  /** A mount, or what leads to one: it stands where it stands. */
  holds(path: string): boolean {
    return this.#grant.filesystem.some(({ guest }) => isUnder(path, guest));
  }

  /** Whether a filesystem that takes names for the same which are not could show here what another rule has put out of sight. */
  looksLikeAnother(rule: FilesystemRule, path: string): boolean {
    const names = namesOf(path);
    const others = [
      ...this.#grant.filesystem,
      ...this.#grant.refused.filter(({ capability }) => capability === 'filesystem').map(({ rule: refused }) => refused as FilesystemRule),
    ];
    return others.some(({ guest }) => {
      if (guest.length <= rule.guest.length || !isUnder(rule.guest, guest) || isUnder(guest, path)) return false;
      const hidden = namesOf(guest);
      return hidden.length <= names.length && hidden.every((name, index) => fold(name) === fold(names[index] as string));
    });
  }

  async root(rule: FilesystemRule): Promise<Root> {
    let root = this.#roots.get(rule);
    if (root === undefined) {
      root = this.#open(rule);
      this.#roots.set(rule, root);
      // A folder that is not there yet may be there later.
      root.catch(() => this.#roots.delete(rule));
    }
    return root;
  }

  /** The way to the folder may contain links; what it comes to is reached without any, and lies in what each level grants. */
  async #open(rule: FilesystemRule): Promise<Root> {
    const system = this.#system;
    const real = await system.realPath(rule.host);
    await this.#demandWithin(rule, real);
    const opened = [await this.#folder(real)];
    try {
      const [own] = opened as [OpenedFolder];
      const around: QuotaFolder[] = [];
      for (const { host, quota } of rule.access === 'read-write' ? (rule.wholes ?? []) : []) {
        if (quota === undefined || host === rule.host) continue;
        const folder = { ...(await this.#folder(await system.realPath(host))), quota };
        opened.push(folder);
        around.push(folder);
      }
      const root = new Root(rule, own, around);
      root.demandOrdinaryWay([]);
      await root.demandOrdinary(system, own.descriptor, (await system.stat(own.descriptor)).dev);
      return root;
    } catch (error) {
      for (const { descriptor } of opened) release(descriptor);
      throw error;
    }
  }

  /**
   * Rules were compared by their text, and the way to the folder may contain links of whoever writes in what a level grants.
   * @throws FileFailure EACCES
   */
  async #demandWithin(rule: FilesystemRule, real: string): Promise<void> {
    for (const { host, except } of rule.wholes ?? []) {
      if (!isUnder(await this.#system.realPath(host), real)) throw ledOut();
      // What lies below by its text is a mount of its own.
      for (const other of except.filter((path) => wayDown(rule.host, path) === null)) {
        const place = await this.#system.realPath(other).catch((error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error;
        });
        if (place !== undefined && (isUnder(place, real) || isUnder(real, place))) throw ledOut();
      }
    }
  }

  /** @param real a path without links */
  async #folder(real: string): Promise<OpenedFolder> {
    const system = this.#system;
    let folder = await system.top();
    for (const name of real.split('/').filter((part) => part !== '')) {
      const above = folder;
      try {
        folder = await system.folder(above, name);
      } finally {
        release(above);
      }
    }
    return { descriptor: folder, real };
  }
}
