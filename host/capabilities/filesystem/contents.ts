/** What is in files: opened, read, written. */
import type { FileStatus } from '../../../runtimes/fileStatus.ts';
import type { Limits } from '../../../runtimes/limits.ts';
import { chunk } from './bulk.ts';
import { codeOf, FileFailure } from './failure.ts';
import type { Root } from './mounts.ts';
import { OpenFile } from './openFile.ts';
import { OpenFolder } from './openFolder.ts';
import type { RequestOf } from './requests.ts';
import type { FileMode } from './system.ts';
import type { Visit } from './visit.ts';
import type { Place } from './walk.ts';

/** Bytes that one message carries at most, what it says beside them left out. */
export const mostBytes = ({ message }: Limits): number => Math.max(1, message - 64);
/** Something that is made at the same moment somewhere else is tried again so often. */
const attempts = 5;

/** Files of guests that the host has open; told when one is opened or closed. */
export interface OpenFiles {
  /** @throws VivariumError limit.handles */
  take(): void;
  give(): void;
}

interface Opening {
  readonly mode: FileMode;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly append: boolean;
}

export class Contents {
  readonly #visit: Visit;
  readonly #open: OpenFiles;

  constructor(visit: Visit, open: OpenFiles) {
    this.#visit = visit;
    this.#open = open;
  }

  async open(request: RequestOf<'open'>): Promise<{ handle: number; stat: FileStatus }> {
    const { path, access, directory = false, create = false, exclusive = false, truncate = false, append = false } = request;
    if (access === 'read' && (create || truncate || append)) throw new FileFailure('EINVAL', 'what is opened to read is not changed');
    if (directory) return this.#openFolder(path, access);
    const { file, root } = await this.#openFile(path, { mode: access, create, exclusive, append });
    try {
      if (truncate) await file.truncate(0);
      const stat = this.#visit.status(await file.stat(), root);
      this.#visit.goOn();
      return { handle: this.#visit.call.holdings.add(file), stat };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async read({ handle, position, length }: RequestOf<'read'>): Promise<Buffer> {
    return this.#held(handle).read(position, Math.min(length, chunk, mostBytes(this.#visit.call.grant.limits)));
  }

  async write({ handle, position, data }: RequestOf<'write'>): Promise<{ written: number; position: number }> {
    return { position: await this.#held(handle).write(position, data), written: data.length };
  }

  async truncate(request: RequestOf<'truncate'>): Promise<null> {
    if ('handle' in request) await this.#held(request.handle).truncate(request.size);
    else await this.#briefly(request.path, { mode: 'write', create: false, exclusive: false, append: false }, ({ file }) => file.truncate(request.size));
    return null;
  }

  async handleStat({ handle }: RequestOf<'handleStat'>): Promise<FileStatus> {
    const { holdings } = this.#visit.call;
    const folder = holdings.get(OpenFolder, handle);
    if (folder !== undefined) return this.#visit.status(folder.stats, folder.root);
    const file = this.#held(handle);
    return this.#visit.status(await file.stat(), file.root);
  }

  async sync({ handle }: RequestOf<'sync'>): Promise<null> {
    if (this.#visit.call.holdings.get(OpenFolder, handle) === undefined) await this.#held(handle).sync();
    return null;
  }

  async close({ handle }: RequestOf<'close'>): Promise<null> {
    const { holdings } = this.#visit.call;
    if (holdings.get(OpenFolder, handle) === undefined) this.#held(handle);
    await holdings.close(handle);
    return null;
  }

  readFile({ path }: RequestOf<'readFile'>): Promise<Buffer> {
    const most = mostBytes(this.#visit.call.grant.limits);
    return this.#briefly(path, { mode: 'read', create: false, exclusive: false, append: false }, async ({ file }) => {
      const { size } = await file.stat();
      if (size > BigInt(most)) throw new FileFailure('EFBIG', 'larger than one message; open it and read it in parts');
      // One more, to see the end; and what has grown meanwhile is left for the next reader.
      return file.read(0, Math.min(most, Number(size) + 1));
    });
  }

  async writeFile({ path, data, append = false, exclusive = false }: RequestOf<'writeFile'>): Promise<null> {
    await this.#briefly(path, { mode: 'write', create: true, exclusive, append }, async ({ file }) => {
      await (append ? file.write(null, data) : file.replace(data));
    });
    return null;
  }

  async copy({ from, to, exclusive = false }: RequestOf<'copy'>): Promise<null> {
    await this.#briefly(from, { mode: 'read', create: false, exclusive: false, append: false }, ({ file: source }) =>
      this.#briefly(to, { mode: 'read-write', create: true, exclusive, append: false }, async ({ file: target }) => {
        const [before, after] = [await source.stat(), await target.stat()];
        if (before.dev === after.dev && before.ino === after.ino) return;
        // Takes all the room first: if there is too little, what was there is as it was.
        await target.truncate(Number(before.size));
        for (let at = 0; ; ) {
          this.#visit.goOn();
          const bytes = await source.read(at, chunk);
          if (bytes.length === 0) return;
          at = await target.write(at, bytes);
        }
      }),
    );
    return null;
  }

  #held(handle: number): OpenFile {
    const file = this.#visit.call.holdings.get(OpenFile, handle);
    if (file === undefined) throw new FileFailure('EBADF');
    return file;
  }

  async #openFolder(path: string, access: FileMode): Promise<{ handle: number; stat: FileStatus }> {
    if (access !== 'read') throw new FileFailure('EISDIR');
    const visit = this.#visit;
    using place = await visit.place(path, 'read');
    const { stats } = visit.usable(place);
    if (!stats.isDirectory()) throw new FileFailure('ENOTDIR');
    return { handle: visit.call.holdings.add(new OpenFolder(place.root, stats)), stat: visit.status(stats, place.root) };
  }

  /** Opens a file for one operation. */
  async #briefly<T>(path: string, opening: Opening, work: (opened: { file: OpenFile; root: Root }) => Promise<T>): Promise<T> {
    const opened = await this.#openFile(path, opening);
    try {
      return await work(opened);
    } finally {
      opened.file.close();
    }
  }

  async #openFile(path: string, opening: Opening): Promise<{ file: OpenFile; root: Root }> {
    const { mode, append } = opening;
    const { usage, system } = this.#visit;
    const root = await this.#demand(path, mode);
    this.#open.take();
    try {
      const { descriptor, real } = await this.#descriptor(path, opening, root);
      const stats = await system.stat(descriptor).catch((error: unknown) => {
        system.close(descriptor);
        throw error;
      });
      const parts = { system, usage, root, descriptor, stats, mode, append, real, path };
      return { root, file: new OpenFile(parts, () => this.#open.give()) };
    } catch (error) {
      this.#open.give();
      throw error;
    }
  }

  /** Both are asked for where both are done. */
  async #demand(path: string, mode: FileMode): Promise<Root> {
    if (mode === 'read-write') await this.#visit.root(path, 'read');
    return this.#visit.root(path, mode === 'read' ? 'read' : 'write');
  }

  async #descriptor(path: string, { mode, create, exclusive, append }: Opening, root: Root): Promise<{ descriptor: number; real: string }> {
    const { system } = this.#visit;
    for (let attempt = 1; ; attempt++) {
      using place = await this.#visit.within(root, path, mode === 'read' ? 'read' : 'write', { follow: !exclusive });
      const { real } = place;
      if (place.object === undefined) {
        if (!create) throw new FileFailure('ENOENT');
        try {
          return { descriptor: await this.#create(place, mode, append), real };
        } catch (error) {
          if (exclusive || codeOf(error) !== 'EEXIST' || attempt === attempts) throw error;
          continue;
        }
      }
      if (exclusive) throw new FileFailure('EEXIST');
      const { descriptor, stats } = this.#visit.usable(place);
      if (stats.isDirectory()) throw new FileFailure('EISDIR');
      return { descriptor: await system.reopen(descriptor, mode, append), real };
    }
  }

  async #create({ root, folder, name, real }: Place, mode: FileMode, append: boolean): Promise<number> {
    const { usage, system } = this.#visit;
    const reservation = await usage.reserve(system, root, real, { bytes: 0, entries: 1 });
    try {
      const descriptor = await system.create(folder, name, mode, append);
      reservation.used({ bytes: 0, entries: 1 });
      return descriptor;
    } catch (error) {
      reservation.used({ bytes: 0, entries: 0 });
      throw error;
    }
  }
}
