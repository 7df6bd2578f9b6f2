/**
 * Takes messages into the flow, from cell to cell, and out of it.
 *
 * Nothing here reads a payload. Every handle, place and number that a cell names is held against what that
 * cell was given; what it was not given is a {@link ProtocolViolation}.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Payload } from '../../sdk/message.ts';
import { runWidth, workWidth } from '../../runtimes/lanes.ts';
import { type CellMessage, type Lane, textLane } from '../../runtimes/protocol.ts';
import { serves } from '../../runtimes/replicas.ts';
import { ProtocolViolation } from '../cells/violation.ts';
import type { ExecutionInput, ExecutionSettings, TrackedExecution } from '../executions/tracked.ts';
import type { Tracker } from '../executions/tracker.ts';
import { type ActorTurns, Work } from '../executions/work.ts';
import type { Asks, Settle } from './asks.ts';
import { Deadlocks } from './deadlocks.ts';
import { Emission } from './emission.ts';
import { ActorQueue, type Delivery, isStale } from './queue.ts';
import type { Gate, RoutedCell } from './routedCell.ts';
import { type FlowShape, nameOf, type OutletTargets, peerOf, replicaOf } from './topology.ts';

export type Said<Type extends CellMessage['type']> = Extract<CellMessage, { type: Type }>;

const nothing = new Uint8Array(0);

export class Router {
  readonly #shape: FlowShape;
  readonly #tracker: Tracker;
  readonly #queues: readonly ActorQueue[];
  readonly #gates: Gate[];
  readonly #cells: (RoutedCell | undefined)[];
  readonly #asks: Asks;
  /** Those of actors that wait for each other across cells. */
  readonly deadlocks: Deadlocks;
  /** Begins an execution that no caller asked for, whose outputs go to whoever listens. */
  readonly #spontaneous: (settings: Pick<ExecutionSettings, 'inputs' | 'answer'>) => TrackedExecution | undefined;
  /** An output outside any execution. */
  readonly #output: (output: number, payload: Payload) => void;
  /** Something waits for an actor that has no instance. {@link pump} when it has one. */
  readonly #wanted: (actor: number) => void;

  constructor(
    shape: FlowShape,
    tracker: Tracker,
    asks: Asks,
    spontaneous: (settings: Pick<ExecutionSettings, 'inputs' | 'answer'>) => TrackedExecution | undefined,
    output: (output: number, payload: Payload) => void,
    wanted: (actor: number) => void,
  ) {
    this.#shape = shape;
    this.#tracker = tracker;
    this.#asks = asks;
    this.#spontaneous = spontaneous;
    this.#output = output;
    this.#wanted = wanted;
    this.#queues = shape.actors.map(({ cell, part }) => new ActorQueue(cell, part.limits.mailbox));
    this.#gates = new Array(shape.cells).fill('closed');
    this.#cells = new Array(shape.cells).fill(undefined);
    this.deadlocks = new Deadlocks({ shape, tracker, asks, queues: this.#queues, gates: this.#gates, cells: this.#cells });
  }

  /** A cell is ready for messages. */
  attach(cell: RoutedCell, gate: Gate): void {
    this.#cells[cell.place] = cell;
    this.deadlocks.forget();
    this.gate(cell.place, gate);
  }

  /**
   * The cell is gone, and with it what it had in its mailboxes.
   * @param ahead what it was sent for actors that had not started: nothing of that has begun, and it waits again
   */
  detach(place: number, ahead: readonly Delivery[]): void {
    this.#cells[place] = undefined;
    this.deadlocks.forget();
    this.#gates[place] = 'closed';
    const present = ahead.filter((delivery) => !isStale(delivery));
    for (const { execution } of present) execution.takenBack(place);
    for (const [actor, deliveries] of Map.groupBy(present, (delivery) => delivery.actor)) this.#queues[actor]?.putBack(deliveries);
    for (const queue of this.#queues) if (queue.cell === place) queue.room = queue.capacity;
  }

  gate(place: number, gate: Gate): void {
    this.#gates[place] = this.#cells[place] === undefined ? 'closed' : gate;
    for (let actor = 0; actor < this.#queues.length; actor++) if (this.#queues[actor]?.cell === place) this.pump(actor);
  }

  /** From now on what is meant for the actor is answered by this error; undefined admits it again. */
  refuse(actor: number, error: ErrorRecord | undefined): void {
    const queue = this.#queues[actor] as ActorQueue;
    queue.refusal = error;
    if (error === undefined) this.pump(actor);
    else this.reject(actor, error);
  }

  /** What waits for the actor now is answered by this error. */
  reject(actor: number, error: ErrorRecord): void {
    for (const delivery of (this.#queues[actor] as ActorQueue).clear()) this.#refused(delivery, error);
  }

  /** Everything that waits for actors of this cell is answered by this error. */
  fail(place: number, error: ErrorRecord): void {
    for (const queue of this.#queues) {
      if (queue.cell === place) for (const delivery of queue.clear()) this.#refused(delivery, error);
    }
  }

  /** What waits for an actor in the host, what the host sent that has not left its mailbox, and what it has done. */
  standing(actor: number): { readonly queued: number; readonly sent: number; readonly turns: number; readonly microseconds: number } {
    const { size, capacity, room, turns, microseconds } = this.#queues[actor] as ActorQueue;
    return { queued: size, sent: capacity - room, turns, microseconds };
  }

  /** Takes the inputs of an execution into the flow; `execution.accepted` is called when a cell has room for all. */
  enter(execution: TrackedExecution): void {
    const { inputs, answer } = execution.settings;
    const { epoch, partition } = execution;
    execution.queued += inputs.length;
    for (const { actor: named, inlet, lane, payload } of inputs) {
      const actor = replicaOf(this.#shape, named, partition);
      const reply = answer === undefined ? 0 : this.#asks.open(execution, this.#cellOf(actor), nameOf(this.#shape, actor), answer);
      this.#enqueue({ execution, epoch, actor, inlet, lane, payload, reply, entry: true, credit: undefined });
    }
    this.#tracker.check(execution);
  }

  /** @param region all payloads, one after another: as long as their lengths say */
  emit(cell: RoutedCell, said: Said<'emit'>, region: Buffer): void {
    const { runs, execution: handles, length } = said;
    if (!cell.credit.spend(length.length, region.length)) throw new ProtocolViolation('more messages than it had credit for');
    let at = 0;
    for (let run = 0, row = 0; run < runs.length; run += runWidth) {
      const [from, outlet, lane, count] = [runs[run], runs[run + 1], runs[run + 2], runs[run + 3]] as [number, number, Lane, number];
      const targets = cell.routes.of(from)?.[outlet];
      if (targets === undefined) throw new ProtocolViolation(`a message from outlet ${outlet} of actor ${from}, which it does not host`);
      const largest = this.#largest(from);
      const last = row + count;
      let bytes = 0;
      for (let member = row; member < last; member++) {
        const size = length[member] as number;
        if (size > largest) throw new ProtocolViolation(`a message of ${size} bytes, beyond the limit of its actor`);
        bytes += size;
      }
      const emission = new Emission(lane, region, at, at + bytes);
      at += bytes;
      for (; row < last; row++) {
        emission.next(length[row] as number);
        this.#route(cell, targets, handles[row] as number, emission);
      }
    }
  }

  settled(cell: RoutedCell, said: Said<'settled'>): void {
    const { execution: handles, received, groups, work } = said;
    let row = 0;
    let start = 0;
    for (let group = 0; group < groups.length; group += 2) {
      const end = start + workWidth * (groups[group + 1] as number);
      const members = groups[group] as number;
      const shared = end === start ? undefined : this.#work(cell, work, start, end, members);
      for (const last = row + members; row < last; row++) {
        const execution = this.#known(handles[row] as number);
        if (execution === undefined) continue;
        if (shared !== undefined) execution.worked(shared);
        if (!execution.settled(cell.place, received[row] as number)) throw new ProtocolViolation('more deliveries settled than it was sent');
        this.#tracker.check(execution);
      }
      start = end;
    }
  }

  /** What these triples tell, of so many executions. */
  #work(cell: RoutedCell, triples: Said<'settled'>['work'], start: number, end: number, members: number): Work {
    const actors: ActorTurns[] = [];
    for (let at = start; at < end; at += workWidth) {
      const [actor, turns, microseconds] = [triples[at], triples[at + 1], triples[at + 2]] as [number, number, number];
      if (!cell.routes.includes(actor)) throw new ProtocolViolation(`work of actor ${actor}, which it does not host`);
      const queue = this.#queues[actor] as ActorQueue;
      queue.turns += members * turns;
      queue.microseconds += members * microseconds;
      actors.push({ actor: this.#actorOf(actor), turns, microseconds });
    }
    return new Work(actors);
  }

  failure(cell: RoutedCell, said: Said<'failure'>): void {
    const execution = this.#inFlight(cell, said.execution);
    if (execution?.phase !== 'running') return;
    // What waits in a circle goes on only without the messages of the execution.
    if (said.error.code === 'flow.deadlock') this.#tracker.stop(execution, said.error, 'failed');
    else execution.fail(said.error);
  }

  answer(cell: RoutedCell, said: Said<'answer'>, payloads: readonly Uint8Array[]): void {
    if (said.error === null && payloads.length !== 1) throw new ProtocolViolation('an answer without a payload');
    this.#asks.answer(cell.place, said.reply, said.error, said.lane, payloads[0] ?? nothing);
  }

  /** A guest asks an actor of another cell. `done` is called when it has been answered. */
  ask(cell: RoutedCell, said: Said<'ask'>, payload: Uint8Array, done: () => void): void {
    const { actor, instance, call } = said;
    const settle: Settle = (error, lane, bytes) => {
      done();
      cell.reply(actor, instance, call, error, lane, error === null ? bytes : undefined);
    };
    const peer = peerOf(this.#shape, actor, said.peer);
    if (peer === undefined) {
      settle({ code: 'actor.unknown', message: `no connection leads from '${nameOf(this.#shape, actor)}' to an actor '${said.peer}'` }, textLane, nothing);
      return;
    }
    if (said.execution === 0) {
      this.#spontaneous({ inputs: [{ ...peer, lane: said.lane, payload }], answer: settle });
      return;
    }
    const execution = this.#inFlight(cell, said.execution);
    if (execution?.phase !== 'running') {
      settle({ code: 'execution.cancelled', message: 'the execution has ended' }, textLane, nothing);
      return;
    }
    execution.queued++;
    const asked = replicaOf(this.#shape, peer.actor, execution.partition);
    const reply = this.#asks.open(execution, this.#cellOf(asked), said.peer, settle, { asker: actor, asked });
    this.#enqueue({
      execution,
      epoch: execution.epoch,
      actor: asked,
      inlet: peer.inlet,
      lane: said.lane,
      payload: new Uint8Array(payload),
      reply,
      entry: false,
      credit: undefined,
    });
  }

  credit(cell: RoutedCell, said: Said<'credit'>): void {
    for (let i = 0; i < said.actor.length; i++) {
      const actor = said.actor[i] as number;
      const queue = this.#queues[actor];
      if (queue === undefined || !cell.routes.includes(actor)) throw new ProtocolViolation(`credit for actor ${actor}, which it does not host`);
      queue.room += said.messages[i] as number;
      if (queue.room > queue.capacity) throw new ProtocolViolation('more credit than it was sent messages');
      this.pump(actor);
    }
  }

  /** The execution under this handle, if it has something in this cell now. */
  #inFlight(cell: RoutedCell, handle: number): TrackedExecution | undefined {
    const execution = this.#known(handle);
    if (execution !== undefined && !execution.isIn(cell.place)) throw new ProtocolViolation(`execution ${handle}, of which it has nothing`);
    return execution;
  }

  /** The execution under this handle; undefined if its attempt is over. */
  #known(handle: number): TrackedExecution | undefined {
    const execution = this.#tracker.get(handle);
    if (execution === undefined && !this.#tracker.wasGiven(handle)) throw new ProtocolViolation(`execution ${handle}, which never was`);
    return execution;
  }

  #route(cell: RoutedCell, targets: OutletTargets, handle: number, emission: Emission): void {
    if (handle === 0) {
      this.#begin(targets, emission);
      return;
    }
    const execution = this.#inFlight(cell, handle);
    if (execution?.phase !== 'running') return;
    for (const output of targets.outputs) {
      if (execution.settings.sink.take(output, emission, cell.credit)) continue;
      this.#tracker.stop(
        execution,
        {
          code: 'limit.outputs',
          message: 'the execution holds more unread outputs than the host keeps for one',
          hint: 'createHost({ limits: { outputs: … } }), or read `execution.outputs`',
        },
        'failed',
      );
      return;
    }
    const { lane, size } = emission;
    for (const target of targets.remote) {
      if (!serves(target, execution.partition)) continue;
      const { actor, inlet } = target;
      if (!cell.credit.fits(size)) {
        this.#tracker.stop(
          execution,
          { code: 'limit.outputs', message: `messages for '${nameOf(this.#shape, actor)}' wait in the host, and hold as much memory as they may` },
          'failed',
        );
        return;
      }
      execution.queued++;
      this.#enqueue({
        execution,
        epoch: execution.epoch,
        actor,
        inlet,
        lane,
        payload: new Uint8Array(emission.bytes),
        reply: 0,
        entry: false,
        credit: cell.credit,
      });
    }
  }

  /** A message that no execution caused: an output as it is, and the beginning of an execution. */
  #begin(targets: OutletTargets, emission: Emission): void {
    for (const output of targets.outputs) this.#output(output, emission.payload);
    if (targets.all.length === 0) return;
    const { lane } = emission;
    const payload = new Uint8Array(emission.bytes);
    this.#spontaneous({ inputs: targets.all.map(({ actor, inlet }): ExecutionInput => ({ actor, inlet, lane, payload })) });
  }

  #enqueue(delivery: Delivery): void {
    const queue = this.#queues[delivery.actor] as ActorQueue;
    const cell = this.#cells[queue.cell];
    if (queue.refusal !== undefined) {
      this.#refused(delivery, queue.refusal);
    } else if (queue.empty && queue.room > 0 && this.#gates[queue.cell] === 'open' && cell?.hosts(delivery.actor) === true) {
      this.#send(queue, cell, delivery);
    } else if (queue.room <= queue.size && (this.#shape.actors[delivery.actor] as FlowShape['actors'][number]).part.overflow === 'reject') {
      this.#refused(delivery, {
        code: 'mailbox.full',
        message: `the mailbox of '${nameOf(this.#shape, delivery.actor)}' is full, and its overflow is 'reject'`,
      });
    } else {
      queue.push(delivery);
      this.pump(delivery.actor);
    }
  }

  /** Sends what waits for an actor and fits into its mailbox. */
  pump(actor: number): void {
    const queue = this.#queues[actor] as ActorQueue;
    if (queue.empty) return;
    const gate = this.#gates[queue.cell] as Gate;
    const cell = this.#cells[queue.cell];
    if (gate === 'closed' || cell === undefined) return;
    const only = gate === 'open' ? undefined : gate;
    const isAhead = !cell.hosts(actor);
    // Of what is suspect nothing waits in a cell that may die of something else.
    if (isAhead && (only !== undefined || !cell.expects(actor))) {
      if (queue.has(only)) this.#wanted(actor);
      return;
    }
    while (queue.room > 0) {
      const delivery = queue.next(only);
      if (delivery === undefined) return;
      this.#send(queue, cell, delivery);
      if (isAhead) cell.sentAhead(delivery);
    }
  }

  /** To a cell where the actor has an instance, and room. */
  #send(queue: ActorQueue, cell: RoutedCell, { execution, actor, inlet, lane, payload, reply, entry }: Delivery): void {
    queue.room--;
    execution.delivered(queue.cell);
    cell.outbound.deliver(execution, actor, inlet, lane, payload, reply);
    if (entry && execution.unaccepted > 0 && --execution.unaccepted === 0) {
      const { accepted } = execution;
      execution.accepted = undefined;
      accepted?.();
    }
  }

  /** Answers a delivery that cannot be made. The asker gets the error; without one the execution has failed. */
  #refused(delivery: Delivery, error: ErrorRecord): void {
    const { execution, reply } = delivery;
    const named = { ...error, actor: nameOf(this.#shape, delivery.actor) };
    execution.queued--;
    if (reply === 0) execution.fail(named);
    else this.#asks.settle(reply, named, textLane, nothing);
    this.#tracker.check(execution);
  }

  /** Of a replica, the actor. */
  #actorOf(replica: number): number {
    return (this.#shape.actors[replica] as FlowShape['actors'][number]).actor;
  }

  #cellOf(actor: number): number {
    return (this.#queues[actor] as ActorQueue).cell;
  }

  /** The limit counts characters, of three bytes at most; an error on its way to an `error` outlet may exceed that of its actor. */
  #largest(actor: number): number {
    return Math.max(3 * (this.#shape.actors[actor] as FlowShape['actors'][number]).part.limits.message, 64 * 1024);
  }
}
