/** One call of a guest on its way to a file: asks the policy for the path, and again for what links make of it. */
import type { FileStatus } from '../../../runtimes/fileStatus.ts';
import { createHmac } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { CapabilityCall } from '../capability.ts';
import { FileFailure } from './failure.ts';
import { ledOut, type Mounts, type Root } from './mounts.ts';
import { namesOf, pathOf } from './path.ts';
import type { System } from './system.ts';
import { identityOf, type Usage } from './usage.ts';
import { type Place, walk } from './walk.ts';

export type Aim = 'read' | 'write';

/** What the instance that calls has. */
export interface VisitParts {
  readonly system: System;
  readonly mounts: Mounts;
  readonly usage: Usage;
  /** For the identities of files; known to nobody else. */
  readonly key: Uint8Array;
}

export class Visit {
  readonly system: System;
  readonly mounts: Mounts;
  readonly usage: Usage;
  readonly call: CapabilityCall;
  readonly #key: Uint8Array;

  constructor({ system, mounts, usage, key }: VisitParts, call: CapabilityCall) {
    this.system = system;
    this.mounts = mounts;
    this.usage = usage;
    this.call = call;
    this.#key = key;
  }

  /**
   * The place of a path, after the policy has allowed it.
   * @throws VivariumError policy.denied
   * @throws FileFailure, or what the system says
   */
  async place(path: string, aim: Aim, { follow = true } = {}): Promise<Place> {
    return this.within(await this.root(path, aim), path, aim, { follow });
  }

  /** The mount that a path lies in, after the policy has allowed the path. @throws as {@link place} */
  async root(path: string, aim: Aim): Promise<Root> {
    const resource = pathOf(namesOf(path));
    this.call.demand({ capability: 'filesystem', operation: aim, resource });
    const rule = this.mounts.of(resource);
    if (rule === undefined || this.mounts.looksLikeAnother(rule, resource)) throw new FileFailure('EACCES', 'the path may be that of another rule');
    return this.mounts.root(rule);
  }

  /** The place of a path in a mount. The policy has allowed the path; what links make of it is asked for. @throws as {@link place} */
  async within(root: Root, path: string, aim: Aim, { follow = true } = {}): Promise<Place> {
    const names = namesOf(path).slice(namesOf(root.rule.guest).length);
    const place = await walk(this.system, root, names, follow, (linked) => {
      const resource = root.guestPath(linked);
      if (this.mounts.of(resource) !== root.rule || this.mounts.looksLikeAnother(root.rule, resource)) throw ledOut();
      this.call.demand({ capability: 'filesystem', operation: aim, resource });
    });
    // The way may have taken long, and all that follows is done to what it leads to.
    if (!this.call.caller.signal.aborted) return place;
    place[Symbol.dispose]();
    throw this.call.caller.signal.reason;
  }

  /** @throws FileFailure ENOENT, EACCES */
  usable({ object }: Place): { readonly descriptor: number; readonly stats: BigIntStats } {
    if (object === undefined) throw new FileFailure('ENOENT');
    const { stats } = object;
    if (stats.isFile() && stats.nlink > 1n) throw new FileFailure('EACCES', 'a file with several names may be one that lies elsewhere');
    if (!stats.isFile() && !stats.isDirectory()) throw new FileFailure('EACCES', 'neither a file nor a folder');
    return object;
  }

  /** @throws VivariumError call.cancelled when nobody waits for the result any more */
  goOn(): void {
    this.call.caller.signal.throwIfAborted();
  }

  status(stats: BigIntStats, { rule }: Root): FileStatus {
    const isLink = stats.isSymbolicLink();
    return {
      kind: isLink ? 'link' : stats.isDirectory() ? 'folder' : 'file',
      size: stats.isFile() ? Number(stats.size) : 0,
      modified: milliseconds(stats.mtimeNs),
      accessed: milliseconds(stats.atimeNs),
      created: milliseconds(stats.birthtimeNs),
      writable: rule.access === 'read-write' && (isLink || (stats.mode & 0o222n) !== 0n),
      id: createHmac('sha256', this.#key).update(identityOf(stats)).digest().readUIntBE(0, 6),
    };
  }
}

const milliseconds = (nanoseconds: bigint): number => Number(nanoseconds / 1_000_000n);
