/** What one instance has in the network: connections of its own, which no other instance ever shares, and places for its requests. */
import { Agent, buildConnector } from 'undici';
import type { LookupFunction } from 'node:net';
import type { Holding } from '../holdings.ts';
import type { Waiting } from './backlog.ts';
import { longestHeaders } from './headers.ts';
import { Places } from './places.ts';

/** Milliseconds. */
const connectTimeout = 10_000;
const headersTimeout = 30_000;
const idleTimeout = 30_000;
const keepAlive = 4_000;

const connectionsPerOrigin = 6;

/** How sockets are made, for all instances alike. */
export interface Sockets {
  /** What every connection to a name asks for its address. */
  readonly lookup: LookupFunction;
  /** Certificates of authorities, PEM; undefined for those of Node. */
  readonly authorities: readonly string[] | undefined;
}

export class InstanceNetwork implements Holding {
  readonly places = new Places();
  /** Requests under way that the guest may cancel, by the numbers that it gave them. */
  readonly cancels = new Map<number, () => void>();
  readonly agent: Agent;
  /** Messages of all its sockets: from servers, and to them. */
  readonly unread: Waiting = { bytes: 0 };
  readonly unsent: Waiting = { bytes: 0 };

  constructor({ lookup, authorities }: Sockets) {
    this.agent = new Agent({
      // Every socket comes from this connector. A host that is an address needs no lookup: the policy was asked about it.
      connect: buildConnector({ allowH2: false, timeout: connectTimeout, lookup, ca: authorities } as buildConnector.BuildOptions),
      allowH2: false,
      connections: connectionsPerOrigin,
      pipelining: 1,
      headersTimeout,
      bodyTimeout: idleTimeout,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAlive,
      maxHeaderSize: longestHeaders,
    });
  }

  close(): void {
    this.agent.destroy().catch(() => {});
  }
}
