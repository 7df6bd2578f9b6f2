/**
 * How much lies in the folders that have a quota: counted once, then kept true by what guests do. Shared by all actors of a
 * host, so that several who write into one folder cannot exceed together what each may alone.
 *
 * A quota says how much a folder may hold, whoever wrote it. What is about to be written is reserved first, in one
 * step that nothing can come between; so the count is never too small, and where something outside of the host has removed
 * files it is too large until the folder is counted anew, which happens before anything is refused.
 */
import type { BigIntStats, Dir, Dirent } from 'node:fs';
import nodePath from 'node:path';
import { VivariumError } from '../../../sdk/errors.ts';
import { formatSize } from '../../policy/units.ts';
import { FileFailure } from './failure.ts';
import type { OpenedFolder, QuotaFolder, Root } from './mounts.ts';
import { release, type System } from './system.ts';

/** Files and folders that a folder with a quota may hold. */
export const mostEntries = 10_000;
const deepest = 256;
/** A folder that is full is not counted again sooner. Milliseconds. */
const recount = 1_000;

export interface Amount {
  readonly bytes: number;
  readonly entries: number;
}

/** What lies in one folder of the host, and below. */
class Ledger {
  bytes = 0;
  entries = 0;
  /** Removed, and still open: these bytes are free when they are closed. */
  readonly orphans = new Map<string, number>();
  counted: Promise<void> | undefined;
  countedAt = 0;
  /** While it is counted: what was reserved since, because the count may have missed it. */
  since: { bytes: number; entries: number } | undefined;
  /** While it is counted: something has been moved in or out, which the count may have seen twice or not at all. */
  moved = false;
  /** Reserved for what is under way. */
  readonly underWay = { bytes: 0, entries: 0 };

  /** Its count is done, and nothing has been moved since. */
  get isTrue(): boolean {
    return this.counted !== undefined && this.since === undefined;
  }

  /** To be counted anew before it is relied on. */
  distrust(): void {
    if (this.since === undefined) this.counted = undefined;
    else this.moved = true;
  }

  add({ bytes, entries }: Amount): void {
    this.bytes += bytes;
    this.entries += entries;
    if (this.since === undefined) return;
    this.since.bytes += Math.max(0, bytes);
    this.since.entries += Math.max(0, entries);
  }

  fits(quota: number, { bytes, entries }: Amount): boolean {
    // Where there is more than is counted, nobody knows how many bytes it is.
    const room = bytes > 0 || entries > 0 ? this.entries <= mostEntries : true;
    return room && (bytes <= 0 || this.bytes + bytes <= quota) && (entries <= 0 || this.entries + entries <= mostEntries);
  }

  async count(system: System, folder: OpenedFolder): Promise<void> {
    try {
      let found: Amount;
      do {
        this.moved = false;
        this.since = { ...this.underWay };
        found = await countFolder(system, folder.descriptor, deepest);
      } while (this.moved);
      const orphaned = [...this.orphans.values()].reduce((sum, size) => sum + size, 0);
      this.bytes = found.bytes + orphaned + this.since.bytes;
      this.entries = found.entries + this.since.entries;
      this.countedAt = performance.now();
    } finally {
      this.since = undefined;
    }
  }
}

/** Room that was taken for something that has not been done yet. */
export interface Reservation {
  /** Keeps what was really used, and gives back the rest. */
  used(amount: Amount): void;
}

const nothing: Reservation = { used: () => undefined };

export class Usage {
  readonly #ledgers = new Map<string, Ledger>();
  /** By identity: who has a file open, and who changes it now. */
  readonly #open = new Map<string, number>();
  readonly #changing = new Map<string, Promise<void>>();

  /** Whether anybody counts what lies at this path of the host. */
  concerns(root: Root, real: string): boolean {
    return root.quotas.length > 0 || this.#covering(real).length > 0;
  }

  /**
   * Takes room for what will lie at a path of the host.
   * @throws VivariumError limit.quota
   */
  async reserve(system: System, root: Root, real: string, amount: Amount): Promise<Reservation> {
    const bounds = root.quotas.map((folder) => ({ folder, ledger: this.#ledger(folder) }));
    for (;;) {
      // While one is counted, something may be moved out of another.
      while (!bounds.every(({ ledger }) => ledger.isTrue)) await Promise.all(bounds.map(({ folder, ledger }) => this.#counted(ledger, system, folder)));
      const over = bounds.find(({ folder, ledger }) => !ledger.fits(folder.quota, amount));
      if (over === undefined) break;
      if (performance.now() - over.ledger.countedAt <= recount) throw full(root, over.folder, over.ledger, amount);
      await this.#count(over.ledger, system, over.folder);
    }
    const ledgers = this.#covering(real);
    if (ledgers.length === 0) return nothing;
    for (const ledger of ledgers) {
      ledger.add(amount);
      ledger.underWay.bytes += amount.bytes;
      ledger.underWay.entries += amount.entries;
    }
    let done = false;
    return {
      used: (used) => {
        if (done) return;
        done = true;
        for (const ledger of ledgers) {
          ledger.underWay.bytes -= amount.bytes;
          ledger.underWay.entries -= amount.entries;
          ledger.add({ bytes: used.bytes - amount.bytes, entries: used.entries - amount.entries });
        }
      },
    };
  }

  /** Something at a path of the host is gone, or smaller. */
  free(real: string, amount: Amount): void {
    for (const ledger of this.#covering(real)) ledger.add({ bytes: -amount.bytes, entries: -amount.entries });
  }

  /** A file has lost its name. What somebody still has open takes room until it is closed. */
  unlinked(real: string, stats: BigIntStats): void {
    const size = stats.isFile() ? Number(stats.size) : 0;
    const key = identityOf(stats);
    const isOpen = this.#open.has(key);
    if (isOpen) for (const ledger of this.#covering(real)) ledger.orphans.set(key, size);
    this.free(real, { bytes: isOpen || stats.nlink > 1n ? 0 : size, entries: 1 });
  }

  /** What was moved lies in other counted folders than before: they are counted anew before they are next relied on. */
  moved(from: string, to: string): void {
    const [before, after] = [this.#covering(from), this.#covering(to)];
    for (const ledger of new Set([...before, ...after])) if (!before.includes(ledger) || !after.includes(ledger)) ledger.distrust();
  }

  opened(stats: BigIntStats): void {
    const key = identityOf(stats);
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
  }

  /** @param size of the file as it is closed */
  closed(key: string, real: string, size: number | undefined): void {
    const left = (this.#open.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#open.set(key, left);
      return;
    }
    this.#open.delete(key);
    for (const ledger of this.#covering(real)) {
      const orphaned = ledger.orphans.get(key);
      if (orphaned === undefined) continue;
      ledger.orphans.delete(key);
      ledger.add({ bytes: -(size ?? orphaned), entries: 0 });
    }
  }

  /** The size of a file that is open and has no name. */
  orphanGrew(key: string, real: string, size: number): void {
    for (const ledger of this.#covering(real)) if (ledger.orphans.has(key)) ledger.orphans.set(key, size);
  }

  /** One change of a file after the other: its size decides how much room the next one takes. */
  async alone<T>(stats: BigIntStats, work: () => Promise<T>): Promise<T> {
    const key = identityOf(stats);
    const before = this.#changing.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changing.set(key, promise);
    try {
      await before;
      return await work();
    } finally {
      if (this.#changing.get(key) === promise) this.#changing.delete(key);
      resolve();
    }
  }

  #ledger({ real }: OpenedFolder): Ledger {
    let ledger = this.#ledgers.get(real);
    if (ledger === undefined) {
      ledger = new Ledger();
      this.#ledgers.set(real, ledger);
    }
    return ledger;
  }

  #counted(ledger: Ledger, system: System, folder: OpenedFolder): Promise<void> {
    return ledger.counted ?? this.#count(ledger, system, folder);
  }

  /** Counts, or waits for a count that is under way. */
  #count(ledger: Ledger, system: System, folder: OpenedFolder): Promise<void> {
    if (ledger.since !== undefined && ledger.counted !== undefined) return ledger.counted;
    const counted = ledger.count(system, folder);
    ledger.counted = counted;
    counted.catch(() => {
      ledger.counted = undefined;
    });
    return counted;
  }

  #covering(real: string): readonly Ledger[] {
    if (this.#ledgers.size === 0) return [];
    const found: Ledger[] = [];
    for (let folder = real; ; folder = nodePath.posix.dirname(folder)) {
      const ledger = this.#ledgers.get(folder);
      if (ledger !== undefined) found.push(ledger);
      if (folder === '/') return found;
    }
  }
}

export const identityOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;

async function* eachOf(system: System, listing: Dir): AsyncGenerator<Dirent> {
  for (let entries = await system.next(listing); entries.length > 0; entries = await system.next(listing)) yield* entries;
}

async function countFolder(system: System, folder: number, depth: number): Promise<Amount> {
  let bytes = 0;
  let entries = 0;
  if (depth === 0) throw new FileFailure('ELOOP', 'the folder is nested too deeply to be counted');
  const listing = await system.entries(folder);
  try {
    for await (const entry of eachOf(system, listing)) {
      entries++;
      const name = entry.name as unknown as Buffer;
      const stats = await system.statOf(folder, name).catch(() => undefined);
      if (stats?.isFile()) bytes += Number(stats.size);
      if (stats?.isDirectory()) {
        const inner = await system.folder(folder, name).catch(() => undefined);
        if (inner === undefined) continue;
        try {
          const found = await countFolder(system, inner, depth - 1);
          bytes += found.bytes;
          entries += found.entries;
        } finally {
          release(inner);
        }
      }
      if (entries > mostEntries) break;
    }
  } finally {
    await listing.close();
  }
  return { bytes, entries };
}

function full({ rule, descriptor }: Root, folder: QuotaFolder, ledger: Ledger, amount: Amount): VivariumError {
  const isOwn = folder.descriptor === descriptor;
  const where = isOwn ? `\`${rule.guest}\`` : `what lies around \`${rule.guest}\``;
  const tooMany = ledger.entries + amount.entries > mostEntries;
  const text = tooMany
    ? `${where} may hold ${mostEntries} files and folders, and is full`
    : `${where} may hold ${formatSize(folder.quota)}: ${ledger.bytes} bytes are taken, and ${amount.bytes} more were to be written`;
  const moreBytes = isOwn
    ? `filesystem: { ${rule.guest}: { …, quota: … } }`
    : 'Remove files; or raise the quota of the level above that grants the folder around it.';
  const hint = tooMany ? 'Remove files, or use fewer and larger ones.' : moreBytes;
  return new VivariumError('limit.quota', text, { name: 'EDQUOT', hint });
}
