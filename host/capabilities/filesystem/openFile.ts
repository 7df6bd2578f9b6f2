/** A file that a guest has open. The descriptor lives until the last operation on it is over: its number is somebody else's then. */
import type { BigIntStats } from 'node:fs';
import type { Holding } from '../holdings.ts';
import { roomFor } from './bulk.ts';
import { FileFailure } from './failure.ts';
import type { Root } from './mounts.ts';
import type { FileMode, System } from './system.ts';
import { identityOf, type Usage } from './usage.ts';
import { Uses } from './uses.ts';

export interface OpenFileParts {
  readonly system: System;
  readonly usage: Usage;
  readonly root: Root;
  readonly descriptor: number;
  readonly stats: BigIntStats;
  readonly mode: FileMode;
  readonly append: boolean;
  /** The path on the host when it was opened: whose quota it counts against. */
  readonly real: string;
  /** The path of the guest, for errors. */
  readonly path: string;
}

export class OpenFile implements Holding {
  readonly #parts: OpenFileParts;
  readonly #gone: () => void;
  #position = 0;
  readonly #uses = new Uses(() => this.#closeDescriptor());

  /** @param gone told when the descriptor is free */
  constructor(parts: OpenFileParts, gone: () => void) {
    this.#parts = parts;
    this.#gone = gone;
    parts.usage.opened(parts.stats);
  }

  get path(): string {
    return this.#parts.path;
  }

  get root(): Root {
    return this.#parts.root;
  }

  stat(): Promise<BigIntStats> {
    return this.#uses.during(() => this.#parts.system.stat(this.#parts.descriptor));
  }

  /** @param position null: where the last operation without a position ended */
  async read(position: number | null, length: number): Promise<Buffer> {
    const { system, descriptor, mode } = this.#parts;
    if (mode === 'write') throw new FileFailure('EBADF');
    return this.#uses.during(async () => {
      const bytes = roomFor(length);
      const from = position ?? this.#position;
      const count = await system.read(descriptor, bytes, from);
      if (position === null) this.#position = from + count;
      return bytes.subarray(0, count);
    });
  }

  /** @returns where the file goes on */
  write(position: number | null, data: Uint8Array): Promise<number> {
    const { system, descriptor, append } = this.#parts;
    const end = (size: number): number => (append ? size : (position ?? this.#position)) + data.length;
    return this.#change(
      (size) => Math.max(size, end(size)),
      async () => {
        await system.write(descriptor, data, append ? null : (position ?? this.#position));
        const after = append ? await this.#size() : end(0);
        if (append || position === null) this.#position = after;
        return after;
      },
    );
  }

  truncate(size: number): Promise<void> {
    const { system, descriptor } = this.#parts;
    return this.#change(
      () => size,
      () => system.truncate(descriptor, size),
    );
  }

  /** Replaces all of it; what was there is lost only when there is room for what comes. */
  replace(data: Uint8Array): Promise<void> {
    const { system, descriptor } = this.#parts;
    return this.#change(
      () => data.length,
      async () => {
        await system.truncate(descriptor, 0);
        await system.write(descriptor, data, 0);
      },
    );
  }

  sync(): Promise<void> {
    return this.#uses.during(() => this.#parts.system.sync(this.#parts.descriptor));
  }

  close(): void {
    this.#uses.end();
  }

  /**
   * Changes the file when there is room for it.
   * @param sizeAfter how large it will be, told how large it is; asked when nobody else changes it
   */
  async #change<T>(sizeAfter: (size: number) => number, perform: () => Promise<T>): Promise<T> {
    const { system, usage, root, real, stats, mode } = this.#parts;
    if (mode === 'read') throw new FileFailure('EBADF');
    return this.#uses.during(async () => {
      if (!usage.concerns(root, real)) return perform();
      return usage.alone(stats, async () => {
        const size = await this.#size();
        const reservation = await usage.reserve(system, root, real, { bytes: Math.max(0, sizeAfter(size) - size), entries: 0 });
        try {
          return await perform();
        } finally {
          const after = await this.#size().catch(() => Math.max(size, sizeAfter(size)));
          reservation.used({ bytes: after - size, entries: 0 });
          usage.orphanGrew(identityOf(stats), real, after);
        }
      });
    });
  }

  async #size(): Promise<number> {
    return Number((await this.#parts.system.stat(this.#parts.descriptor)).size);
  }

  #closeDescriptor(): void {
    const { system, usage, descriptor, stats, real } = this.#parts;
    const key = identityOf(stats);
    // One after the other: a descriptor that is closed is somebody else's.
    void system
      .stat(descriptor)
      .then(
        ({ size }) => usage.closed(key, real, Number(size)),
        () => usage.closed(key, real, undefined),
      )
      .finally(() => {
        system.close(descriptor);
        this.#gone();
      });
  }
}
