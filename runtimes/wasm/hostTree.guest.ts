/** The files of the mounts, as the host performs operations on them. */
import type { FileKind } from '../fileStatus.ts';
import { decodeReply, encodeGuest } from '../guest/codec.ts';
import { errno } from '../guest/errno.ts';
import { describe } from '../guest/failure.ts';
import { errnoOf } from '../guest/fileFailure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { Caller } from './caller.guest.ts';
import { type Entry, Refusal, type Tree } from './tree.guest.ts';

const largestPiece = 512 * 1024;
/** What a message takes beside a piece of a file. Bytes. */
const besidePiece = 1024;

/** Denials that differ in what they say, in the life of one instance: each is logged once. */
const mostDenialsLogged = 100;

export function createHostTree(kernel: Kernel, caller: Caller): Tree {
  const { budget } = kernel;
  const logged = new Set<string>();

  const isMounted = (path: string): boolean =>
    kernel.settings.mounts.some((mount) => mount.path === '/' || path === mount.path || path.startsWith(`${mount.path}/`));

  /** A program of WASI learns a number; its author reads the rest in the log. */
  const refuse = (error: unknown, path: string | undefined): Refusal => {
    const number = errnoOf(error);
    if (number !== errno.ENOTCAPABLE) return new Refusal(number);
    const { message, hint } = describe(error);
    const text = hint === undefined ? message : `${message}. ${hint}`;
    if (!logged.has(text) && logged.size < mostDenialsLogged) {
      logged.add(text);
      kernel.log('warn', text);
    }
    return new Refusal(path !== undefined && isMounted(path) ? errno.EACCES : number);
  };

  const call = async <T>(operation: string, input: object, path?: string): Promise<T> => {
    try {
      const request = { is: 'call', capability: 'filesystem', operation, bulk: operation === 'read' } as const;
      const payload = await caller.wait(kernel.calls.call(caller.turn?.id ?? 0, request, encodeGuest(input, budget)));
      caller.check();
      return decodeReply(payload, budget) as T;
    } catch (error) {
      caller.check();
      throw refuse(error, path);
    }
  };

  return {
    get piece() {
      return Math.min(largestPiece, kernel.settings.limits.message - besidePiece);
    },
    stat: (path, follow = true) => call('stat', follow ? { path } : { path, follow }, path),
    open: (path, opening) => call('open', { path, ...opening }, path),
    handleStat: (handle) => call('handleStat', { handle }),
    read: (handle, position, length) => call('read', { handle, position, length }),
    write: async (handle, position, data) => (await call<{ written: number }>('write', { handle, position, data })).written,
    resize: (handle, size) => call('truncate', { handle, size }),
    sync: (handle) => call('sync', { handle }),
    close: (handle) => call('close', { handle }),
    async list(path) {
      const entries: Entry[] = [];
      for (;;) {
        const last = entries.at(-1)?.name;
        const page = await call<{ entries: { name: string; kind: FileKind }[]; more: boolean }>(
          'list',
          last === undefined ? { path } : { path, after: last },
          path,
        );
        for (const { name, kind } of page.entries) entries.push({ name, kind, id: 0 });
        if (!page.more || page.entries.length === 0) return entries;
      }
    },
    makeFolder: (path) => call('makeFolder', { path }, path),
    remove: (path, folder) => call('remove', { path, folder }, path),
    rename: (from, to) => call('rename', { from, to }, from),
    times: (path, times) => call('times', { path, ...times }, path),
  };
}
