/**
 * The memory of all cells of one host together: what they hold, who holds it, and whether there is room for more.
 *
 * It is measured, not reserved: a cell may hold as much as its own limit says, and few do. So it is looked for room before a cell starts or an
 * actor wakes. When cells that live outgrow the limit together, spare ones end, actors rest that have nothing to do, and if that does
 * not help, the largest cell of the namespace that holds most is ended.
 */
import { totalmem } from 'node:os';
import { VivariumError } from '../../sdk/errors.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { residentPerIsolate } from './memory.ts';

/** The process of a cell, as far as memory goes. */
export interface MemoryHolder {
  /** Whose guests it runs; undefined: nobody's yet, it is kept ready. */
  readonly namespace: string | undefined;
  /** When it began to be theirs, or to be there. Milliseconds since the epoch. */
  readonly since: number;
  /** What it shares with no other process, as it was measured last; undefined before that. Bytes. */
  readonly own: number | undefined;
  end(reason: VivariumError): void;
}

/** What one namespace holds. */
export interface NamespaceMemory {
  readonly namespace: string;
  readonly cells: number;
  /** Bytes. */
  readonly memory: number;
  /** When the first of its cells began to be there. Milliseconds since the epoch. */
  readonly since: number;
}

const MiB = 1024 * 1024;

/** What a cell without guests is counted with until it was measured: it holds 26 MB. Bytes. */
export const expectedOfCell = 32 * MiB;
/** Looks in a row at which the cells hold too much before one of them is ended: what rests needs time to go. */
const patience = 4;
/** Between two warnings. Milliseconds. */
const quiet = 10_000;
/** Namespaces that a text lists. */
const listed = 10;

/** Three quarters of what the machine has, or of what it lets this process have. Bytes. */
export const defaultHostMemory = (): number => Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) * 0.75);

/** What an actor is counted with from the moment it is admitted until it has started and was measured. Bytes. */
export const expectedOfActor = (runtime: RuntimeName): number => residentPerIsolate[runtime];

export class HostMemory {
  /** Bytes. */
  readonly limit: number;
  readonly #warn: (text: string) => void;
  readonly #holders = new Set<MemoryHolder>();
  #expected = 0;
  #looksAbove = 0;
  #warned = 0;

  /** @param warn tells whoever runs the host; other than errors it names namespaces, which are other tenants */
  constructor(limit: number, warn: (text: string) => void) {
    this.limit = limit;
    this.#warn = warn;
  }

  add(holder: MemoryHolder): void {
    this.#holders.add(holder);
  }

  delete(holder: MemoryHolder): void {
    this.#holders.delete(holder);
  }

  /** What all cells hold together. Bytes. */
  get held(): number {
    let held = 0;
    for (const { own } of this.#holders) held += own ?? expectedOfCell;
    return held;
  }

  /** By how much more they hold than they may. Bytes; 0 if they do not. */
  get excess(): number {
    return Math.max(0, this.held - this.limit);
  }

  /** An actor was admitted, and will hold so much. */
  expect(bytes: number): void {
    this.#expected += bytes;
  }

  /** What was expected is measured now, or will not come. */
  settle(bytes: number): void {
    this.#expected -= bytes;
  }

  fits(bytes: number): boolean {
    return this.held + this.#expected + bytes <= this.limit;
  }

  get fitsCell(): boolean {
    return this.fits(expectedOfCell);
  }

  /** Why a cell is not started. */
  refuseCell(): VivariumError {
    return this.refusal('a cell is not started', expectedOfCell);
  }

  /** Guests may see it: it names nobody. Whoever runs the host is told who holds what. */
  refusal(what: string, bytes: number): VivariumError {
    const message = `${what}: it needs ${inMiB(bytes)}, and all cells of the host hold ${inMiB(this.held)} of the ${inMiB(this.limit)} that they may hold together`;
    this.#tell(message);
    return new VivariumError('limit.host-memory', message, { hint: 'createHost({ limits: { hostMemory: … } }); host.report().usage says who holds how much' });
  }

  /** Who holds how much since when, those with the most first. */
  byNamespace(): readonly NamespaceMemory[] {
    const namespaces = new Map<string, NamespaceMemory>();
    for (const { namespace, own, since } of this.#holders) {
      if (namespace === undefined) continue;
      const before = namespaces.get(namespace) ?? { namespace, cells: 0, memory: 0, since };
      const memory = before.memory + (own ?? expectedOfCell);
      namespaces.set(namespace, { namespace, cells: before.cells + 1, memory, since: Math.min(before.since, since) });
    }
    return [...namespaces.values()].sort((one, other) => other.memory - one.memory);
  }

  /** To be called now and then, after those were asked to rest that can. */
  look(): void {
    if (this.excess === 0) {
      this.#looksAbove = 0;
      return;
    }
    const spare = [...this.#holders].find(({ namespace }) => namespace === undefined);
    if (spare !== undefined) spare.end(this.#excessive('it was kept ready for nobody'));
    else if (++this.#looksAbove >= patience) this.#endLargest();
  }

  #endLargest(): void {
    this.#looksAbove = 0;
    const [most] = this.byNamespace();
    const theirs = [...this.#holders].filter(({ namespace }) => namespace === most?.namespace);
    const [largest] = theirs.sort((one, other) => (other.own ?? 0) - (one.own ?? 0));
    if (largest === undefined) return;
    const error = this.#excessive(`it held ${inMiB(largest.own ?? 0)}, as the largest of the namespace that held most`);
    this.#tell(`a cell of '${largest.namespace}' is ended: ${error.message}`);
    largest.end(error);
  }

  #excessive(why: string): VivariumError {
    return new VivariumError(
      'limit.host-memory',
      `all cells of the host held ${inMiB(this.held)} together, and may hold ${inMiB(this.limit)}; this one was ended because ${why}`,
      { hint: 'createHost({ limits: { hostMemory: … } }), or fewer cells, or less memory for each: limits.cellMemory' },
    );
  }

  /** For whoever runs the host: who holds how much, since when. */
  describe(): string {
    const namespaces = this.byNamespace();
    const who = namespaces
      .slice(0, listed)
      .map(({ namespace, memory, since }) => `'${namespace}' holds ${inMiB(memory)} since ${new Date(since).toISOString()}`);
    const more = namespaces.length > listed ? `, and ${namespaces.length - listed} namespaces hold less` : '';
    return who.length === 0 ? 'no namespace holds any' : who.join(', ') + more;
  }

  #tell(what: string): void {
    const now = Date.now();
    if (now - this.#warned < quiet) return;
    this.#warned = now;
    this.#warn(`${what}: ${this.describe()}`);
  }
}

const inMiB = (bytes: number): string => `${Math.ceil(bytes / MiB)} MiB`;
