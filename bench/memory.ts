/** Memory of processes, as Linux counts it. */
import { readFileSync } from 'node:fs';
import { descendants } from './processor.ts';

/** Resident memory of a process in bytes, what it shares with others included. */
export const residentOf = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

/** The same of all processes below this one together. What they share is counted in each. */
export function residentOfChildren(): number {
  let total = 0;
  for (const pid of descendants()) {
    try {
      total += residentOf(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  return total;
}
