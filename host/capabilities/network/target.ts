/** The one reading of a URL: what the policy is asked about is what is connected to. */
import { VivariumError } from '../../../sdk/errors.ts';

/** Characters. */
const longestUrl = 16 * 1024;

const schemes = { http: ['http:', 'https:'], socket: ['ws:', 'wss:'] } as const;

/**
 * Reads a URL of a guest or of a redirect; what comes back is canonical and says so wherever it is shown or used.
 *
 * @param base what a redirect is relative to
 * @throws VivariumError network.failed with the name EINVAL, limit.network
 */
export function readTarget(text: string, kind: keyof typeof schemes, base?: URL): URL {
  if (text.length > longestUrl) throw new VivariumError('limit.network', `a URL of ${text.length} characters exceeds the limit of ${longestUrl}`);
  const refused = (why: string): VivariumError => new VivariumError('network.failed', `no request can be made to this URL: ${why}`, { name: 'EINVAL' });
  // The URL parser removes some of these silently: then the check and the one who wrote the URL would mean different things.
  if (hasControls(text)) throw refused('it has spaces or control characters');
  const url = URL.parse(text, base);
  if (url === null) throw refused('it is not valid');
  if (!(schemes[kind] as readonly string[]).includes(url.protocol)) throw refused(`its scheme is not ${schemes[kind].join(' or ').replaceAll(':', '')}`);
  if (url.username !== '' || url.password !== '') throw refused('it has a user name or a password');
  if (url.port === '0') throw refused('its port is 0');
  url.hash = '';
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.replace(/\.+$/, '');
  if (url.href.length > longestUrl) throw new VivariumError('limit.network', `a URL of ${url.href.length} characters exceeds the limit of ${longestUrl}`);
  return url;
}

const hasControls = (text: string): boolean => /[\u0000-\u0020\u007f]/.test(text);
