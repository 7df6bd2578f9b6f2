/** Processor time of this process and of everything below it: cells are its children. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second. */
const tick = 10;

const statOf = (pid: number): readonly string[] | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
  } catch {
    return undefined;
  }
};

/** Cells and their starters: the processes below this one. */
export function descendants(): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), Number(statOf(Number(name))?.[1] ?? 0));
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid) ?? 0; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return true;
    return false;
  };
  return [...parents.keys()].filter(isBelow);
}

/** Milliseconds of the processor that cells and their starters have used so far. */
export function processorOfChildren(): number {
  let total = 0;
  for (const pid of descendants()) {
    const stat = statOf(pid);
    if (stat !== undefined) total += (Number(stat[11]) + Number(stat[12])) * tick;
  }
  return total;
}

/** Milliseconds of the processor that all of it has used so far. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + processorOfChildren();
}

/** Milliseconds of the processor. */
export interface ThreadTimes {
  /** The thread that runs the host and whoever uses it, and the others of this process: collecting garbage, compiling. */
  readonly host: number;
  readonly hostOther: number;
  /** The threads that route messages in cells, and the others: isolates of guests, garbage, compiling. */
  readonly cells: number;
  readonly cellsOther: number;
}

const threadsOf = (pid: number): readonly (readonly [thread: number, milliseconds: number])[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const nanoseconds = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
      return [Number(thread), nanoseconds / 1e6];
    });
  } catch {
    return [];
  }
};

/** What threads have used so far; of those that have ended nothing. */
export function processorByThread(): ThreadTimes {
  const sum = (pids: readonly number[], main: boolean): number =>
    pids.flatMap((pid) => threadsOf(pid).filter(([thread]) => (thread === pid) === main)).reduce((total, [, milliseconds]) => total + milliseconds, 0);
  const children = descendants();
  return { host: sum([process.pid], true), hostOther: sum([process.pid], false), cells: sum(children, true), cellsOther: sum(children, false) };
}

/** Resolves when cells have nothing to do any more: those that start have started. At most ten seconds. */
export async function settle(): Promise<void> {
  let before = Number.NEGATIVE_INFINITY;
  for (let waited = 0; waited < 10_000; waited += 250) {
    const used = processorOfChildren();
    // Cells say now and then that they are alive. Less than before: one has ended, and what others did meanwhile is hidden by that.
    if (Math.abs(used - before) <= 2 * tick) return;
    before = used;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
