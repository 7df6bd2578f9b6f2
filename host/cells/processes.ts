/** What Linux tells about a process in /proc. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * The process that runs in a jail: bubblewrap (outside) has a child that is the first process of the jail, whose child is the
 * program. Undefined while that is not started yet, or when it is gone.
 */
export function programInJail(bubblewrap: number): number | undefined {
  const first = childrenOf(bubblewrap).find((pid) => pidInside(pid) === 1);
  return first === undefined ? undefined : childrenOf(first).find((pid) => pidInside(pid) === 2);
}

function childrenOf(pid: number): number[] {
  return (readProc(`${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);
}

/** The number that a process bears in its own namespace. */
function pidInside(pid: number): number | undefined {
  const numbers = /^NSpid:\s*([\d\s]+)$/m.exec(readProc(`${pid}/status`) ?? '')?.[1];
  return numbers === undefined ? undefined : Number(numbers.trim().split(/\s+/).at(-1));
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Bytes. `data` is what RLIMIT_DATA counts (the main thread’s stack, some 100 KiB, included). */
export interface MemoryFigures {
  readonly resident: number;
  /** The part of it that is no page of a file or of shared memory: what it shares with no other process. */
  readonly own: number;
  readonly data: number;
}

/** Longer than the seven numbers of /proc/PID/statm can be. */
const figuresText = Buffer.alloc(256);

/**
 * Reads the memory of one process again and again through a held descriptor: 2–4 µs each, and never the figures of a
 * later process with the same number.
 */
export class MemoryGauge {
  #descriptor: number | undefined;

  /** @throws the error of the system when there is no such process or no /proc */
  constructor(pid: number) {
    this.#descriptor = openSync(`/proc/${pid}/statm`, 'r');
  }

  /** Nothing when the process has ended. */
  read(): MemoryFigures | undefined {
    if (this.#descriptor === undefined) return undefined;
    try {
      const length = readSync(this.#descriptor, figuresText, 0, figuresText.length, 0);
      const [, resident, shared, , , data] = figuresText.toString('latin1', 0, length).split(' ').map(Number);
      if (resident === undefined || shared === undefined || data === undefined || resident === 0) return undefined;
      return { resident: resident * pageSize(), own: (resident - shared) * pageSize(), data: data * pageSize() };
    } catch {
      return undefined;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

let knownPageSize: number | undefined;

/** The bytes of a page, from the same figure of this process once in pages and once in kB. */
function pageSize(): number {
  if (knownPageSize !== undefined) return knownPageSize;
  const pages = Number((readProc('self/statm') ?? '').split(' ')[0]);
  const kilobytes = Number(/^VmSize:\s*(\d+)/m.exec(readProc('self/status') ?? '')?.[1]);
  const exponent = Math.round(Math.log2((kilobytes * 1024) / pages));
  knownPageSize = Number.isFinite(exponent) ? 2 ** exponent : 4096;
  return knownPageSize;
}
