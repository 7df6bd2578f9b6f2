/** State as the store keeps it: values by key, each actor's apart. Whatever a value is, the store does not look into it. */

/** Whose state. */
export interface Owner {
  readonly namespace: string;
  readonly actor: string;
}

/** A payload: its text, or its bytes. */
export type StoredValue = string | Uint8Array;

export interface StateEntry {
  readonly value: StoredValue;
  /** Grows with every change to any key of the owner, so that none comes twice. */
  readonly version: number;
}

/** The version that the entry must have; null if there must be none; undefined if it may have any. */
export type Expected = number | null | undefined;

export interface Conflict {
  readonly conflict: true;
}

/** What it would take, beside what is allowed. */
export interface Full {
  readonly needed: number;
}

export interface StatePage {
  /** In the order of the UTF-8 of their keys. */
  readonly entries: readonly { readonly key: string; readonly version: number }[];
  readonly more: boolean;
}

/** What the store does, each wholly or not at all, one after the other. */
export type StateOperation =
  | { readonly is: 'get'; readonly owner: Owner; readonly key: string }
  | { readonly is: 'put'; readonly owner: Owner; readonly key: string; readonly value: StoredValue; readonly expected: Expected; readonly quota: number }
  | { readonly is: 'delete'; readonly owner: Owner; readonly key: string; readonly expected: Expected }
  | { readonly is: 'list'; readonly owner: Owner; readonly prefix: string; readonly after: string; readonly most: number };

export interface StateResults {
  readonly get: StateEntry | null;
  readonly put: { readonly version: number } | Conflict | Full;
  readonly delete: { readonly deleted: boolean } | Conflict;
  readonly list: StatePage;
}

/** Bytes that an entry counts at least: tiny ones cost the store more than they hold. */
export const leastEntryBytes = 64;
