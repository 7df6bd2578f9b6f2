import { readdirSync, readFileSync } from 'node:fs';

/** Every process that descends from this one, also those that are not reaped yet. Empty where there is no /proc. */
export function childrenOf(pid: number): number[] {
  const direct = tasksOf(pid).flatMap((task) => numbersIn(`/proc/${pid}/task/${task}/children`));
  return direct.flatMap((child) => [child, ...childrenOf(child)]);
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function numbersIn(path: string): number[] {
  try {
    return readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
