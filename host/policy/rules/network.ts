/**
 * Network: URL patterns. `https://api.example.com` is everything of that origin, `https://*.example.org/v1/*`
 * any host below example.org and paths that begin with /v1/, `https://*` any host.
 *
 * One parser reads patterns and the URLs compared with them, so that no spelling of a host or a path slips by:
 * hosts are in lower case, in punycode, without a final dot; ports are explicit; needless percent encoding is undone.
 *
 * What `*` allows are public addresses and names: any other address is reached only where a rule names it. What `*` denies is everything.
 */
import { isAddress, isLocalName, isPublicAddress } from './addresses.ts';
import { type Rule, type RuleKind, yamlText } from './rule.ts';

export interface UrlPattern {
  readonly scheme: string;
  /** `exact`: this host. `below`: any host that ends with `.host`. `any`: every host. */
  readonly hosts: 'exact' | 'below' | 'any';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The path may go on. */
  readonly open: boolean;
}

export interface NetworkRule extends Rule {
  readonly url: UrlPattern;
  /** Null is every method. */
  readonly methods: readonly string[] | null;
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };
const written = /^(?<scheme>[a-z]+):\/\/(?<star>\*\.?)?(?<host>[^/?#@*\\\s]*)(?<path>\/[^?#*\\\s]*)?(?<open>\*)?$/;
/** Stands for the labels that `*` may stand for, while the URL parser reads the rest. */
const anyLabel = 'any-label';

/** Throws a RangeError whose message says what is wrong. */
export const parsePattern = (text: string): UrlPattern => {
  const { scheme = '', star = '', host = '', path = '', open = '' } = written.exec(text)?.groups ?? {};
  if (scheme === '' || text.length > 2048)
    throw new RangeError('a pattern is `scheme://host`, `scheme://*.host` or `scheme://*`, with `:port` and `/path` or `/path*` if need be');
  if (!Object.hasOwn(defaultPorts, scheme)) throw new RangeError('the scheme is https, http, wss or ws');
  if (open !== '' && path === '') throw new RangeError('a `*` stands before the host or at the end of the path');
  const bare = star === '*' && /^(:\d+)?$/.test(host);
  if (star === '*' && !bare) throw new RangeError('a `*` in a host stands for whole labels: `*.example.org`');
  const url = readUrl(`${scheme}://${star === '' ? '' : anyLabel}${star === '*.' ? '.' : ''}${host}${path}`);
  if (url === null || (star === '*.' && host === '')) throw new RangeError(`\`${host}\` is no host`);
  if (star !== '*' && isLocalName(url.host)) throw new RangeError(`\`${host}\` is a name of a local network, which is never resolved: write the address`);
  const hosts = { '': 'exact', '*.': 'below', '*': 'any' } as const;
  return {
    scheme,
    hosts: hosts[star as keyof typeof hosts],
    host: star === '*' ? '' : url.host.slice(star === '' ? 0 : anyLabel.length + 1),
    port: url.port,
    path: url.path,
    open: open !== '' || url.path === '/',
  };
};

/** A URL as patterns are compared with it, or null if it is none that patterns speak of. */
export const readUrl = (text: string): Pick<UrlPattern, 'scheme' | 'host' | 'port' | 'path'> | null => {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  const port = url.port === '' ? defaultPorts[scheme] : Number(url.port);
  const host = url.hostname.replace(/\.$/, '');
  if (port === undefined || host === '' || url.username !== '' || url.password !== '') return null;
  return { scheme, host, port, path: plainPath(url.pathname) };
};

/** Whether a rule that denies speaks of an access: it does if any server could read the path so. */
export const deniesUrl = (rule: NetworkRule, text: string, method: string): boolean => {
  const url = readUrl(text);
  return url !== null && speaksOf(rule, method) && readingsOf(url.path).some((path) => coversUrl(rule.url, { ...url, hosts: 'exact', path, open: false }));
};

/** Whether a rule that allows speaks of an access. One for paths that begin like this does if every server must read the path so. */
export const matchesUrl = (rule: Omit<NetworkRule, 'origin'>, text: string, method: string): boolean => {
  const url = readUrl(text);
  if (url === null || !speaksOf(rule, method)) return false;
  const paths = rule.url.open ? readingsOf(url.path) : [url.path];
  return paths.every((path) => allowsPattern(rule.url, { ...url, hosts: 'exact', path, open: false }));
};

const speaksOf = ({ methods }: Pick<NetworkRule, 'methods'>, method: string): boolean => methods === null || methods.includes(method);

/** A rule that denies leaves nothing of one that allows. */
export const deniesAllOf = (deny: NetworkRule, allow: NetworkRule): boolean => coversUrl(deny.url, allow.url) && coversMethods(deny.methods, allow.methods);

export const patternText = ({ scheme, hosts, host, port, path, open }: UrlPattern): string => {
  const name = { exact: host, below: `*.${host}`, any: '*' }[hosts];
  const wholeOrigin = path === '/' && open;
  return `${scheme}://${name}${port === defaultPorts[scheme] ? '' : `:${port}`}${wholeOrigin ? '' : path}${open && !wholeOrigin ? '*' : ''}`;
};

const coversUrl = (wide: UrlPattern, narrow: UrlPattern): boolean =>
  wide.scheme === narrow.scheme && wide.port === narrow.port && coversHost(wide, narrow) && coversPath(wide, narrow);

/** As {@link coversUrl}, for rules that allow. */
const allowsPattern = (wide: UrlPattern, narrow: UrlPattern): boolean => coversUrl(wide, narrow) && standsFor(wide, narrow);

const standsFor = (wide: UrlPattern, narrow: UrlPattern): boolean => wide.hosts !== 'any' || narrow.hosts !== 'exact' || isPublicHost(narrow.host);

const isPublicHost = (host: string): boolean => (isAddress(host) ? isPublicAddress(host) : !isLocalName(host));

const coversHost = (wide: UrlPattern, narrow: UrlPattern): boolean => {
  if (wide.hosts === 'any') return true;
  if (wide.hosts === 'exact') return narrow.hosts === 'exact' && narrow.host === wide.host;
  return narrow.host.endsWith(`.${wide.host}`) || (narrow.hosts === 'below' && narrow.host === wide.host);
};

const coversPath = (wide: UrlPattern, narrow: UrlPattern): boolean =>
  wide.open ? narrow.path.startsWith(wide.path) : !narrow.open && narrow.path === wide.path;

const coversMethods = (wide: NetworkRule['methods'], narrow: NetworkRule['methods']): boolean =>
  wide === null || (narrow?.every((method) => wide.includes(method)) ?? false);

const intersectUrls = (left: UrlPattern, right: UrlPattern): UrlPattern | null => {
  if (left.scheme !== right.scheme || left.port !== right.port || !standsFor(left, right) || !standsFor(right, left)) return null;
  const host = coversHost(left, right) ? right : coversHost(right, left) && left;
  const path = coversPath(left, right) ? right : coversPath(right, left) && left;
  return host && path ? { ...left, hosts: host.hosts, host: host.host, path: path.path, open: path.open } : null;
};

const intersectMethods = (left: NetworkRule['methods'], right: NetworkRule['methods']): NetworkRule['methods'] => {
  if (left === null) return right;
  return right === null ? left : left.filter((method) => right.includes(method));
};

/** `%61` is `a`, whoever writes it; other escapes are compared in capitals. */
const plainPath = (path: string): string =>
  path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase();
  });

/**
 * A path as it is written, and as a server would read it that decodes it wholly, takes `\\` for `/`, drops what follows a `;` and
 * resolves what dots remain. Whoever reaches more by the second reading must be allowed it by both.
 */
const readingsOf = (path: string): readonly string[] => {
  if (!/[%;\\]|\/\//.test(path)) return [path];
  const decoded = plainPath(
    new URL(
      `http://host${undone(path)
        .replaceAll('\\', '/')
        .replaceAll(/;[^/]*/g, '')
        .replaceAll(/\/{2,}/g, '/')}`,
    ).pathname,
  );
  return decoded === path ? [path] : [path, decoded];
};

/** Without percent encoding, however often it was applied. What is no text stays as it is. */
const undone = (path: string): string => {
  for (let turns = 0; turns < 4 && path.includes('%'); turns++) {
    try {
      path = decodeURIComponent(path);
    } catch {
      return path;
    }
  }
  return path.replaceAll(/[?#]/g, (mark) => encodeURIComponent(mark));
};

const ruleText = ({ url, methods }: Omit<NetworkRule, 'origin'>): string => {
  const pattern = yamlText(patternText(url));
  return methods === null ? pattern : `{ url: ${pattern}, methods: [${methods.join(', ')}] }`;
};

export const network: RuleKind<NetworkRule> = {
  capability: 'network',
  covers: (wide, narrow) => allowsPattern(wide.url, narrow.url) && coversMethods(wide.methods, narrow.methods),
  intersect: (request, level) => {
    const url = intersectUrls(request.url, level.url);
    const methods = intersectMethods(request.methods, level.methods);
    return url === null || methods?.length === 0 ? null : { ...request, url, methods };
  },
  matches: (rule, resource, operation) => matchesUrl(rule, resource, operation),
  text: (rule) => `network: { allow: [${ruleText(rule)}] }`,
};

export const denyText = (rule: Omit<NetworkRule, 'origin'>): string => `network: { deny: [${ruleText(rule)}] }`;
