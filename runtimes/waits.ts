/**
 * Who waits for whom, and who waits in vain. A cell looks at its own actors in this way, the host at those that wait across cells.
 *
 * Only what can go on through nobody but others is listed: an actor that runs, or waits for a timer or for the host, is not, and
 * whoever waits for it will go on. So what is found here stands still for good, and nobody is suspected for being slow.
 */
import type { ErrorRecord } from '../sdk/errors.ts';

/** What must happen before one of them goes on: all of `room` go on, or any of `answers`. */
export interface Wait {
  /** Receivers that have no room for a message: one that never has room is enough to wait for ever. */
  readonly room: readonly number[];
  /** Whoever was asked: one answer may be enough to go on. */
  readonly answers: readonly number[];
}

/** Numbers of actors lie below. This one stands for what a cell cannot see: the host, and other cells beyond it. */
export const elsewhere = 0x1_0000;

/** Those that wait for nobody but each other. */
export function stuckOf(waits: ReadonlyMap<number, Wait>): ReadonlySet<number> {
  const stuck = new Set(waits.keys());
  const goesOn = (waiting: number): boolean => {
    const { room, answers } = waits.get(waiting) as Wait;
    return (room.length > 0 && room.every((one) => !stuck.has(one))) || answers.some((one) => !stuck.has(one));
  };
  const waitingFor = new Map<number, number[]>();
  for (const [waiting, { room, answers }] of waits) {
    for (const one of [...room, ...answers]) {
      const others = waitingFor.get(one);
      if (others === undefined) waitingFor.set(one, [waiting]);
      else others.push(waiting);
    }
  }
  const going = [...stuck].filter(goesOn);
  for (const one of going) stuck.delete(one);
  for (let one = going.pop(); one !== undefined; one = going.pop()) {
    for (const other of waitingFor.get(one) ?? []) {
      if (!stuck.has(other) || !goesOn(other)) continue;
      stuck.delete(other);
      going.push(other);
    }
  }
  return stuck;
}

/** The circles among those that are stuck. Whoever only waits for a circle goes on when that is broken. */
export function circlesOf(waits: ReadonlyMap<number, Wait>, stuck: ReadonlySet<number>): readonly (readonly number[])[] {
  const circles: number[][] = [];
  const seen = new Set<number>();
  for (const start of stuck) {
    const way: number[] = [];
    let at = start;
    while (!seen.has(at)) {
      seen.add(at);
      way.push(at);
      at = nextOf(waits.get(at) as Wait, stuck);
    }
    const entry = way.indexOf(at);
    if (entry >= 0) circles.push(way.slice(entry));
  }
  return circles;
}

const nextOf = ({ room, answers }: Wait, stuck: ReadonlySet<number>): number => (room.find((one) => stuck.has(one)) ?? answers[0]) as number;

export type WaitsFor = 'room' | 'answer';

/**
 * Which execution is to end, that the others may go on: the one that takes up most of the circle, and of equals the latest.
 * @param holders of each of its actors: what executions take up there
 */
export function culpritOf<Execution extends { readonly handle: number }>(holders: readonly ReadonlyMap<Execution, number>[]): Execution | undefined {
  const sums = new Map<Execution, number>();
  for (const shares of holders) for (const [execution, share] of shares) sums.set(execution, (sums.get(execution) ?? 0) + share);
  const [most] = [...sums].toSorted(([a, shareOfA], [b, shareOfB]) => shareOfB - shareOfA || b.handle - a.handle);
  return most?.[0];
}

/** What the execution that holds up a circle fail with. @param steps the inlets on the way round, and what each waits for at the next */
export function deadlock(steps: readonly { readonly inlet: string; readonly waitsFor: WaitsFor }[]): ErrorRecord {
  const inlets = steps.map(({ inlet }) => inlet);
  const kinds = new Set(steps.map(({ waitsFor }) => waitsFor));
  const waitFor = [kinds.has('room') ? 'room in the mailbox' : '', kinds.has('answer') ? 'the answer' : ''].filter((what) => what !== '').join(' or ');
  const hints = [
    kinds.has('room') ? 'overflow: reject, or a larger mailbox, for an actor of the circle' : '',
    kinds.has('answer') ? 'an actor of the circle that does not ask back, or has concurrency: 2' : '',
  ];
  return {
    code: 'flow.deadlock',
    message: `each waits for ${waitFor} of the next, and none can go on: ${[...inlets, inlets[0]].join(' -> ')}`,
    hint: hints.filter((hint) => hint !== '').join('; '),
  };
}
