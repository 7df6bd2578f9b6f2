/** `node:fs/promises` of an actor. Relative paths are relative to `/`; modes and owners are the host's affair. */
import type { FileKind, FileStatus } from '../../fileStatus.ts';
import { fileFunctions, type FileFunction } from '../../modules.ts';
import type { Kernel } from '../../guest/kernel.ts';
import { freeze, table } from '../../guest/primordials.ts';
import { bytesIfAny, bytesOf, decoded, encodingOf } from './data.guest.ts';
import { attempted, codeOf, FileFailure, hidden, invalidType, invalidValue } from './errors.guest.ts';
import { constants, type Opening, openingOf } from './flags.guest.ts';
import { FileHandle, isIterable } from './handle.guest.ts';
import { below, resolvePath } from './paths.guest.ts';
import { Dirent, type Stats, statsOf } from './stats.guest.ts';
import { createStore } from './store.guest.ts';

interface Entry {
  readonly name: string;
  readonly kind: FileKind;
}

type Options =
  | { readonly recursive?: boolean; readonly force?: boolean; readonly flag?: unknown; readonly withFileTypes?: boolean; readonly signal?: AbortSignal }
  | null
  | undefined;

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const { random } = Math;

/** What the bundle of an actor gets when it imports files. */
export function createFiles(kernel: Kernel): Readonly<Record<FileFunction | 'constants', unknown>> {
  const store = createStore(kernel);

  const status = (path: string, follow: boolean): Promise<FileStatus> => store.call('stat', { path, follow }) as Promise<FileStatus>;

  /** Opens a file for as long as some work takes. */
  const withFile = async <T>(path: string, opening: Opening, work: (handle: FileHandle) => Promise<T>): Promise<T> => {
    const { handle } = (await store.call('open', { path, ...opening })) as { handle: number };
    const file = new FileHandle(store, handle);
    try {
      return await work(file);
    } finally {
      await file.close();
    }
  };

  const entriesOf = async (path: string): Promise<Entry[]> => {
    let all: Entry[] = [];
    for (;;) {
      const last = all[all.length - 1];
      const page = (await store.call('list', last === undefined ? { path } : { path, after: last.name })) as { entries: Entry[]; more: boolean };
      if (all.length === 0) all = page.entries;
      else for (let i = 0; i < page.entries.length; i++) all[all.length] = page.entries[i] as Entry;
      if (!page.more) return all;
    }
  };

  const write = (path: unknown, data: unknown, options: unknown, usual: string): Promise<void> => {
    if (path instanceof FileHandle) return path.writeFile(data, options);
    return attempted({ syscall: 'open', path: shown(path) }, async () => {
      signalOf(options)?.throwIfAborted();
      const target = resolvePath(path);
      const opening = openingOf((options as Options)?.flag, usual);
      if (opening.access === 'read') throw new FileFailure('EBADF');
      const encoding = encodingOf(options) ?? 'utf8';
      const bytes = bytesIfAny(data, encoding);
      if (bytes === undefined && !isIterable(data)) bytesOf(data);
      const { append = false, exclusive = false, truncate = false, create = false } = opening;
      const isWhole = create && (append || truncate || exclusive);
      if (bytes !== undefined && bytes.length <= store.chunk && isWhole) await store.call('writeFile', { path: target, data: bytes, append, exclusive });
      else await withFile(target, opening, (file) => file.writeFile(data, options));
    });
  };

  const functions: Record<FileFunction, (...args: never[]) => Promise<unknown>> = {
    readFile(path: unknown, options?: unknown): Promise<Uint8Array | string> {
      if (path instanceof FileHandle) return path.readFile(options);
      return attempted({ syscall: 'open', path: shown(path) }, async () => {
        signalOf(options)?.throwIfAborted();
        const encoding = encodingOf(options);
        const target = resolvePath(path);
        const opening = openingOf((options as Options)?.flag, 'r');
        try {
          if (opening.access === 'read') return decoded((await store.call('readFile', { path: target })) as Uint8Array, encoding);
        } catch (error) {
          // Larger than a message.
          if (codeOf(error) !== 'EFBIG') throw error;
        }
        return withFile(target, opening, (file) => file.readFile(options));
      });
    },
    writeFile: (path: unknown, data: unknown, options?: unknown) => write(path, data, options, 'w'),
    appendFile: (path: unknown, data: unknown, options?: unknown) => write(path, data, options, 'a'),
    readdir: (path: unknown, options?: Options) =>
      attempted({ syscall: 'scandir', path: shown(path) }, async () => {
        encodingOf(options);
        const names: (string | Dirent)[] = [];
        const visit = async (folder: string, prefix: string): Promise<void> => {
          const entries = await entriesOf(folder);
          for (let i = 0; i < entries.length; i++) {
            const { name, kind } = entries[i] as Entry;
            names[names.length] = options?.withFileTypes ? new Dirent(name, folder, kind) : `${prefix}${name}`;
            if (options?.recursive && kind === 'folder') await visit(below(folder, name), `${prefix}${name}/`);
          }
        };
        await visit(resolvePath(path), '');
        return names;
      }),
    stat: (path: unknown, options?: unknown): Promise<Stats> =>
      attempted({ syscall: 'stat', path: shown(path) }, async () => statsOf(await status(resolvePath(path), true), options)),
    lstat: (path: unknown, options?: unknown): Promise<Stats> =>
      attempted({ syscall: 'lstat', path: shown(path) }, async () => statsOf(await status(resolvePath(path), false), options)),
    access: (path: unknown, mode = 0) =>
      attempted({ syscall: 'access', path: shown(path) }, async () => {
        const { writable, kind } = await status(resolvePath(path), true);
        if (((mode & constants.W_OK) !== 0 && !writable) || ((mode & constants.X_OK) !== 0 && kind !== 'folder')) throw new FileFailure('EACCES');
      }),
    mkdir: (path: unknown, options?: Options | number) =>
      attempted({ syscall: 'mkdir', path: shown(path) }, async () => {
        const recursive = typeof options === 'object' && options?.recursive === true;
        const { created } = (await store.call('makeFolder', { path: resolvePath(path), recursive })) as { created: string | null };
        return recursive ? (created ?? undefined) : undefined;
      }),
    rm: (path: unknown, options?: Options) =>
      attempted({ syscall: 'rm', path: shown(path) }, async () => {
        await store.call('remove', { path: resolvePath(path), recursive: options?.recursive === true, force: options?.force === true });
      }),
    rmdir: (path: unknown) =>
      attempted({ syscall: 'rmdir', path: shown(path) }, async () => {
        await store.call('remove', { path: resolvePath(path), folder: true });
      }),
    unlink: (path: unknown) =>
      attempted({ syscall: 'unlink', path: shown(path) }, async () => {
        await store.call('remove', { path: resolvePath(path), folder: false });
      }),
    rename: (from: unknown, to: unknown) =>
      attempted({ syscall: 'rename', path: shown(from), dest: shown(to) }, async () => {
        await store.call('rename', { from: resolvePath(from, 'oldPath'), to: resolvePath(to, 'newPath') });
      }),
    copyFile: (from: unknown, to: unknown, mode = 0) =>
      attempted({ syscall: 'copyfile', path: shown(from), dest: shown(to) }, async () => {
        const source = resolvePath(from, 'src');
        const target = resolvePath(to, 'dest');
        const exclusive = (mode & constants.COPYFILE_EXCL) !== 0;
        try {
          await store.call('copy', { from: source, to: target, exclusive });
        } catch (error) {
          // The one in memory and the other with the host, or both in memory.
          const code = codeOf(error);
          if (code !== 'EXDEV' && code !== 'EINVAL') throw error;
          await withFile(source, openingOf('r', 'r'), (file) =>
            withFile(target, openingOf(exclusive ? 'wx' : 'w', 'w'), (copy) => copy.writeFile(file.createReadStream({ autoClose: false }))),
          );
        }
      }),
    truncate: (path: unknown, length = 0) =>
      attempted({ syscall: 'open', path: shown(path) }, () => withFile(resolvePath(path), openingOf('r+', 'r+'), (file) => file.truncate(length))),
    utimes: (path: unknown, accessed: unknown, modified: unknown) =>
      attempted({ syscall: 'utime', path: shown(path) }, async () => {
        await store.call('times', { path: resolvePath(path), accessed: milliseconds(accessed, 'atime'), modified: milliseconds(modified, 'mtime') });
      }),
    open: (path: unknown, flags?: unknown) =>
      attempted({ syscall: 'open', path: shown(path) }, async () => {
        const { handle } = (await store.call('open', { path: resolvePath(path), ...openingOf(flags, 'r') })) as { handle: number };
        return new FileHandle(store, handle);
      }),
    mkdtemp: (prefix: unknown) =>
      attempted({ syscall: 'mkdtemp', path: `${shown(prefix)}XXXXXX` }, async () => {
        if (typeof prefix !== 'string') throw invalidType('prefix', 'of type string');
        let name = prefix;
        for (let i = 0; i < 6; i++) name += letters[(random() * letters.length) | 0];
        await store.call('makeFolder', { path: resolvePath(name) });
        return name;
      }),
  };

  const files = table<unknown>() as Record<FileFunction | 'constants', unknown>;
  for (let i = 0; i < fileFunctions.length; i++) {
    const name = fileFunctions[i] as FileFunction;
    hidden(functions[name], 'name', name);
    files[name] = functions[name];
  }
  files.constants = freeze({ ...constants });
  return freeze(files);
}

/** A path as errors show it: as the author wrote it. */
const shown = (path: unknown): string | undefined => (typeof path === 'string' ? path : undefined);

const signalOf = (options: unknown): AbortSignal | undefined =>
  typeof options === 'object' && options !== null ? (options as { signal?: AbortSignal }).signal : undefined;

function milliseconds(time: unknown, name: string): number {
  const value = typeof time === 'object' && time !== null ? Number(time as Date) : Number(time) * 1000;
  if (value - value !== 0) throw invalidValue(name, 'is no time');
  return value - (((value % 1) + 1) % 1);
}
