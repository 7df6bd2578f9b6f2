/**
 * How many isolates live, in each cell, in each namespace and in the whole host, and who gets the next place.
 *
 * Who wants one and finds none waits, in the order of arrival. For each that waits an actor is asked to rest that has had nothing to
 * do for longest. When nobody can, it is told at once who is busy, and since when, and those are asked that have something to do, in
 * turns; who waits for too long is answered. Memory that is short is room that is short: it is made in the same way.
 */
import { VivariumError } from '../../sdk/errors.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { expectedOfActor, type HostMemory } from './hostMemory.ts';

/** A cell, as far as places for isolates go. */
export interface Residence {
  readonly namespace: string;
  /** Actors of its namespace that may live at once, at most. */
  readonly quota: number;
  /** Has so many actors hibernated as soon as they have nothing to do. @param busy also those that have, between two turns */
  rest(actors: number, busy: boolean): void;
  /** For how many milliseconds the actor that has been idle for longest has been so; 0 if none is. */
  readonly idle: number;
  /** How many actors may start at once. */
  readonly startsAtOnce: number;
  /** Has the memory of its process looked at now. */
  measure(): void;
  /** Who has a place, for people: names, with since when in milliseconds since the epoch. */
  residents(): readonly (readonly [name: string, since: number])[];
}

interface Account {
  /** Isolates that live, those that start included. */
  live: number;
  starting: number;
  /** Actors that were asked to rest and have not gone yet. */
  asked: number;
  /** What those that start will hold. Bytes. */
  expected: number;
  /** When somebody got a place last. */
  lastEntry: number;
  /** Who waits for a place, in the order of arrival. */
  waiting: Waiting[];
}

interface Waiting {
  readonly since: number;
  readonly name: string;
  /** What it will hold. Bytes. */
  readonly need: number;
  settle(error: VivariumError | undefined): void;
}

/** What there is no room in. */
type Full = 'cell' | 'namespace' | 'host' | 'memory';

/** Nobody got a place for so long: nobody had nothing to do, and actors that are busy must take turns. Milliseconds. */
const turnsAfter = 250;
/** Between two tellings that a namespace finds no place. Milliseconds. */
const quiet = 10_000;
/** Names that an error lists. */
const listed = 10;

export class Population {
  readonly #mostInCell: number;
  readonly #mostInHost: number;
  readonly #memory: HostMemory;
  /** Nobody got a place for so long: nobody will. Milliseconds. */
  readonly #patience: number;
  readonly #full: (namespace: string, actor: string, error: VivariumError) => void;
  readonly #accounts = new Map<Residence, Account>();
  /** By namespace: when it was told last that it finds no place. */
  readonly #told = new Map<string, number>();
  readonly #liveIn = new Map<string, number>();
  #live = 0;

  /**
   * @param limits `patience`: milliseconds that somebody waits for those that are busy
   * @param full told when an actor has to wait for others that are busy
   */
  constructor(
    limits: { readonly cell: number; readonly host: number; readonly patience: number },
    memory: HostMemory,
    full: (namespace: string, actor: string, error: VivariumError) => void,
  ) {
    this.#mostInCell = limits.cell;
    this.#mostInHost = limits.host;
    this.#patience = Math.max(limits.patience, turnsAfter);
    this.#memory = memory;
    this.#full = full;
  }

  /** Isolates that live. */
  get live(): number {
    return this.#live;
  }

  /** Actors that wait for a place. */
  get waiting(): number {
    let sum = 0;
    for (const { waiting } of this.#accounts.values()) sum += waiting.length;
    return sum;
  }

  /** Of one namespace: actors that live, and those that wait for a place. */
  standing(namespace: string): { readonly live: number; readonly waiting: number } {
    let waiting = 0;
    for (const [residence, account] of this.#accounts) if (residence.namespace === namespace) waiting += account.waiting.length;
    return { live: this.#liveIn.get(namespace) ?? 0, waiting };
  }

  /** A place, if there is one now for which nobody of the same cell waits. It is given back by {@link leave}; {@link started} is to be called before that. */
  tryEnter(residence: Residence, runtime: RuntimeName): boolean {
    const account = this.#account(residence);
    const need = expectedOfActor(runtime);
    if (account.waiting.length > 0 || !this.#hasRoom(residence, account, need)) return false;
    this.#enter(residence, account, need);
    return true;
  }

  /** As {@link tryEnter}, when there is one. @throws VivariumError limit.isolates, limit.host-memory, cell.died */
  async enter(residence: Residence, runtime: RuntimeName, name: string): Promise<void> {
    if (this.tryEnter(residence, runtime)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error: VivariumError | undefined): void => (error === undefined ? resolve() : reject(error));
    this.#account(residence).waiting.push({ since: Date.now(), name, need: expectedOfActor(runtime), settle });
    this.#admit();
    await promise;
  }

  /** An actor that has entered has started, or will not. */
  started(residence: Residence, runtime: RuntimeName): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    const need = expectedOfActor(runtime);
    account.starting--;
    account.expected -= need;
    residence.measure();
    this.#memory.settle(need);
    this.#admit();
  }

  /** An isolate is gone. @param rested it made room: perhaps because it was asked to */
  leave(residence: Residence, rested: boolean): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    account.live--;
    if (rested) account.asked = Math.max(0, account.asked - 1);
    this.#count(residence, -1);
    residence.measure();
    this.#admit();
  }

  /** The cell is gone, with everybody in it and everybody who wanted to be. */
  vanish(residence: Residence): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    this.#accounts.delete(residence);
    if (![...this.#accounts.keys()].some(({ namespace }) => namespace === residence.namespace)) this.#told.delete(residence.namespace);
    this.#count(residence, -account.live);
    this.#memory.settle(account.expected);
    for (const { settle } of account.waiting) settle(new VivariumError('cell.died', 'the cell ended'));
    this.#admit();
  }

  /** To be called now and then. */
  look(): void {
    const now = Date.now();
    const pressed = new Set<Residence>();
    for (const [residence, account] of this.#accounts) {
      const stuckFor = ({ since }: Waiting): number => now - Math.max(since, account.lastEntry);
      const [longest] = account.waiting;
      // Who waits for others to have started finds a place then.
      if (longest === undefined || this.#fullFor(residence, account, longest.need) === undefined) continue;
      if (stuckFor(longest) >= turnsAfter) {
        pressed.add(this.#holder(residence, account));
        this.#tell(residence, account, longest, stuckFor(longest));
      }
      const given = account.waiting.filter((waiting) => stuckFor(waiting) >= this.#patience);
      account.waiting.splice(0, given.length);
      for (const waiting of given) waiting.settle(this.#noPlace(residence, account, waiting, stuckFor(waiting)));
    }
    for (const holder of pressed) holder.rest(1, true);
    // Also of memory that was given back since.
    this.#admit();
    this.#relieve();
  }

  #tell(residence: Residence, account: Account, waiting: Waiting, milliseconds: number): void {
    const { namespace } = residence;
    const now = Date.now();
    if (now - (this.#told.get(namespace) ?? 0) < quiet) return;
    this.#told.set(namespace, now);
    this.#full(namespace, waiting.name, this.#noPlace(residence, account, waiting, milliseconds));
  }

  /** The cells hold more memory than they may together: who has nothing to do rests. */
  #relieve(): void {
    const { excess } = this.#memory;
    if (excess > 0) {
      const [idlest] = [...this.#accounts].filter(([{ idle }, { asked, live }]) => idle > 0 && asked < live).sort(([one], [other]) => other.idle - one.idle);
      if (idlest !== undefined) this.#ask(idlest[0], Math.ceil(excess / expectedOfActor('javascript')));
    }
    this.#memory.look();
  }

  /** Lets in whoever there is room for, those first that have waited for longest. */
  #admit(): void {
    for (;;) {
      let next: readonly [Residence, Account, Waiting] | undefined;
      for (const [residence, account] of this.#accounts) {
        const [first] = account.waiting;
        if (first === undefined || !this.#hasRoom(residence, account, first.need)) continue;
        if (next === undefined || first.since < next[2].since) next = [residence, account, first];
      }
      if (next === undefined) break;
      const [residence, account, first] = next;
      this.#enter(residence, account, first.need);
      account.waiting.shift();
      first.settle(undefined);
    }
    this.#press();
  }

  /** Asks for as many to rest as there are who wait for a place, and were not asked for. */
  #press(): void {
    const wanted = new Map<Residence, number>();
    for (const [residence, account] of this.#accounts) {
      const [first] = account.waiting;
      if (first === undefined || this.#fullFor(residence, account, first.need) === undefined) continue;
      const holder = this.#holder(residence, account);
      wanted.set(holder, (wanted.get(holder) ?? 0) + account.waiting.length);
    }
    for (const [holder, places] of wanted) this.#ask(holder, places);
  }

  /** Asks for so many to rest, those included that were asked already. */
  #ask(holder: Residence, actors: number): void {
    const account = this.#account(holder);
    const more = Math.min(actors, account.live) - account.asked;
    if (more <= 0) return;
    account.asked += more;
    holder.rest(more, false);
  }

  #enter(residence: Residence, account: Account, need: number): void {
    account.live++;
    account.starting++;
    account.expected += need;
    account.lastEntry = Date.now();
    this.#memory.expect(need);
    this.#count(residence, 1);
  }

  #count({ namespace }: Residence, more: number): void {
    this.#live += more;
    const live = (this.#liveIn.get(namespace) ?? 0) + more;
    if (live === 0) this.#liveIn.delete(namespace);
    else this.#liveIn.set(namespace, live);
  }

  #hasRoom(residence: Residence, account: Account, need: number): boolean {
    return account.starting < residence.startsAtOnce && this.#fullFor(residence, account, need) === undefined;
  }

  /** What has no room for one more that will hold so many bytes. */
  #fullFor({ namespace, quota }: Residence, { live }: Account, need: number): Full | undefined {
    if (live >= this.#mostInCell) return 'cell';
    if ((this.#liveIn.get(namespace) ?? 0) >= quota) return 'namespace';
    if (this.#live >= this.#mostInHost) return 'host';
    return this.#memory.fits(need) ? undefined : 'memory';
  }

  /**
   * Who is to make room for the first that waits: the cell itself if it is full; else that in which an actor has been idle for longest, or
   * that with the most isolates, of the namespace if that has all it may have, and of the host if not.
   */
  #holder(residence: Residence, account: Account): Residence {
    const full = this.#fullFor(residence, account, account.waiting[0]?.need ?? 0);
    if (full === 'cell') return residence;
    let [holder, least] = [residence, account];
    for (const [other, its] of this.#accounts) {
      if (full === 'namespace' && other.namespace !== residence.namespace) continue;
      const isIdler = other.idle > 0 && its.asked < its.live && other.idle > (least.asked < least.live ? holder.idle : 0);
      if (isIdler || (holder.idle === 0 && other.idle === 0 && its.live > least.live)) [holder, least] = [other, its];
    }
    return holder;
  }

  #account(residence: Residence): Account {
    let account = this.#accounts.get(residence);
    if (account === undefined) {
      account = { live: 0, starting: 0, asked: 0, expected: 0, lastEntry: 0, waiting: [] };
      this.#accounts.set(residence, account);
    }
    return account;
  }

  /** Only of its own namespace are names told: others belong to other tenants. */
  #noPlace(residence: Residence, account: Account, { name, need }: Waiting, milliseconds: number): VivariumError {
    const full = this.#fullFor(residence, account, need);
    const who = this.#whoLives(residence, full);
    const found = `'${name}' found no place for ${milliseconds < 1000 ? (milliseconds / 1000).toFixed(1) : Math.floor(milliseconds / 1000)} s`;
    if (full === 'memory') {
      const { message, record } = this.#memory.refusal(found, need);
      return new VivariumError('limit.host-memory', `${message}${who}`, { actor: name, hint: record.hint });
    }
    const where =
      full === 'cell'
        ? `the ${account.live} isolates of its cell`
        : full === 'namespace'
          ? `the ${residence.quota} isolates of its namespace`
          : `the ${this.#live} isolates of the host`;
    return new VivariumError('limit.isolates', `${found}: ${where} are busy${who}`, {
      actor: name,
      hint: 'createHost({ limits: { isolates: …, namespaceIsolates: …, hostIsolates: … } }), or fewer actors that go on by themselves',
    });
  }

  #whoLives(residence: Residence, full: Full | undefined): string {
    const isNamespace = full === 'namespace';
    const cells = isNamespace ? [...this.#accounts.keys()].filter(({ namespace }) => namespace === residence.namespace) : [residence];
    const residents = cells.flatMap((cell) => cell.residents()).sort(([, one], [, other]) => one - other);
    if (residents.length === 0) return '';
    const names = residents.slice(0, listed).map(([resident, since]) => `'${resident}' since ${new Date(since).toISOString()}`);
    const more = residents.length > listed ? `, and ${residents.length - listed} more` : '';
    return `. In its ${isNamespace ? 'namespace' : 'cell'} live ${names.join(', ')}${more}`;
  }
}
