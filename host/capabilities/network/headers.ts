/** Which headers and methods a guest may send, and what it sees of those that come back. */
import { VivariumError } from '../../../sdk/errors.ts';

export type Header = readonly [name: string, value: string];

/** In capitals: `patch` is another method than `PATCH`, to servers and to policies. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Characters of all names and values together, in either direction. */
export const longestHeaders = 32 * 1024;
const mostHeaders = 256;

/** They say how the connection is used, where the message ends, or that the method is another than the one the policy was asked about. */
const ours: ReadonlySet<string> = new Set([
  'access-control-request-headers',
  'access-control-request-method',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);
const oursByStart = ['proxy-', 'sec-'] as const;

/** What says who asks: it stays with the origin that it was meant for. */
const credentials: ReadonlySet<string> = new Set(['authorization', 'cookie', 'cookie2']);

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const text = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @throws VivariumError network.failed with the name EINVAL */
export function demandMethod(method: string): void {
  if (methods.has(method)) return;
  throw invalid(`the method \`${printable(method)}\` cannot be sent: only ${[...methods].join(', ')}, in capitals`);
}

/**
 * The headers of a guest, checked, names in lower case.
 * @throws VivariumError network.failed with the name EINVAL, limit.network
 */
export function readHeaders(given: readonly Header[]): readonly Header[] {
  if (given.length > mostHeaders) throw new VivariumError('limit.network', `${given.length} headers exceed the limit of ${mostHeaders}`);
  const size = given.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  if (size > longestHeaders) throw new VivariumError('limit.network', `headers of ${size} characters exceed the limit of ${longestHeaders}`);
  return given.map(([written, value]) => {
    const name = written.toLowerCase();
    if (!token.test(name)) throw invalid(`\`${printable(written)}\` is no name of a header`);
    if (ours.has(name) || oursByStart.some((start) => name.startsWith(start))) throw invalid(`the header \`${printable(name)}\` is not for guests to set`);
    if (!text.test(value)) throw invalid(`the value of the header \`${printable(name)}\` has characters that no header can carry`);
    return [name, value.trim()];
  });
}

/** Without credentials, and without what carried a secret, for a redirect that leaves the origin. */
export const withoutCredentials = (headers: readonly Header[], secret: ReadonlySet<string>): readonly Header[] =>
  headers.filter(([name]) => !credentials.has(name) && !secret.has(name));

const describesBody = (name: string): boolean => name.startsWith('content-');

/** For a redirect that turns a request with a body into one without. */
export const withoutBody = (headers: readonly Header[]): readonly Header[] => headers.filter(([name]) => !describesBody(name));

/**
 * What undici took from the wire: name, value, name, value. Bytes as characters.
 * @param hidden tells which headers are left out by their names, as they were written
 */
export function receivedHeaders(raw: readonly (Buffer | string)[], hidden: (name: string) => boolean): readonly Header[] {
  const headers: Header[] = [];
  const texts = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const name = texts[i] as string;
    if (!hidden(name)) headers.push([name.toLowerCase(), texts[i + 1] as string]);
  }
  return headers;
}

/** The values of one header, joined as HTTP joins them; undefined if it is absent. */
export const headerValue = (headers: readonly Header[], wanted: string): string | undefined => {
  const values = headers.filter(([name]) => name === wanted).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
};

const invalid = (message: string): VivariumError => new VivariumError('network.failed', message, { name: 'EINVAL' });

const printable = (written: string): string => written.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, '?');
