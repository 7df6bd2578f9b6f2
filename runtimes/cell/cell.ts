/**
 * The cell: carries out what the host says, and routes messages between its actors. It never reads a payload,
 * save to turn an error into a message for an `error` outlet.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { cutPayloads } from '../frame.ts';
import { type Lane, textLane } from '../lanes.ts';
import type { ActorPlan, HostMessage, LocalTarget, LogLevel } from '../protocol.ts';
import { elsewhere } from '../waits.ts';
import { Actor, type Router, type Start } from './actor.ts';
import {
  asBatch,
  type Batch,
  type Causes,
  causesOf,
  countOf,
  errorOutlet,
  onePayload,
  outOutlet,
  part,
  type Payloads,
  repeated,
  type Reply,
  type Rows,
  select,
  servedBy,
} from './batch.ts';
import { deadlockOf, deadlocksOf, standing } from './deadlocks.ts';
import { errorMessage, startError } from './errorMessage.ts';
import { readDelivery } from './delivery.ts';
import { type Execution, Executions } from './executions.ts';
import type { CallEvent } from './instanceListener.ts';
import type { OpenTurn } from './openTurns.ts';
import { type Channel, Outbound, toBytes } from './outbound.ts';
import { Rests } from './rests.ts';
import { Sleepers } from './sleepers.ts';

/** How often limits are looked at that no door enforces. Milliseconds. */
const checkInterval = 50;
/** How long after one deadlock it is looked for the next. Milliseconds. */
const deadlockInterval = 5;

export type Starter = (plan: ActorPlan, payloads: readonly Buffer[]) => Start;

export class Cell implements Router {
  readonly #outbound: Outbound;
  readonly #starter: Starter;
  /** By index: a flow has thousands of actors of which some hundred live here. */
  readonly #actors: (Actor | undefined)[] = [];
  readonly #present = new Set<Actor>();
  readonly #sleepers: Sleepers;
  readonly #rests: Rests;
  readonly #executions: Executions;
  /** Messages that the host still takes in `emit`. */
  #exports = 0;
  #careful = false;
  #looksAgain = false;

  constructor(channel: Channel, starter: Starter) {
    this.#outbound = new Outbound(channel);
    this.#executions = new Executions((execution) => this.#outbound.settled(execution));
    this.#starter = starter;
    this.#sleepers = new Sleepers((actor) => this.#outbound.tell({ type: 'wanted', actor }));
    this.#rests = new Rests(this.#present);
    setInterval(() => this.#check(), checkInterval).unref();
  }

  receive(message: HostMessage, region: Buffer): void {
    switch (message.type) {
      case 'hello':
        this.#exports = message.credit;
        this.#careful = message.careful;
        this.#rests.patience = message.idle;
        return;
      case 'create':
        this.#create(message.actor, message.instance, cutPayloads(message.length, region));
        return;
      case 'stop':
        this.#actors[message.actor]?.stop();
        return;
      case 'rest':
        this.#rests.demand(message.actors, message.busy);
        return;
      case 'refuse':
        this.#turnAway(message.actor, message.error);
        return;
      case 'deliver':
        this.#deliver(message, region);
        return;
      case 'reply':
        this.#reply(message, region);
        return;
      case 'cancel':
        this.#cancel(message.execution, message.error);
        return;
      case 'credit':
        this.#exports += message.messages;
        this.#resumeAll((actor) => actor.plan.outlets.some((outlet) => outlet.host));
        return;
      case 'careful':
        this.#careful = message.on;
        for (const actor of this.#present) actor.careful = message.on;
        return;
      case 'look':
        this.#outbound.tell({ type: 'waits', token: message.token, ...standing(this.#present) });
        return;
      case 'ping':
        this.#pong(message.token);
        return;
      default:
        message satisfies never;
    }
  }

  wedged(actor: number, reason: string): void {
    this.#outbound.tell({ type: 'wedged', actor, reason: reason.slice(0, 1024) });
  }

  #create(plan: ActorPlan, instance: number, payloads: readonly Buffer[]): void {
    const actor = new Actor(
      plan,
      instance,
      this,
      this.#starter(
        plan,
        payloads.map((payload) => Buffer.from(payload)),
      ),
    );
    actor.careful = this.#careful;
    actor.mailbox.unshift(this.#sleepers.take(plan.index));
    this.#actors[plan.index] = actor;
    this.#present.add(actor);
    this.#connect(actor);
    actor.create();
  }

  /** Who sends to whom, among the actors present. */
  #connect(actor: Actor): void {
    for (const target of actor.targets) this.#actors[target]?.senders.add(actor);
    for (const sender of this.#present) if (sender.targets.has(actor.plan.index)) actor.senders.add(sender);
  }

  /** The actor has no instance any more. What came for it meanwhile waits. */
  #remove(actor: Actor): void {
    const { index } = actor.plan;
    if (this.#actors[index] !== actor) return;
    this.#actors[index] = undefined;
    this.#present.delete(actor);
    for (const target of actor.targets) this.#actors[target]?.senders.delete(actor);
    this.#sleepers.keep(index, actor.mailbox);
  }

  /** The host will not wake the actor now. */
  #turnAway(index: number, error: ErrorRecord): void {
    for (const batch of this.#sleepers.take(index)) this.#giveUp(index, batch, error);
    this.#resumeAll((actor) => actor.targets.has(index));
  }

  /** Messages for an actor that sleeps, which it will not get. */
  #giveUp(index: number, batch: Batch, error: ErrorRecord): void {
    if (batch.fromHost) this.#outbound.credit(index, countOf(batch));
    if (batch.reply === undefined) for (const execution of batch.executions) this.#fail(index, execution, error);
    else this.#respond(batch.reply, error, textLane, '');
    this.#executions.release(batch.executions);
  }

  #deliver(message: Extract<HostMessage, { type: 'deliver' }>, region: Buffer): void {
    const receivers = new Set<Actor>();
    readDelivery(message, region, this.#executions, (to, batch) => {
      const actor = this.#actors[to];
      this.#executions.hold(batch.executions);
      if (actor === undefined) this.#sleepers.push(to, batch);
      else {
        actor.mailbox.push(batch);
        receivers.add(actor);
      }
    });
    for (const actor of receivers) actor.pump();
  }

  #reply(message: Extract<HostMessage, { type: 'reply' }>, region: Buffer): void {
    const instance = this.#actors[message.actor]?.instance;
    if (instance?.number === message.instance) instance.reply(message.call, message.error, message.lane, region);
  }

  #cancel(handles: readonly number[], error: ErrorRecord): void {
    const cancelled = new Set<Execution>();
    for (const handle of handles) {
      const execution = this.#executions.get(handle);
      if (execution === undefined) continue;
      this.#executions.cancel(execution, error);
      cancelled.add(execution);
    }
    if (cancelled.size === 0) return;
    const matches = (execution: Execution): boolean => cancelled.has(execution);
    for (const actor of this.#present) actor.cancel(matches, error);
    for (const [index, batch] of this.#sleepers.remove(matches)) this.#giveUp(index, batch, error);
    // A mailbox lost many at once, perhaps past the mark at which its senders are told.
    this.#resumeAll(() => true);
  }

  #pong(token: number): void {
    let oldest = 0;
    let live = 0;
    const busy: number[] = [];
    const messages: number[] = [];
    for (const [index, waiting] of this.#sleepers) {
      busy.push(index);
      messages.push(waiting);
    }
    for (const actor of this.#present) {
      if (actor.present > 0) {
        busy.push(actor.plan.index);
        messages.push(actor.present);
      }
      if (actor.instance === undefined) continue;
      live++;
      oldest = Math.max(oldest, actor.instance.runningFor);
    }
    const { user, system } = process.cpuUsage();
    this.#outbound.tell({ type: 'pong', token, oldest, live, idle: this.#rests.longest, cpu: (user + system) / 1000, actor: busy, messages });
  }

  #check(): void {
    const now = performance.now();
    for (const actor of this.#present) actor.instance?.check(now);
    this.#rests.check(now);
    // A receiver may stand still while it has some room, but not so much that its senders were told.
    this.#resumeAll(() => true);
    this.#breakDeadlocks();
  }

  /**
   * Where messages wait that have not begun, they begin: callers alone can fill all mailboxes of a circle. Else one execution ends.
   * The host ends it, and `cancel` comes back. What waited behind its messages may be next to stand still.
   */
  #breakDeadlocks(): void {
    const deadlocks = deadlocksOf(this.#present);
    for (const { error, actors, culprit } of deadlocks) {
      if (actors.some((actor) => this.#maySqueeze(actor) && actor.squeeze()) || culprit === undefined) continue;
      this.#fail((actors[0] as Actor).plan.index, culprit, error);
    }
    if (deadlocks.length === 0 || this.#looksAgain) return;
    this.#looksAgain = true;
    setTimeout(() => {
      this.#looksAgain = false;
      this.#breakDeadlocks();
    }, deadlockInterval).unref();
  }

  #resumeAll(which: (actor: Actor) => boolean): void {
    for (const actor of this.#present) if (which(actor)) actor.resume();
  }

  // What actors tell.

  started(actor: Actor, inlets: readonly string[], millis: number): void {
    this.#outbound.tell({ type: 'created', actor: actor.plan.index, instance: actor.instance?.number ?? 0, inlets: [...inlets], millis });
  }

  failed(actor: Actor, error: ErrorRecord): void {
    // One that had started has messages that nobody else has: the host ends the cell, and they run again.
    if (!actor.hasStarted) this.#remove(actor);
    this.#outbound.tell({ type: 'failed', actor: actor.plan.index, error: startError(error) });
  }

  stopped(actor: Actor): void {
    this.#outbound.tell({ type: 'stopped', actor: actor.plan.index });
    this.#rests.left();
    this.#remove(actor);
  }

  idled(actor: Actor): void {
    this.#rests.idled(actor);
  }

  room(actor: Actor): number {
    let room = actor.plan.limits.mailbox;
    for (const outlet of actor.plan.outlets) {
      if (outlet.host) room = Math.min(room, this.#exports);
      for (const target of outlet.local) {
        if (isBlocked(actor, target)) room = Math.min(room, this.#roomOf(target));
      }
    }
    return room;
  }

  #roomOf({ actor, mailbox }: LocalTarget): number {
    return this.#actors[actor]?.mailbox.room ?? this.#sleepers.room(actor, mailbox);
  }

  full(actor: Actor): readonly number[] {
    const full = new Set<number>();
    for (const { local } of actor.plan.outlets) {
      for (const target of local) if (isBlocked(actor, target) && this.#roomOf(target) <= 0) full.add(target.actor);
    }
    if (this.#exports <= 0 && actor.plan.outlets.some(({ host }) => host)) full.add(elsewhere);
    return [...full];
  }

  peer(actor: Actor, name: string): number {
    return peerOf(actor, name)?.actor ?? elsewhere;
  }

  #maySqueeze(actor: Actor): boolean {
    return this.full(actor).every((receiver) => receiver !== elsewhere && this.#actors[receiver]?.mailbox.overfull === false);
  }

  taken(actor: Actor, batch: Batch): void {
    const count = countOf(batch);
    if (batch.fromHost) this.#outbound.credit(actor.plan.index, count);
    const { size, capacity } = actor.mailbox;
    const half = capacity >> 1;
    if (size === 0 || (size <= half && size + count > half)) for (const sender of actor.senders) if (sender !== actor) setImmediate(() => sender.resume());
  }

  begins(actor: Actor, message: Batch): void {
    for (const execution of message.executions) this.#outbound.tell({ type: 'begin', actor: actor.plan.index, execution: execution.handle });
  }

  emitted(actor: Actor, turn: OpenTurn | undefined, outlet: number, payloads: Payloads, count: number): void {
    if (turn !== undefined) {
      this.#emit(actor, repeated(causesOf({ batch: turn.batch, from: turn.row, to: turn.row + 1 }), count), outlet, payloads);
      return;
    }
    // Nothing caused it, so the host makes it an execution and sends it where it belongs, this cell included.
    this.#exports -= count;
    this.#outbound.emit(actor.plan.index, outlet, new Array<number>(count).fill(0), payloads);
  }

  answered(actor: Actor, { batch, row }: OpenTurn, payloads: Payloads): void {
    this.#emit(actor, causesOf({ batch, from: row, to: row + 1 }), outOutlet, payloads);
    this.#respond(batch.reply, null, payloads.lane, payloads.body);
  }

  settled(actor: Actor, turns: Rows, payloads: Payloads | undefined, microseconds: number): void {
    const causes = causesOf(turns);
    const { reply } = turns.batch;
    Executions.worked(causes.executions, actor.plan.index, microseconds);
    if (payloads !== undefined) this.#emit(actor, causes, outOutlet, payloads);
    if (reply !== undefined) this.#respond(reply, null, payloads?.lane ?? textLane, payloads?.body ?? 'null');
    this.#executions.release(causes.executions);
  }

  erred(actor: Actor, message: Batch, error: ErrorRecord, microseconds: number | undefined): void {
    if (microseconds !== undefined) Executions.worked(message.executions, actor.plan.index, microseconds);
    for (let row = 0; row < countOf(message); row++) this.#failed(actor, part({ batch: message, from: row, to: row + 1 }), error);
    this.#executions.release(message.executions);
  }

  /** Sends messages to where an outlet leads. What a cancelled execution would still say is dropped. */
  #emit(actor: Actor, causes: Causes, outlet: number, payloads: Payloads): void {
    const route = actor.plan.outlets[outlet];
    if (route === undefined) return;
    const cancelled = ({ cancelled }: Execution): boolean => cancelled !== undefined;
    if (this.#executions.anyCancelled && causes.executions.some(cancelled)) {
      const alive = select(asBatch(causes, payloads, 0), (execution) => !cancelled(execution));
      if (alive !== undefined) this.#emit(actor, alive, outlet, alive);
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
      if (batch !== undefined) this.#send(actor, target, of === 1 ? batch : { ...batch, inlet });
    }
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

  #send(from: Actor, target: LocalTarget, batch: Batch): void {
    const receiver = this.#actors[target.actor];
    let accepted = batch;
    if ((target.overflow === 'reject' || receiver === from) && this.#roomOf(target) < countOf(batch)) {
      const room = Math.max(0, this.#roomOf(target));
      this.#refuse(target, part({ batch, from: room, to: countOf(batch) }));
      if (room === 0) return;
      accepted = part({ batch, from: 0, to: room });
    }
    this.#executions.hold(accepted.executions);
    if (receiver === undefined) this.#sleepers.push(target.actor, accepted);
    else receiver.push(accepted);
  }

  #refuse(target: LocalTarget, batch: Batch): void {
    const receiver = this.#actors[target.actor];
    // One that blocks refuses nobody but itself.
    const error = receiver !== undefined && target.overflow === 'block' ? deadlockOf([receiver], () => 'room') : mailboxFull(receiver?.plan.name);
    for (const execution of batch.executions) this.#fail(target.actor, execution, error);
    this.#respond(batch.reply, error, textLane, '');
  }

  /** To the asker, who may handle it; else to the `error` outlet, if that leads anywhere; else the execution fails. */
  #failed(actor: Actor, message: Batch, error: ErrorRecord): void {
    const execution = message.executions[0] as Execution;
    if (execution.cancelled !== undefined) {
      this.#respond(message.reply, execution.cancelled, textLane, '');
      return;
    }
    if (message.reply !== undefined) {
      this.#respond(message.reply, error, textLane, '');
      return;
    }
    const route = actor.plan.outlets[errorOutlet];
    if (route === undefined || (!route.host && route.local.length === 0)) {
      this.#fail(actor.plan.index, execution, error);
      return;
    }
    this.#emit(actor, message, errorOutlet, errorMessage(error));
  }

  #fail(actor: number, execution: Execution, error: ErrorRecord): void {
    if (execution.cancelled === undefined) this.#outbound.tell({ type: 'failure', execution: execution.handle, actor, error });
  }

  #respond(reply: Reply | undefined, error: ErrorRecord | null, lane: Lane, text: string): void {
    if (reply === undefined) return;
    if (reply.to === 'host') {
      this.#outbound.answer(reply.id, error, lane, text);
      return;
    }
    const instance = this.#actors[reply.actor]?.instance;
    if (instance?.number === reply.instance) instance.reply(reply.call, error, lane, text);
  }

  called(actor: Actor, event: CallEvent, turn: OpenTurn | undefined): void {
    const instance = actor.instance?.number ?? 0;
    const execution = turn?.execution;
    if (event.is === 'ask') {
      const peer = peerOf(actor, event.peer);
      if (peer !== undefined && turn !== undefined) {
        const causes = causesOf({ batch: turn.batch, from: turn.row, to: turn.row + 1 });
        const reply = { to: 'actor', actor: actor.plan.index, instance, call: event.id } as const;
        this.#send(actor, peer, { ...asBatch(causes, onePayload(event.lane, event.payload), peer.inlet), reply });
        return;
      }
    }
    const payload = toBytes(event.lane, event.payload);
    const rest = { actor: actor.plan.index, instance, call: event.id, execution: execution?.handle ?? 0, lane: event.lane, length: [payload.length] };
    if (event.is === 'ask') this.#outbound.tell({ type: 'ask', ...rest, peer: event.peer }, [payload]);
    else
      this.#outbound.tell(
        {
          type: 'call',
          ...rest,
          turn: turn === undefined ? 0 : event.turn,
          capability: event.capability,
          operation: event.operation,
          synchronous: event.synchronous === true,
        },
        [payload],
      );
  }

  logged(actor: Actor, level: LogLevel, text: string, dropped: number, execution: Execution | undefined): void {
    this.#outbound.tell({ type: 'log', actor: actor.plan.index, execution: execution?.handle ?? 0, level, text, dropped });
  }

  violated(actor: Actor, error: ErrorRecord, culprit: Batch | undefined): void {
    this.#outbound.tell({ type: 'violation', actor: actor.plan.index, execution: culprit?.executions[0]?.handle ?? 0, error });
  }
}

/** Whom the actor reaches by this name, if that is in this cell. */
const peerOf = ({ plan: { peers } }: Actor, name: string): LocalTarget | undefined => (Object.hasOwn(peers, name) ? (peers[name] ?? undefined) : undefined);

/** Whether the sender waits for room there. Only an actor itself can empty its own mailbox: waiting for that would be for ever. */
const isBlocked = (sender: Actor, { actor, overflow }: LocalTarget): boolean => overflow === 'block' && actor !== sender.plan.index;

const mailboxFull = (actor: string | undefined): ErrorRecord => ({
  code: 'mailbox.full',
  message: `the mailbox of ${actor === undefined ? 'an actor that sleeps' : `\`${actor}\``} is full, and its overflow is \`reject\``,
  actor,
  hint: 'overflow: block, or a larger mailbox',
});
