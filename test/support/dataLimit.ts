import { readFileSync } from 'node:fs';

/** The soft RLIMIT_DATA of a process, in bytes. */
export const dataLimitOf = (pid: number | undefined): number => Number(/^Max data size\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]);
