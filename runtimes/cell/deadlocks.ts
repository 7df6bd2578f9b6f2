/** The actors of a cell that wait for each other: those that wait in vain are named, and of those that wait for the host it is told. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { frameLimits } from '../limits.ts';
import type { CellMessage } from '../protocol.ts';
import { circlesOf, culpritOf, deadlock, elsewhere, stuckOf, type Wait, type WaitsFor } from '../waits.ts';
import type { Actor } from './actor.ts';
import type { Execution } from './executions.ts';

/** What one actor adds is far less than this leaves below what a frame may hold. */
const mostRows = frameLimits.payloads / 16;

/** Executions that are named of one actor: those that take up most. */
const mostHolders = 8;

type Actors = Iterable<Actor>;

interface Waiting extends Wait {
  readonly actor: Actor;
}

export interface Deadlock {
  readonly error: ErrorRecord;
  readonly actors: readonly Actor[];
  /** The execution that is to end. */
  readonly culprit: Execution | undefined;
}

/** The circles within the cell. What waits for the host may go on, as far as the cell knows. */
export function deadlocksOf(actors: Actors): readonly Deadlock[] {
  const waits = waitsOf(actors);
  if (waits.size === 0) return [];
  return circlesOf(waits, stuckOf(waits)).map((circle) => {
    const around = circle.map((index) => (waits.get(index) as Waiting).actor);
    const waitsFor = (actor: number, next: number): WaitsFor => (waits.get(actor)?.room.includes(next) ? 'room' : 'answer');
    return { actors: around, error: deadlockOf(around, waitsFor), culprit: culpritOf(around.map(({ holders }) => holders)) };
  });
}

/** @param waitsFor what the actor of this number waits for at that one */
export function deadlockOf(circle: readonly Actor[], waitsFor: (actor: number, next: number) => WaitsFor): ErrorRecord {
  const steps = circle.map(({ plan }, at) => {
    const before = circle.at(at - 1) as Actor;
    const next = circle[(at + 1) % circle.length] as Actor;
    return { inlet: `${plan.name}.${plan.inlets[inletFrom(before, plan.index)]}`, waitsFor: waitsFor(plan.index, next.plan.index) };
  });
  return deadlock(steps);
}

/** That of the first connection. */
function inletFrom({ plan }: Actor, to: number): number {
  const targets = [...plan.outlets.flatMap(({ local }) => local), ...Object.values(plan.peers)];
  return targets.find((target) => target?.actor === to)?.inlet ?? 0;
}

/** Who would stand still for good, if nothing came from the host any more: a row for each thing waited for, and one for each execution. */
export function standing(actors: Actors): Omit<Extract<CellMessage, { type: 'waits' }>, 'type' | 'token'> {
  const waits = waitsOf(actors);
  const stuck = stuckOf(new Map<number, Wait>([...waits, [elsewhere, { room: [], answers: [elsewhere] }]]));
  const rows = { actor: [] as number[], progress: [] as number[], target: [] as number[], answer: [] as number[] };
  const holders = { holder: [] as number[], execution: [] as number[], share: [] as number[] };
  for (const [index, { actor, room, answers }] of waits) {
    // Half of what an actor waits for would make it seem to wait in vain, so beyond this none is told of.
    if (!stuck.has(index) || rows.actor.length > mostRows) continue;
    const add = (target: number, answer: number): void => {
      rows.actor.push(index);
      rows.progress.push(actor.progress);
      rows.target.push(target);
      rows.answer.push(answer);
    };
    for (const target of room) if (stuck.has(target)) add(target, 0);
    for (const target of answers) add(target, 1);
    for (const [{ handle }, share] of [...actor.holders].toSorted(([, a], [, b]) => b - a).slice(0, mostHolders)) {
      holders.holder.push(index);
      holders.execution.push(handle);
      holders.share.push(share);
    }
  }
  return { ...rows, ...holders };
}

function waitsOf(actors: Actors): Map<number, Waiting> {
  const waits = new Map<number, Waiting>();
  for (const actor of actors) {
    const { wait } = actor;
    if (wait !== undefined) waits.set(actor.plan.index, { ...wait, actor });
  }
  return waits;
}
