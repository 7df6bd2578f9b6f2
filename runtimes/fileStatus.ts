/** What the host tells a guest of a file, the same for every language. */

/** What a thing is. Sockets, devices and pipes are `other` in lists, and shown nowhere else. */
export type FileKind = 'file' | 'folder' | 'link' | 'other';

/** Times in milliseconds since the epoch. */
export interface FileStatus {
  readonly kind: FileKind;
  readonly size: number;
  readonly modified: number;
  readonly accessed: number;
  readonly created: number;
  readonly writable: boolean;
  /** The same for the same file while the instance lives; says nothing else. */
  readonly id: number;
}
