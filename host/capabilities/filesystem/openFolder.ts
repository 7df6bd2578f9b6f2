/** A folder that a guest has opened: what it was then. Nothing of the host is held for it; what lies in it is asked for by its path. */
import type { BigIntStats } from 'node:fs';
import type { Holding } from '../holdings.ts';
import type { Root } from './mounts.ts';

export class OpenFolder implements Holding {
  readonly root: Root;
  readonly stats: BigIntStats;

  constructor(root: Root, stats: BigIntStats) {
    this.root = root;
    this.stats = stats;
  }

  close(): void {}
}
