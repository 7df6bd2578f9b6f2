/**
 * The files of the host, as far as a policy grants them. What a guest says is decoded and checked here; the policy decides on
 * paths, and what is done is done to the object that was opened, never to a path that could mean something else by then.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { VivariumError } from '../../../sdk/errors.ts';
import { decode, encode } from '../../../sdk/message.ts';
import { budgetOf } from '../../routing/topology.ts';
import type { Answer, Capability, CapabilityCall } from '../capability.ts';
import type { Holding } from '../holdings.ts';
import { bulkAnswer } from './bulk.ts';
import { Contents, type OpenFiles } from './contents.ts';
import { fileError } from './failure.ts';
import { type Lane, Lanes } from './lanes.ts';
import { Mounts } from './mounts.ts';
import { isOperation, type Operation, requests } from './requests.ts';
import { canWalk, System } from './system.ts';
import { Tree } from './tree.ts';
import { Usage } from './usage.ts';
import { Visit, type VisitParts } from './visit.ts';

/** Threads that Node has for files, names and all else that waits in the system. */
const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);

/** Operations of all guests at once, and of one instance. Each holds a few descriptors while it walks. */
const operations = { most: 64, each: 8 } as const;

export interface FilesystemOptions {
  /** Whether objects can be named by open descriptors here. Default: what this system says. */
  readonly canWalk?: boolean;
  /** Files that all guests of a host may have open. Default: half of what the process may. */
  readonly mostOpen?: number;
}

/** The capability `filesystem`. One for a host: quotas and bounds hold for all of its actors together. */
export class Filesystem implements Capability {
  readonly #canWalk: boolean;
  readonly #usage = new Usage();
  readonly #open: OpenFiles;
  // A folder on a server that does not answer would take every thread that the host has for files, and its look-ups of names with
  // them. So guests leave one free, and no instance has all that guests may have.
  readonly #threads = new Lanes(Math.max(1, threads - 1), Math.max(1, threads - 2));
  readonly #operations = new Lanes(operations.most, operations.each);

  constructor({ canWalk: walks = canWalk(), mostOpen = mostDescriptors() / 2 }: FilesystemOptions = {}) {
    this.#canWalk = walks;
    this.#open = countOpen(mostOpen);
  }

  /** @throws VivariumError policy.denied, filesystem.failed, limit.quota, limit.handles, limit.message, message.invalid, host.unsupported */
  async call(call: CapabilityCall): Promise<Answer> {
    if (!this.#canWalk) {
      throw new VivariumError('host.unsupported', 'this host cannot open files without following links, so it gives none to guests', {
        hint: 'Run the host on Linux with /proc mounted.',
      });
    }
    const { operation, payload, grant, holdings } = call;
    const budget = budgetOf(grant.limits);
    if (!isOperation(operation))
      throw new VivariumError('message.invalid', `there is no operation of files of this name: ${JSON.stringify(operation.slice(0, 64))}`);
    const request = requests[operation].safeParse(decode(payload, budget));
    if (!request.success) throw new VivariumError('message.invalid', `\`${operation}\` is not asked like this: ${request.error.issues[0]?.message}`);
    const instance = holdings.keep(this, () => this.#instance(call));
    try {
      const work = (): Promise<unknown> => instance.mounts.use(() => this.#perform(operation, request.data, new Visit(instance, call)));
      const result = await instance.operations.run(work, call.caller.signal);
      return Buffer.isBuffer(result) ? bulkAnswer(result) : encode(result, budget);
    } catch (error) {
      throw fileError(error, operation, pathsOf(request.data));
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the schema of the operation has just been applied.
  #perform(operation: Operation, request: any, visit: Visit): Promise<unknown> {
    switch (operation) {
      case 'stat':
      case 'list':
      case 'makeFolder':
      case 'remove':
      case 'rename':
      case 'times':
        return new Tree(visit)[operation](request);
      case 'open':
      case 'read':
      case 'write':
      case 'truncate':
      case 'handleStat':
      case 'sync':
      case 'close':
      case 'readFile':
      case 'writeFile':
      case 'copy':
        return new Contents(visit, this.#open)[operation](request);
    }
  }

  #instance({ grant }: CapabilityCall): InstanceFiles {
    const system = new System(this.#threads.lane());
    return new InstanceFiles({ system, mounts: new Mounts(grant, system), usage: this.#usage, key: randomBytes(32) }, this.#operations.lane());
  }
}

/** What one instance has: its mounts, opened, and its share of what there is to share. */
class InstanceFiles implements Holding, VisitParts {
  readonly system: System;
  readonly mounts: Mounts;
  readonly usage: Usage;
  readonly key: Uint8Array;
  readonly operations: Lane;

  constructor({ system, mounts, usage, key }: VisitParts, lane: Lane) {
    this.system = system;
    this.mounts = mounts;
    this.usage = usage;
    this.key = key;
    this.operations = lane;
  }

  close(): void {
    this.mounts.close();
  }
}

function countOpen(most: number): OpenFiles {
  let open = 0;
  return {
    take() {
      if (open >= most)
        throw new VivariumError('limit.handles', 'the actors of this host have too many files open together', {
          hint: 'Close files; or raise the limit of open files of the host (`ulimit -n`).',
        });
      open++;
    },
    give() {
      open--;
    },
  };
}

/** Descriptors that this process may have. */
function mostDescriptors(): number {
  try {
    return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 256);
  } catch {
    return 256;
  }
}

/** The paths that a request names. */
function pathsOf(request: object): readonly string[] {
  const { path, from, to } = request as { path?: string; from?: string; to?: string };
  return [path, from, to].filter((text) => text !== undefined);
}
