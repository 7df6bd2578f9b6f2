/**
 * Finds actors that wait for each other across cells, and ends the execution that holds them up. Within a cell the cell does so itself.
 *
 * The host knows what lies between cells: who is asked, and what holds the credit of a cell. Cells say who waits inside of them, each at a moment
 * of its own. So they are asked twice. What stood still at both times did so at the moment between, when every cell had answered once and
 * the host looked at its own part; and nothing was under way then that could move it, because a channel keeps its order.
 *
 * Of a cell this believes what it could do anyway: let its own actors stand still, and end executions that it works on.
 */
import type { CellMessage } from '../../runtimes/protocol.ts';
import { circlesOf, culpritOf, deadlock, elsewhere, stuckOf, type Wait } from '../../runtimes/waits.ts';
import { ProtocolViolation } from '../cells/violation.ts';
import type { TrackedExecution } from '../executions/tracked.ts';
import type { Tracker } from '../executions/tracker.ts';
import type { Asks } from './asks.ts';
import type { ActorQueue } from './queue.ts';
import type { Gate, RoutedCell } from './routedCell.ts';
import { type FlowShape, nameOf, peerOf } from './topology.ts';

type Waits = Extract<CellMessage, { type: 'waits' }>;

/** What the router knows. Everything here changes under way. */
export interface Routing {
  readonly shape: FlowShape;
  readonly tracker: Tracker;
  readonly asks: Asks;
  readonly queues: readonly ActorQueue[];
  readonly gates: readonly Gate[];
  readonly cells: readonly (RoutedCell | undefined)[];
}

interface Standing extends Wait {
  readonly room: number[];
  readonly answers: number[];
  readonly progress: number;
  /** What executions take up of it. */
  readonly holders: Map<TrackedExecution, number>;
}

interface Round {
  readonly missing: Set<RoutedCell>;
  /** By actor. */
  readonly standing: Map<number, Standing>;
  /** What was found in the round before, and is to be confirmed. */
  readonly found: Found | undefined;
}

interface Found {
  readonly waits: ReadonlyMap<number, Wait>;
  readonly stuck: ReadonlySet<number>;
  readonly standing: ReadonlyMap<number, Standing>;
}

/** Where one deadlock was, others are looked for so often and at such distances. Milliseconds. */
const hurriedLooks = 25;
const haste = 10;

/** Who can go on: nobody is listed under this number. */
const somebody = -1;

export class Deadlocks {
  readonly #routing: Routing;
  #token = 0;
  #round: Round | undefined;
  /** Looks that are taken in haste. */
  #hurried = 0;

  constructor(routing: Routing) {
    this.#routing = routing;
  }

  /** Asks the cells who waits, if that could be for each other. To be called every 250 ms. */
  look(): void {
    if (this.#round === undefined && this.#suspected()) this.#begin(undefined);
  }

  /** A cell has come or gone: what the others said means nothing any more. */
  forget(): void {
    this.#round = undefined;
  }

  heard(cell: RoutedCell, said: Waits): void {
    const standing = this.#read(cell, said);
    if (said.token < 1 || said.token > this.#token) throw new ProtocolViolation('an answer to a look that was not taken');
    const round = this.#round;
    if (round === undefined || said.token !== this.#token || !round.missing.delete(cell)) return;
    for (const [actor, one] of standing) round.standing.set(actor, one);
    if (round.missing.size > 0) return;
    this.#round = undefined;
    if (round.found === undefined) this.#evaluate(round.standing);
    else if (this.#confirms(round.found, round.standing)) this.#break(round.found);
  }

  #suspected(): boolean {
    const { cells, asks } = this.#routing;
    return asks.betweenActors > 0 || cells.some((cell) => cell?.credit.heldByReceivers === true);
  }

  #begin(found: Found | undefined): void {
    const { cells, gates } = this.#routing;
    // Where a cell is being replaced, or messages are tried one by one, not everything is delivered that could be.
    if (gates.some((gate) => gate !== 'open')) return;
    const missing = new Set(cells.filter((cell) => cell !== undefined));
    this.#round = { missing, standing: new Map(), found };
    const token = ++this.#token;
    for (const cell of missing) cell.outbound.send({ type: 'look', token });
  }

  #read(cell: RoutedCell, { actor, progress, target, answer, holder, execution, share }: Waits): Map<number, Standing> {
    const standing = new Map<number, Standing>();
    for (let i = 0; i < actor.length; i++) {
      const waiting = demandOwn(cell, actor[i] as number);
      const on = target[i] as number;
      const at: Standing = standing.get(waiting) ?? { room: [], answers: [], progress: progress[i] as number, holders: new Map() };
      standing.set(waiting, at);
      if (answer[i] === 0) at.room.push(on === elsewhere ? elsewhere + cell.place : demandOwn(cell, on));
      else if (on === elsewhere) at.answers.push(...this.#askedBy(waiting));
      else at.answers.push(demandOwn(cell, on));
    }
    for (let i = 0; i < holder.length; i++) {
      const held = standing.get(demandOwn(cell, holder[i] as number));
      const known = this.#working(cell, execution[i] as number);
      if (known?.phase === 'running') held?.holders.set(known, share[i] as number);
    }
    return standing;
  }

  /** The execution under this handle, of which the cell has something; undefined if its attempt is over. */
  #working(cell: RoutedCell, handle: number): TrackedExecution | undefined {
    const { tracker } = this.#routing;
    const known = tracker.get(handle);
    if (known === undefined && !tracker.wasGiven(handle)) throw new ProtocolViolation(`execution ${handle}, which never was`);
    if (known !== undefined && !known.isIn(cell.place)) throw new ProtocolViolation(`execution ${handle}, of which it has nothing`);
    return known;
  }

  /** Whom an actor waits for in other cells is the host's to know. */
  #askedBy(actor: number): readonly number[] {
    const asked = this.#routing.asks.askedBy(actor);
    return asked.length === 0 ? [somebody] : asked;
  }

  #evaluate(standing: ReadonlyMap<number, Standing>): void {
    const waits = new Map<number, Wait>([...standing, ...this.#credits()]);
    const stuck = stuckOf(waits);
    if (stuck.size > 0) this.#begin({ waits, stuck, standing });
  }

  /** A cell without credit gets some when any of the messages that hold it comes into the mailbox that it waits for. */
  #credits(): Map<number, Wait> {
    const { cells, queues } = this.#routing;
    const credits = new Map<number, Wait>();
    for (const cell of cells) {
      if (cell?.credit.heldByReceivers !== true) continue;
      const answers = queues.flatMap((queue, actor) => (queue.holds(cell.credit) ? [queue.room > 0 ? somebody : actor] : []));
      credits.set(elsewhere + cell.place, { room: [], answers });
    }
    return credits;
  }

  #confirms({ stuck, standing: before }: Found, now: ReadonlyMap<number, Standing>): boolean {
    return [...stuck].every((one) => one >= elsewhere || now.get(one)?.progress === before.get(one)?.progress);
  }

  #break({ waits, stuck, standing }: Found): void {
    for (const circle of circlesOf(waits, stuck)) {
      const actors = circle.filter((one) => one < elsewhere);
      const culprit = culpritOf(actors.map((actor) => standing.get(actor)?.holders ?? new Map<TrackedExecution, number>()));
      const error = { ...deadlock(this.#stepsOf(actors, waits)), actor: nameOf(this.#routing.shape, actors[0] as number) };
      if (culprit !== undefined) this.#routing.tracker.stop(culprit, error, 'failed');
    }
    this.#hurry();
  }

  /** What waited behind the messages that go may be next to stand still. */
  #hurry(): void {
    const lookAgain = (): void => {
      this.look();
      if (--this.#hurried > 0) setTimeout(lookAgain, haste).unref();
    };
    if (this.#hurried === 0) setTimeout(lookAgain, haste).unref();
    this.#hurried = hurriedLooks;
  }

  #stepsOf(actors: readonly number[], waits: ReadonlyMap<number, Wait>): Parameters<typeof deadlock>[0] {
    const { shape } = this.#routing;
    return actors.map((actor, at) => {
      const before = actors.at(at - 1) as number;
      const next = actors[(at + 1) % actors.length] as number;
      const inlet = peerOf(shape, before, nameOf(shape, actor))?.inlet ?? 0;
      return {
        inlet: `${nameOf(shape, actor)}.${shape.actors[actor]?.part.inlets[inlet]}`,
        waitsFor: waits.get(actor)?.answers.includes(next) ? 'answer' : 'room',
      };
    });
  }
}

function demandOwn(cell: RoutedCell, actor: number): number {
  if (!cell.routes.includes(actor)) throw new ProtocolViolation(`something about actor ${actor}, which it does not host`);
  return actor;
}
