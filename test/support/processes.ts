import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether a process runs; one that has ended and was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Resolves when the process is gone. @throws when it still runs after `patience` ms */
export async function gone(pid: number, patience = 5_000): Promise<void> {
  const end = performance.now() + patience;
  while (isRunning(pid)) {
    if (performance.now() > end) throw new Error(`process ${pid} still runs after ${patience} ms`);
    await pause(5);
  }
}
