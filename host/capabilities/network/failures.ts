/** What a guest is told of a request that failed: how, in the words of every operating system, and nothing of where or why. */
import { errors } from 'undici';
import { VivariumError } from '../../../sdk/errors.ts';
import type { Access } from '../../policy/index.ts';
import type { CapabilityCall } from '../capability.ts';
import { NotFound, NotPublic } from './resolve.ts';

type FailureName = 'EINVAL' | 'ENOTFOUND' | 'ECONNREFUSED' | 'ECONNRESET' | 'ETIMEDOUT' | 'EPROTO' | 'ECERT' | 'EREDIRECT' | 'EBADF';

const messages = {
  ENOTFOUND: 'the name of the host has no address',
  ECONNREFUSED: 'the server cannot be connected to',
  ECONNRESET: 'the connection ended before the response was complete',
  ETIMEDOUT: 'the server took too long',
  EPROTO: 'the server does not speak the protocol',
  ECERT: 'the certificate of the server is not trusted',
} as const;

/** Unreachable and refused are one: which of the two would tell about machines behind an address. */
const names: Readonly<Record<string, keyof typeof messages>> = {
  ECONNREFUSED: 'ECONNREFUSED',
  EHOSTUNREACH: 'ECONNREFUSED',
  ENETUNREACH: 'ECONNREFUSED',
  EHOSTDOWN: 'ECONNREFUSED',
  ENETDOWN: 'ECONNREFUSED',
  EADDRNOTAVAIL: 'ECONNREFUSED',
  EACCES: 'ECONNREFUSED',
  EPERM: 'ECONNREFUSED',
  EINVAL: 'ECONNREFUSED',
  ETIMEDOUT: 'ETIMEDOUT',
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_BODY_TIMEOUT: 'ETIMEDOUT',
  ECONNRESET: 'ECONNRESET',
  EPIPE: 'ECONNRESET',
  ECONNABORTED: 'ECONNRESET',
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'ECONNRESET',
};

export const networkFailure = (name: FailureName, message: string): VivariumError => new VivariumError('network.failed', message, { name });

export const cancelled = (): VivariumError => new VivariumError('call.cancelled', 'the call was cancelled');

/** @throws VivariumError call.cancelled */
export function demandWanted(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

/** @throws nothing: an error that nobody foresaw is a broken connection to the guest, and its cause is for the embedder */
export function failureOf(error: unknown, call: Pick<CapabilityCall, 'refuse'>, access: Access): VivariumError {
  if (error instanceof VivariumError) return error;
  if (error instanceof NotPublic) return refusedAddress(call, access);
  if (error instanceof NotFound) return networkFailure('ENOTFOUND', messages.ENOTFOUND);
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new VivariumError('limit.network', 'the headers of the response exceed the limit');
  const name = error instanceof errors.HTTPParserError ? 'EPROTO' : (names[code] ?? kindOf(code));
  if (name !== undefined) return networkFailure(name, messages[name]);
  return new VivariumError('network.failed', messages.ECONNRESET, { name: 'ECONNRESET', cause: error });
}

const refusedAddress = (call: Pick<CapabilityCall, 'refuse'>, access: Access): VivariumError =>
  call.refuse(
    access,
    'its host is a name of a local network, or resolves to an address that is not public',
    'Grant the address itself, like `network: { allow: ["http://10.1.2.3"] }`, or let the operator trust it: createHost({ network: { trustedAddresses: [ … ] } }).',
  );

function kindOf(code: string): keyof typeof messages | undefined {
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME|CRL/.test(code)) return 'ECERT';
  return /^(?:HPE_|Z_|ERR_SSL|ERR_TLS|ERR_BROTLI|ERR__ERROR|EPROTO)/.test(code) ? 'EPROTO' : undefined;
}
