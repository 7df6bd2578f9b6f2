/** A page of a folder: of names that come in no order, the first so many after a given one. However large the folder, little is kept and sorted at once. */
export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

export class Page {
  readonly #after: string;
  readonly #most: number;
  #kept: Entry[] = [];
  /** No name beyond this one can be on the page. */
  #last: string | undefined;
  #more = false;

  constructor(after: string, most: number) {
    this.#after = after;
    this.#most = most;
  }

  add(entry: Entry): void {
    if (entry.name <= this.#after) return;
    if (this.#last !== undefined && entry.name > this.#last) {
      this.#more = true;
      return;
    }
    this.#kept.push(entry);
    if (this.#kept.length >= 2 * this.#most) this.#cut();
  }

  /** Sorted by name. `more`: there are others after them. */
  end(): { readonly entries: readonly Entry[]; readonly more: boolean } {
    this.#cut();
    return { entries: this.#kept, more: this.#more };
  }

  #cut(): void {
    this.#kept.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (this.#kept.length < this.#most) return;
    this.#more ||= this.#kept.length > this.#most;
    this.#kept.length = this.#most;
    this.#last = this.#kept.at(-1)?.name;
  }
}
