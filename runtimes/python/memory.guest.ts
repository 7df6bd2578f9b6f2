/**
 * The memory snapshot as a file: Pyodide's own head, and the pages of memory that hold anything.
 *
 * Most pages of a fresh interpreter are empty. Leaving them out keeps the file small, and pages that are never
 * written cost an instance no memory.
 *
 * Layout, in 32-bit words: bytes of the head, number of runs, then for each run of pages its first page and their number;
 * from the next multiple of the page size on the pages; then the head.
 */
import { setBytes, sliceBytes, subarray, Uint8ArrayIntrinsic } from '../guest/primordials.ts';

export interface Snapshot {
  /** What Pyodide takes for a snapshot whose memory is empty. */
  readonly head: Uint8Array;
  restore(memory: Uint8Array): void;
}

const pageBytes = 4096;
const headWords = 2;

const align = (bytes: number): number => Math.ceil(bytes / pageBytes) * pageBytes;

/** @param full as Pyodide makes it: the second word says where the memory begins */
export function writeSnapshot(full: Uint8Array): Uint8Array {
  const start = new Uint32Array(full.buffer, full.byteOffset, 2)[1] as number;
  const memory = subarray(full, start);
  const runs = usedRuns(memory);
  const pages = runs.reduce((sum, [, count]) => sum + count, 0);
  const pagesAt = align((headWords + runs.length * 2) * 4);
  const file = new Uint8ArrayIntrinsic(pagesAt + pages * pageBytes + start);
  const words = new Uint32Array(file.buffer, 0, headWords + runs.length * 2);
  words[0] = start;
  words[1] = runs.length;
  let at = pagesAt;
  runs.forEach(([first, count], index) => {
    words[headWords + index * 2] = first;
    words[headWords + index * 2 + 1] = count;
    setBytes(file, subarray(memory, first * pageBytes, (first + count) * pageBytes), at);
    at += count * pageBytes;
  });
  setBytes(file, subarray(full, 0, start), at);
  return file;
}

export function readSnapshot(file: ArrayBuffer): Snapshot {
  const [start, runs] = new Uint32Array(file, 0, headWords) as unknown as [number, number];
  const words = new Uint32Array(file, headWords * 4, runs * 2);
  const pagesAt = align((headWords + runs * 2) * 4);
  let pages = 0;
  for (let i = 1; i < words.length; i += 2) pages += words[i] as number;
  return {
    head: sliceBytes(new Uint8ArrayIntrinsic(file, pagesAt + pages * pageBytes, start), 0),
    restore(memory) {
      let at = pagesAt;
      for (let i = 0; i < words.length; i += 2) {
        const size = (words[i + 1] as number) * pageBytes;
        setBytes(memory, new Uint8ArrayIntrinsic(file, at, size), (words[i] as number) * pageBytes);
        at += size;
      }
    },
  };
}

function usedRuns(memory: Uint8Array): [first: number, count: number][] {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / 4);
  const runs: [number, number][] = [];
  for (let page = 0; page < memory.length / pageBytes; page++) {
    if (isEmpty(words, (page * pageBytes) / 4)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === page) last[1]++;
    else runs.push([page, 1]);
  }
  return runs;
}

function isEmpty(words: Uint32Array, start: number): boolean {
  for (let i = start; i < start + pageBytes / 4; i++) if (words[i] !== 0) return false;
  return true;
}
