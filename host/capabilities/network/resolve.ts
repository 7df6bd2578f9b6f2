/**
 * Names to addresses: by this process's own questions to a name server, never by the system's resolver, whose files name
 * machines of the local network and whose threads everything else of the host needs.
 */
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { hostname } from 'node:os';
import { type AddressRange, isInRanges, isLocalName, isPublicAddress } from '../../policy/rules/addresses.ts';

export interface LookupOptions {
  /** Name servers, as `192.0.2.1` or `127.0.0.1:5353`; those of the system if empty. */
  readonly dnsServers: readonly string[];
  /** Addresses that a granted name may resolve to although they are not public. */
  readonly trusted: readonly AddressRange[];
}

/** Milliseconds for one try, of which there are two. */
const patience = 2_000;

/** A name that must not be connected to: it means this machine or its network. Told to guests without what it resolved to. */
export class NotPublic extends Error {}

/** A name without any address. */
export class NotFound extends Error {}

interface Found {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * What is asked at the same time is asked by one resolver, because each has descriptors of its own; and by a new one once nothing is
 * open, because the name servers of the system may be others by then.
 */
class Questions {
  readonly #dnsServers: readonly string[];
  #resolver = new Resolver();
  #open = 0;

  constructor(dnsServers: readonly string[]) {
    this.#dnsServers = dnsServers;
  }

  async ask(name: string): Promise<Found[]> {
    if (this.#open === 0) this.#renew();
    const resolver = this.#resolver;
    this.#open++;
    const [four, six] = await Promise.all([resolver.resolve4(name).catch(() => []), resolver.resolve6(name).catch(() => [])]);
    this.#open--;
    return [...four.map((address): Found => ({ address, family: 4 })), ...six.map((address): Found => ({ address, family: 6 }))];
  }

  #renew(): void {
    this.#resolver = new Resolver({ timeout: patience, tries: 2 });
    if (this.#dnsServers.length > 0) this.#resolver.setServers(this.#dnsServers);
  }
}

/**
 * A lookup for one socket.
 * @returns the lookup, and what waits until nothing of it is open: nobody can take a question back, not even who is gone
 */
export function watched(lookup: LookupFunction): { readonly lookup: LookupFunction; ended(): Promise<unknown> } {
  let answered: Promise<void> | undefined;
  return {
    lookup: (name, options, done) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      answered = promise;
      lookup(name, options, (...answer) => {
        resolve();
        done(...answer);
      });
    },
    ended: async () => answered,
  };
}

/**
 * What a socket asks before it connects: addresses of a name, of which each has been checked. The socket connects to one of these, so
 * whatever the name server says next time makes no difference.
 */
export function createLookup({ dnsServers, trusted }: LookupOptions): LookupFunction {
  const questions = new Questions(dnsServers);
  const isAllowed = (address: string): boolean => isPublicAddress(address) || isInRanges(address, trusted);

  const resolve = async (name: string): Promise<Found[]> => {
    if (isLocalName(name) || name === hostname().toLowerCase()) throw new NotPublic(name);
    const found = await questions.ask(name);
    if (found.length === 0) throw new NotFound(name);
    if (!found.every(({ address }) => isAllowed(address))) throw new NotPublic(name);
    return found;
  };

  return (name, options, done) => {
    resolve(name).then(
      (found) => {
        const [first] = found as [Found];
        if (options.all === true) done(null, found);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, '', 4),
    );
  };
}
