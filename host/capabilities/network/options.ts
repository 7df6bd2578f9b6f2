/** What an operator says of the network, checked. */
import { Resolver } from 'node:dns';
import { getCACertificates } from 'node:tls';
import { z } from 'zod';
import { parseRange } from '../../policy/rules/addresses.ts';
import type { Sockets } from './instance.ts';
import { createLookup } from './resolve.ts';

export interface NetworkOptions {
  /** Name servers to ask, as `192.0.2.1` or `127.0.0.1:5353`. Default: those of the system. Its file of hosts is never read. */
  readonly dnsServers?: readonly string[];
  /** Addresses and ranges like `10.1.0.0/16` that granted names may resolve to although they are not public. */
  readonly trustedAddresses?: readonly string[];
  /** Certificates of authorities (PEM) that are trusted beside those of Node. */
  readonly authorities?: readonly string[];
}

const isNameServer = (text: string): boolean => {
  try {
    new Resolver().setServers([text]);
    return true;
  } catch {
    return false;
  }
};

const range = z.string().transform((text, context) => {
  try {
    return parseRange(text);
  } catch (error) {
    context.addIssue((error as RangeError).message);
    return z.NEVER;
  }
});

export const networkOptions = z.strictObject({
  dnsServers: z.array(z.string().refine(isNameServer, 'a name server is an address, with `:port` if need be')).default([]),
  trustedAddresses: z.array(range).default([]),
  authorities: z.array(z.string().includes('-----BEGIN CERTIFICATE-----', { error: 'an authority is a certificate in PEM' })).default([]),
});

export const socketsOf = ({ dnsServers, trustedAddresses, authorities }: z.infer<typeof networkOptions>): Sockets => ({
  lookup: createLookup({ dnsServers, trusted: trustedAddresses }),
  authorities: authorities.length === 0 ? undefined : [...getCACertificates('default'), ...authorities],
});
