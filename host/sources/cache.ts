/**
 * What was made of sources, under the hash of what it was made of. Texts, so that whoever takes one out cannot change what the next
 * one gets. Held in memory up to a bound, the longest unused leave first; where the embedder names a folder, there too.
 */
import type { CacheFolder } from './cacheFolder.ts';

export class SourceCache {
  readonly #mostCharacters: number;
  readonly #folder: CacheFolder | undefined;
  /** In the order of their last use. */
  readonly #texts = new Map<string, string>();
  #characters = 0;

  constructor(mostCharacters: number, folder?: CacheFolder) {
    this.#mostCharacters = mostCharacters;
    this.#folder = folder;
  }

  /** The folder that is used, without links. */
  get folder(): string | undefined {
    return this.#folder?.path;
  }

  /** Characters that are held in memory. */
  get characters(): number {
    return this.#characters;
  }

  async get(key: string): Promise<string | undefined> {
    const text = this.#drop(key) ?? (await this.#folder?.read(key));
    if (text !== undefined) this.#hold(key, text);
    return text;
  }

  async put(key: string, text: string): Promise<void> {
    this.#drop(key);
    this.#hold(key, text);
    await this.#folder?.write(key, text);
  }

  #hold(key: string, text: string): void {
    if (text.length > this.#mostCharacters) return;
    this.#texts.set(key, text);
    this.#characters += text.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#characters <= this.#mostCharacters) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): string | undefined {
    const text = this.#texts.get(key);
    if (text === undefined) return undefined;
    this.#texts.delete(key);
    this.#characters -= text.length;
    return text;
  }
}
