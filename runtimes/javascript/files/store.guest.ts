/** Where the files of an actor are: those of the host, behind calls that its policy decides, and those in its own memory. */
import { decodeReply, encodeGuest } from '../../guest/codec.ts';
import type { GuestPayload, Kernel } from '../../guest/kernel.ts';
import { PromiseIntrinsic, then } from '../../guest/primordials.ts';
import { FileFailure } from './errors.guest.ts';
import { MemoryFiles, type MemoryRequest } from './memory.guest.ts';
import { isUnder } from './paths.guest.ts';

/** The private folder of each instance. A mount there, or below, takes its place. */
const temporary = '/tmp';

/** What a request says beside its bytes, at most. */
const overhead = 512;
const largestChunk = 512 * 1024;

export interface Store {
  /** Bytes of one read or write. */
  readonly chunk: number;
  call(operation: string, request: MemoryRequest): Promise<never>;
}

export function createStore(kernel: Kernel): Store {
  const { budget } = kernel;
  const { mounts, limits } = kernel.settings;
  const room = limits.message - overhead;
  const chunk = room < 1 ? 1 : room < largestChunk ? room : largestChunk;
  let mounted = false;
  for (let i = 0; i < mounts.length; i++) if (isUnder(temporary, (mounts[i] as { path: string }).path)) mounted = true;
  const memory = mounted ? undefined : new MemoryFiles(temporary);

  const decodedAnswer = (payload: GuestPayload): unknown => decodeReply(payload, budget);

  const ask = (operation: string, request: MemoryRequest): Promise<never> => {
    const what = { is: 'call', capability: 'filesystem', operation, ...(operation === 'read' || operation === 'readFile' ? { bulk: true } : {}) } as const;
    const answer = kernel.calls.call(kernel.current()?.id ?? 0, what, encodeGuest(request, budget));
    return then(answer, decodedAnswer as never) as Promise<never>;
  };

  /** Whether a request is for the files in memory: by its paths, or by its handle, which is negative there. */
  const isOwn = (request: MemoryRequest): boolean => {
    if (memory === undefined) return false;
    if (request['handle'] !== undefined) return request['handle'] < 0;
    if (request['path'] !== undefined) return memory.holds(request['path']);
    return memory.holds(request['from']);
  };

  /** The folder that holds `/tmp` shows it beside the mounts. */
  const listTop = async (): Promise<object> => {
    const { entries } = mounts.length === 0 ? { entries: [] } : ((await ask('list', { path: '/' })) as { entries: { name: string }[] });
    for (let i = 0; i < entries.length; i++) if (entries[i]?.name === 'tmp') return { entries, more: false };
    entries[entries.length] = { name: 'tmp', kind: 'folder' } as never;
    return { entries, more: false };
  };

  return {
    chunk,
    call(operation, request) {
      const own = isOwn(request);
      if (request['to'] !== undefined && memory !== undefined && memory.holds(request['to']) !== own) throw new FileFailure('EXDEV');
      if (memory !== undefined && operation === 'list' && request['path'] === '/') return listTop() as Promise<never>;
      if (!own) return ask(operation, request);
      return new PromiseIntrinsic<never>((resolve) => resolve((memory as MemoryFiles).call(operation, request) as never));
    },
  };
}
