/**
 * How many isolates live, in each cell and in the whole host, and who gets the next place.
 *
 * Who wants one and finds none waits, in the order of arrival. For each that waits an actor is asked to rest that has had nothing to
 * do for longest; when nobody can, those are asked that have something to do, in turns. Who waits for long while nobody makes
 * room is told who has it.
 */
import { VivariumError } from '../../sdk/errors.ts';

/** A cell, as far as places for isolates go. */
export interface Residence {
  /** Has so many actors hibernated as soon as they have nothing to do. @param busy also those that have, between two turns */
  rest(actors: number, busy: boolean): void;
  /** For how many milliseconds the actor that has been idle for longest has been so; 0 if none is. */
  readonly idle: number;
  /** How many actors may start at once. */
  readonly startsAtOnce: number;
  /** Who has a place, for people: names, with since when in milliseconds since the epoch. */
  residents(): readonly (readonly [name: string, since: number])[];
}

interface Account {
  /** Isolates that live, those that start included. */
  live: number;
  starting: number;
  /** Actors that were asked to rest and have not gone yet. */
  asked: number;
  /** When somebody got a place last. */
  lastEntry: number;
  /** Who waits for a place, in the order of arrival. */
  waiting: Waiting[];
}

interface Waiting {
  readonly since: number;
  readonly name: string;
  settle(error: VivariumError | undefined): void;
}

/** Nobody got a place for so long: actors that have something to do must take turns. Milliseconds. */
const turnsAfter = 250;
/** Nobody got a place for so long: nobody will. Milliseconds. */
const hopelessAfter = 10_000;
/** Names that an error lists. */
const listed = 10;

export class Population {
  readonly #mostInCell: number;
  readonly #mostInHost: number;
  readonly #accounts = new Map<Residence, Account>();
  #live = 0;

  constructor(limits: { readonly cell: number; readonly host: number }) {
    this.#mostInCell = limits.cell;
    this.#mostInHost = limits.host;
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

  /** A place, if there is one now for which nobody of the same cell waits. It is given back by {@link leave}; {@link started} is to be called before that. */
  tryEnter(residence: Residence): boolean {
    const account = this.#account(residence);
    if (account.waiting.length > 0 || !this.#hasRoom(residence, account)) return false;
    this.#enter(account);
    return true;
  }

  /** As {@link tryEnter}, when there is one. @throws VivariumError limit.isolates, cell.died */
  async enter(residence: Residence, name: string): Promise<void> {
    if (this.tryEnter(residence)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#account(residence).waiting.push({ since: Date.now(), name, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    this.#admit();
    await promise;
  }

  /** An actor that has entered has started, or will not. */
  started(residence: Residence): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    account.starting--;
    this.#admit();
  }

  /** An isolate is gone. @param rested it made room: perhaps because it was asked to */
  leave(residence: Residence, rested: boolean): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    account.live--;
    if (rested) account.asked = Math.max(0, account.asked - 1);
    this.#live--;
    this.#admit();
  }

  /** The cell is gone, with everybody in it and everybody who wanted to be. */
  vanish(residence: Residence): void {
    const account = this.#accounts.get(residence);
    if (account === undefined) return;
    this.#accounts.delete(residence);
    this.#live -= account.live;
    for (const { settle } of account.waiting) settle(new VivariumError('cell.died', 'the cell ended'));
    this.#admit();
  }

  /** To be called now and then. */
  look(): void {
    const now = Date.now();
    const pressed = new Set<Residence>();
    for (const [residence, account] of this.#accounts) {
      const stuckFor = ({ since }: Waiting): number => now - Math.max(since, account.lastEntry);
      const given = account.waiting.filter((waiting) => stuckFor(waiting) >= hopelessAfter);
      account.waiting.splice(0, given.length);
      for (const { settle, name } of given) settle(this.#full(residence, account, name));
      const [longest] = account.waiting;
      if (longest !== undefined && stuckFor(longest) >= turnsAfter) pressed.add(this.#holder(residence, account));
    }
    for (const holder of pressed) holder.rest(1, true);
    this.#press();
  }

  /** Lets in whoever there is room for, those first that have waited for longest. */
  #admit(): void {
    for (;;) {
      let next: Account | undefined;
      for (const [residence, account] of this.#accounts) {
        const [first] = account.waiting;
        if (first === undefined || !this.#hasRoom(residence, account)) continue;
        if (next === undefined || first.since < (next.waiting[0] as Waiting).since) next = account;
      }
      if (next === undefined) break;
      this.#enter(next);
      next.waiting.shift()?.settle(undefined);
    }
    this.#press();
  }

  /** Asks for as many to rest as there are who wait for a place, and were not asked for. */
  #press(): void {
    const wanted = new Map<Residence, number>();
    for (const [residence, account] of this.#accounts) {
      if (account.waiting.length === 0 || (!this.#isFull(account) && this.#live < this.#mostInHost)) continue;
      const holder = this.#holder(residence, account);
      wanted.set(holder, (wanted.get(holder) ?? 0) + account.waiting.length);
    }
    for (const [holder, places] of wanted) {
      const account = this.#account(holder);
      const more = Math.min(places, account.live) - account.asked;
      if (more <= 0) continue;
      account.asked += more;
      holder.rest(more, false);
    }
  }

  #enter(account: Account): void {
    account.live++;
    account.starting++;
    account.lastEntry = Date.now();
    this.#live++;
  }

  #hasRoom(residence: Residence, account: Account): boolean {
    return !this.#isFull(account) && this.#live < this.#mostInHost && account.starting < residence.startsAtOnce;
  }

  #isFull({ live }: Account): boolean {
    return live >= this.#mostInCell;
  }

  /** Who is to make room: the cell itself if it is full, else that in which an actor has been idle for longest, or that with the most isolates. */
  #holder(residence: Residence, account: Account): Residence {
    if (this.#isFull(account)) return residence;
    let [holder, least] = [residence, account];
    for (const [other, its] of this.#accounts) {
      const isIdler = other.idle > 0 && its.asked < its.live && other.idle > (least.asked < least.live ? holder.idle : 0);
      if (isIdler || (holder.idle === 0 && other.idle === 0 && its.live > least.live)) [holder, least] = [other, its];
    }
    return holder;
  }

  #account(residence: Residence): Account {
    let account = this.#accounts.get(residence);
    if (account === undefined) {
      account = { live: 0, starting: 0, asked: 0, lastEntry: 0, waiting: [] };
      this.#accounts.set(residence, account);
    }
    return account;
  }

  /** Only of its own cell are names told: others belong to other tenants. */
  #full(residence: Residence, account: Account, name: string): VivariumError {
    const residents = [...residence.residents()].sort(([, one], [, other]) => one - other);
    const names = residents.slice(0, listed).map(([resident, since]) => `'${resident}' since ${new Date(since).toISOString()}`);
    const more = residents.length > listed ? `, and ${residents.length - listed} more` : '';
    const where = this.#isFull(account) ? `the ${account.live} isolates of its cell` : `the ${this.#live} isolates of the host`;
    const who = names.length === 0 ? '' : `. In its cell live ${names.join(', ')}${more}`;
    return new VivariumError('limit.isolates', `'${name}' found no place for ${hopelessAfter / 1000} s: ${where} are busy${who}`, {
      actor: name,
      hint: 'createHost({ limits: { isolates: …, hostIsolates: … } }), or fewer actors that go on by themselves',
    });
  }
}
