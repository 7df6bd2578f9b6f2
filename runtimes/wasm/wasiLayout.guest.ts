/** How WASI preview 1 lays out in the memory of a program what it tells of files. */
import { toUtf8 } from './text.guest.ts';
import type { Entry, Stat } from './tree.guest.ts';

export const fileType = { other: 0, characters: 2, folder: 3, file: 4, link: 7 } as const;

export const nanosecondsPerMillisecond = 1_000_000n;
export const statBytes = 64;
const entryBytes = 24;

/** A part of the memory of the program. */
export interface Vector {
  readonly start: number;
  readonly length: number;
}

/** There is one device, and no file has a second name. */
export function layStat(target: Uint8Array, { kind, size, accessed, modified, id }: Stat): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  target.fill(0);
  view.setBigUint64(0, 1n, true);
  view.setBigUint64(8, BigInt(id), true);
  view.setUint8(16, fileType[kind]);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, BigInt(size), true);
  view.setBigUint64(40, BigInt(accessed) * nanosecondsPerMillisecond, true);
  view.setBigUint64(48, BigInt(modified) * nanosecondsPerMillisecond, true);
  view.setBigUint64(56, BigInt(modified) * nanosecondsPerMillisecond, true);
}

export const sum = (parts: readonly Vector[]): number => parts.reduce((total, { length }) => total + length, 0);

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const all = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** As many as there is room for, the last one perhaps in part: a full buffer says that there are more. */
export function writeEntries(target: Uint8Array, entries: readonly Entry[], place: number): number {
  let used = 0;
  for (const [index, { name, kind, id }] of entries.entries()) {
    if (used === target.length) break;
    const text = toUtf8(name);
    const entry = new Uint8Array(entryBytes + text.length);
    const view = new DataView(entry.buffer);
    view.setBigUint64(0, BigInt(place + index + 1), true);
    view.setBigUint64(8, BigInt(id), true);
    view.setUint32(16, text.length, true);
    view.setUint8(20, fileType[kind]);
    entry.set(text, entryBytes);
    const fits = entry.subarray(0, target.length - used);
    target.set(fits, used);
    used += fits.length;
  }
  return used;
}
