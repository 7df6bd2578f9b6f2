/**
 * A folder of the embedder that keeps what was made of sources from one host to the next.
 *
 * Only its owner may have access: what lies in it runs in cells. Each file begins with the hash of its name and its content, so that a
 * damaged one, or one under another's name, is none. Files are made under another name and then renamed: several hosts may share it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, stat, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';

/** A hash as a file name; what else lies in the folder is not ours. */
const named = /^[0-9a-f]{64}$/;
/** A file that is being written, or was when its host ended. */
const unfinished = /^[0-9a-f]{64}\.[0-9a-f-]{36}$/;
const forgottenAfter = 3_600_000;

const hashLength = 64;

/** Bytes of one file that is read. */
const largest = 64 * 1024 * 1024;

/** A part of the bound that is left when files had to go, so that not every write looks at all of them. */
const kept = 0.8;

export class CacheFolder {
  /** Without links. */
  readonly path: string;
  readonly #mostBytes: number;
  readonly #warn: (text: string) => void;
  #bytes: number;
  #warned = false;

  /**
   * @param warn told, once each, what keeps the folder from being used
   * @returns undefined if it cannot be used
   */
  static async open(folder: string, mostBytes: number, warn: (text: string) => void): Promise<CacheFolder | undefined> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const real = await realpath(folder);
      const { uid, mode } = await lstat(real);
      if (uid !== process.getuid?.()) throw new Error('another user owns it');
      if ((mode & 0o077) !== 0) throw new Error('others have access to it: chmod 700');
      return new CacheFolder(real, mostBytes, warn, await sweep(real));
    } catch (error) {
      warn(`the cache folder ${folder} is not used: ${(error as Error).message}`);
      return undefined;
    }
  }

  private constructor(real: string, mostBytes: number, warn: (text: string) => void, bytes: number) {
    this.path = real;
    this.#mostBytes = mostBytes;
    this.#warn = warn;
    this.#bytes = bytes;
  }

  async read(name: string): Promise<string | undefined> {
    const file = path.join(this.path, name);
    try {
      await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const status = await handle.stat();
      if (!status.isFile() || status.size > largest || status.uid !== process.getuid?.()) return undefined;
      const content = await handle.readFile('utf8');
      const text = content.slice(hashLength + 1);
      if (content.slice(0, hashLength) !== hashOf(name, text)) return undefined;
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return text;
    } catch {
      return undefined;
    }
  }

  async write(name: string, text: string): Promise<void> {
    const file = path.join(this.path, name);
    const making = `${file}.${randomUUID()}`;
    const content = Buffer.from(`${hashOf(name, text)}\n${text}`);
    if (content.length > Math.min(largest, this.#mostBytes)) return;
    try {
      await using handle = await open(making, 'wx', 0o600);
      await handle.writeFile(content);
      await rename(making, file);
    } catch (error) {
      await unlink(making).catch(() => undefined);
      if (!this.#warned) this.#warn(`the cache folder ${this.path} cannot be written: ${(error as Error).message}`);
      this.#warned = true;
      return;
    }
    this.#bytes += content.length;
    if (this.#bytes > this.#mostBytes) this.#bytes = await sweep(this.path, this.#mostBytes * kept);
  }
}

const hashOf = (name: string, text: string): string => createHash('sha256').update(`${name}\n${text}`).digest('hex');

/** Removes what was forgotten half written, and the longest unused until `most` bytes are left. @returns bytes that are left */
async function sweep(folder: string, most: number = Number.POSITIVE_INFINITY): Promise<number> {
  const files: { readonly file: string; readonly size: number; readonly used: number }[] = [];
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    if (!named.test(name) && !unfinished.test(name)) continue;
    const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }));
    if (named.test(name)) files.push({ file, size, used: mtimeMs });
    else if (Date.now() - mtimeMs > forgottenAfter) await unlink(file).catch(() => undefined);
  }
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { file, size } of files.sort((a, b) => a.used - b.used)) {
    if (bytes <= most) break;
    await unlink(file).catch(() => undefined);
    bytes -= size;
  }
  return bytes;
}
