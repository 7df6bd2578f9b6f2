/**
 * Which addresses and names lie on the public internet. Everything else (this machine, private networks, metadata of clouds, and
 * whatever carries an IPv4 address inside an IPv6 one) is reached only where a rule names the address itself.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Unicast by their range, and yet no place for guests. */
const extra = [
  // Azure's wire server: metadata of the machine behind a public address.
  '168.63.129.16/32',
  // IETF protocol assignments, as a whole.
  '2001::/23',
].map((range) => ipaddr.parseCIDR(range));

/** All of the IPv6 space that is handed out for the internet. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** @param text an address as DNS or a URL says it, with or without brackets; what is none is not public */
export const isPublicAddress = (text: string): boolean => {
  const address = parseAddress(text);
  if (address === undefined || address.range() !== 'unicast') return false;
  if (extra.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))) return false;
  return address.kind() === 'ipv4' || (address.match(globalUnicast) && !isIsatap(address as ipaddr.IPv6));
};

/** An IPv4 address in the interface part of an IPv6 one: RFC 5214. */
const isIsatap = ({ parts }: ipaddr.IPv6): boolean => (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;

const parseAddress = (text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined => {
  const bare = withoutBrackets(text);
  return isIP(bare) === 0 ? undefined : ipaddr.parse(bare);
};

/** The host of a URL as sockets take it. */
export const withoutBrackets = (host: string): string => (host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host);

export const isAddress = (host: string): boolean => isIP(withoutBrackets(host)) !== 0;

/** A range like `10.1.0.0/16`, or one address. */
export type AddressRange = readonly [base: ipaddr.IPv4 | ipaddr.IPv6, bits: number];

/** Throws a RangeError whose message says what is wrong. */
export const parseRange = (text: string): AddressRange => {
  try {
    return text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), isIP(text) === 4 ? 32 : 128];
  } catch {
    throw new RangeError(`\`${text}\` is no address and no range like \`10.1.0.0/16\``);
  }
};

export const isInRanges = (text: string, ranges: readonly AddressRange[]): boolean => {
  const address = parseAddress(text);
  return address !== undefined && ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
};

const reservedEndings = ['localhost', 'local', 'internal', 'localdomain', 'home.arpa', 'lan', 'onion', 'invalid'] as const;

/** Names of this machine or its network, whatever they resolve to. In the spelling of a URL, without a final dot. */
export const isLocalName = (host: string): boolean =>
  !isAddress(host) && (!host.includes('.') || reservedEndings.some((ending) => host === ending || host.endsWith(`.${ending}`)));
