/** Extism's HTTP: a request of the plugin is one of the host's broker. The plugin is suspended until the whole response is there. */
import { decodeReply, encodeGuest } from '../guest/codec.ts';
import { hostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { Blocks } from './blocks.guest.ts';
import type { Caller, Functions } from './caller.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

/** What the broker answers a request with. */
interface Answer {
  /** To read the rest of the body by. */
  readonly response: number | null;
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
}

/** Bytes of a body in one message, and what is left of the message for all else. */
const largestPiece = 512 * 1024;
const wordsAround = 1024;

/** `http_request` suspends the plugin; what it throws ends the call: HostError policy.denied, network.failed, limit.network, message.invalid. */
/** @param admit throws if the actor may not have so many bytes more; asked as a body comes, not when all of it is here. */
export function createHttp(kernel: Kernel, blocks: Blocks, caller: Caller, admit: (bytes: number) => void): Functions {
  const { budget } = kernel;
  const largest = (): number => Math.max(1, Math.min(largestPiece, Math.floor(budget.bytes / 2) - wordsAround));
  let status = 0;
  let headers = '';

  const call = async (operation: string, value: object): Promise<unknown> => {
    const what = { is: 'call', capability: 'network', operation, ...(operation === 'read' ? { bulk: true } : {}) } as const;
    return decodeReply(await caller.wait(kernel.calls.call(caller.turn?.id ?? 0, what, encodeGuest(value, budget))), budget);
  };

  const send = async (head: object, body: Uint8Array | null): Promise<Answer> => {
    const piece = largest();
    if (body === null || body.length <= piece) return (await call('request', { ...head, body })) as Answer;
    const { upload } = (await call('request', { ...head, body: null, streaming: true })) as { upload: number };
    for (let at = 0; at < body.length; at += piece) await call('send', { upload, data: body.slice(at, at + piece) });
    return (await call('finish', { upload })) as Answer;
  };

  const bodyOf = async ({ body, response }: Answer): Promise<Uint8Array> => {
    if (response === null) return body ?? new Uint8Array(0);
    const pieces: Uint8Array[] = [];
    for (let size = 0; ; ) {
      const next = (await call('read', { response, length: largest() })) as Uint8Array | null;
      if (next === null) return joined(pieces);
      pieces.push(next);
      size += next.length;
      admit(size);
    }
  };

  return {
    async http_request(request: bigint, body: bigint): Promise<bigint> {
      status = 0;
      headers = '';
      const answer = await send(readRequest(toShow(blocks.read(request))), body === 0n ? null : blocks.read(body));
      const content = await bodyOf(answer);
      caller.check();
      status = answer.status;
      headers = headersOf(answer);
      return blocks.write(content);
    },
    http_status_code: (): number => status,
    http_headers: (): bigint => (headers === '' ? 0n : blocks.write(toUtf8(headers))),
  };
}

/** `{ "url", "method", "headers" }`, as the PDKs of Extism write it. @throws HostError message.invalid */
function readRequest(text: string): object {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    written = null;
  }
  const { url, method = 'GET', headers = {} } = (written ?? {}) as { url?: unknown; method?: unknown; headers?: unknown };
  const pairs = typeof headers === 'object' ? Object.entries(headers ?? {}) : undefined;
  if (typeof url !== 'string' || typeof method !== 'string' || pairs === undefined || pairs.some(([, value]) => typeof value !== 'string'))
    throw hostError('message.invalid', 'http_request takes a block of JSON: { "url": text, "method": text, "headers": { name: text } }');
  return { method: method.toUpperCase(), url, headers: pairs, redirect: 'follow' };
}

/** A header that came several times is one, joined as HTTP joins them. */
function headersOf({ headers }: Answer): string {
  const joined = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return JSON.stringify(Object.fromEntries(joined));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const bytes of pieces) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
