/**
 * Where messages go that actors of this cell send: to each other, to the host, back to whoever asked. And how much room there is for them.
 * It never reads a payload, save to turn an error into a message for an `error` outlet.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { type Lane, textLane } from '../lanes.ts';
import type { LocalTarget } from '../protocol.ts';
import { elsewhere } from '../waits.ts';
import type { Actor } from './actor.ts';
import { asBatch, type Batch, type Causes, countOf, errorOutlet, part, type Payloads, type Reply, select, servedBy } from './batch.ts';
import type { Body } from './body.ts';
import { deadlockOf } from './deadlocks.ts';
import { errorMessage } from './errorMessage.ts';
import type { Execution, Executions } from './executions.ts';
import type { Outbound } from './outbound.ts';
import type { Residents } from './residents.ts';

export class Routing {
  readonly #residents: Residents;
  readonly #executions: Executions;
  readonly #outbound: Outbound;
  /** Messages that the host still takes in `emit`. */
  #exports = 0;

  constructor(residents: Residents, executions: Executions, outbound: Outbound) {
    this.#residents = residents;
    this.#executions = executions;
    this.#outbound = outbound;
  }

  /** The host takes so many more messages in `emit`. */
  credit(messages: number): void {
    this.#exports += messages;
  }

  /** How many messages the receivers of an actor have room for. */
  room(actor: Actor): number {
    let room = actor.plan.limits.mailbox;
    for (const outlet of actor.plan.outlets) {
      if (outlet.host) room = Math.min(room, this.#exports);
      for (const target of outlet.local) {
        if (isBlocked(actor, target)) room = Math.min(room, this.#residents.room(target));
      }
    }
    return room;
  }

  /** Which of them have none. */
  full(actor: Actor): readonly number[] {
    const full = new Set<number>();
    for (const { local } of actor.plan.outlets) {
      for (const target of local) if (isBlocked(actor, target) && this.#residents.room(target) <= 0) full.add(target.actor);
    }
    if (this.#exports <= 0 && actor.plan.outlets.some(({ host }) => host)) full.add(elsewhere);
    return [...full];
  }

  /** Whether the actor may take a message though its receivers are full: what it then sends lies beyond their room. */
  maySqueeze(actor: Actor): boolean {
    return this.full(actor).every((receiver) => receiver !== elsewhere && this.#residents.get(receiver)?.mailbox.overfull === false);
  }

  /** Sends messages to where an outlet leads. What a cancelled execution would still say is dropped. */
  emit(actor: Actor, causes: Causes, outlet: number, payloads: Payloads): void {
    const route = actor.plan.outlets[outlet];
    if (route === undefined) return;
    const cancelled = ({ cancelled }: Execution): boolean => cancelled !== undefined;
    if (this.#executions.anyCancelled && causes.executions.some(cancelled)) {
      const alive = select(asBatch(causes, payloads, 0), (execution) => !cancelled(execution));
      if (alive !== undefined) this.emit(actor, alive, outlet, alive);
      return;
    }
    if (route.host && route.away.length === 0) this.#export(actor, causes, outlet, payloads);
    else if (route.host) {
      const some = servedBy(route.away, causes, payloads);
      if (some !== undefined) this.#export(actor, some, outlet, some);
    }
    for (const target of route.local) {
      const { inlet, of } = target;
      const batch = of === 1 ? asBatch(causes, payloads, inlet) : servedBy([target], causes, payloads);
      if (batch !== undefined) this.send(actor, target, of === 1 ? batch : { ...batch, inlet });
    }
  }

  /** Nothing caused these, so the host makes each an execution and sends it where it belongs, this cell included. */
  begin(actor: Actor, outlet: number, payloads: Payloads, count: number): void {
    this.#exports -= count;
    this.#outbound.emit(actor.plan.index, outlet, new Array<number>(count).fill(0), payloads);
  }

  #export(actor: Actor, { executions }: Causes, outlet: number, payloads: Payloads): void {
    this.#exports -= executions.length;
    this.#outbound.emit(
      actor.plan.index,
      outlet,
      executions.map(({ handle }) => handle),
      payloads,
    );
  }

  /** Sends a batch to an actor of this cell. What it has no room for is refused, if the sender does not wait for room. */
  send(from: Actor, target: LocalTarget, batch: Batch): void {
    const receiver = this.#residents.get(target.actor);
    let accepted = batch;
    if ((target.overflow === 'reject' || receiver === from) && this.#residents.room(target) < countOf(batch)) {
      const room = Math.max(0, this.#residents.room(target));
      this.#refuse(target, part({ batch, from: room, to: countOf(batch) }));
      if (room === 0) return;
      accepted = part({ batch, from: 0, to: room });
    }
    this.#executions.hold(accepted.executions);
    this.#residents.push(target.actor, accepted);
  }

  #refuse(target: LocalTarget, batch: Batch): void {
    const receiver = this.#residents.get(target.actor);
    // One that blocks refuses nobody but itself.
    const error = receiver !== undefined && target.overflow === 'block' ? deadlockOf([receiver], () => 'room') : mailboxFull(receiver?.plan.name);
    for (const execution of batch.executions) this.fail(target.actor, execution, error);
    this.respond(batch.reply, error, textLane, '');
  }

  /** To the asker, who may handle it; else to the `error` outlet, if that leads anywhere; else the execution fails. */
  failed(actor: Actor, message: Batch, error: ErrorRecord): void {
    const execution = message.executions[0] as Execution;
    if (execution.cancelled !== undefined) {
      this.respond(message.reply, execution.cancelled, textLane, '');
      return;
    }
    if (message.reply !== undefined) {
      this.respond(message.reply, error, textLane, '');
      return;
    }
    const route = actor.plan.outlets[errorOutlet];
    if (route === undefined || (!route.host && route.local.length === 0)) {
      this.fail(actor.plan.index, execution, error);
      return;
    }
    this.emit(actor, message, errorOutlet, errorMessage(error));
  }

  /** The execution fails, unless it has been cancelled. */
  fail(actor: number, execution: Execution, error: ErrorRecord): void {
    if (execution.cancelled === undefined) this.#outbound.tell({ type: 'failure', execution: execution.handle, actor, error });
  }

  /** Answers whoever asked, if anybody did. */
  respond(reply: Reply | undefined, error: ErrorRecord | null, lane: Lane, body: Body): void {
    if (reply === undefined) return;
    if (reply.to === 'host') {
      this.#outbound.answer(reply.id, error, lane, body);
      return;
    }
    const instance = this.#residents.get(reply.actor)?.instance;
    if (instance?.number === reply.instance) instance.reply(reply.call, error, lane, body);
  }
}

/** Whether the sender waits for room there. Only an actor itself can empty its own mailbox: waiting for that would be for ever. */
const isBlocked = (sender: Actor, { actor, overflow }: LocalTarget): boolean => overflow === 'block' && actor !== sender.plan.index;

const mailboxFull = (actor: string | undefined): ErrorRecord => ({
  code: 'mailbox.full',
  message: `the mailbox of ${actor === undefined ? 'an actor that sleeps' : `\`${actor}\``} is full, and its overflow is \`reject\``,
  actor,
  hint: 'overflow: block, or a larger mailbox',
});
