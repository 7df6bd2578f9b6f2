/** Memory of processes, as Linux counts it. */
import { readFileSync } from 'node:fs';

/** Resident memory of a process in bytes, what it shares with others included. */
export const residentOf = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
