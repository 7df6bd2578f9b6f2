/** The cell: carries out what the host says, and passes on what its actors tell. */
import type { ErrorRecord } from '../../sdk/errors.ts';
import { cutPayloads } from '../frame.ts';
import { textLane } from '../lanes.ts';
import type { ActorPlan, HostMessage, LocalTarget, LogLevel, WarmIsolates } from '../protocol.ts';
import { elsewhere } from '../waits.ts';
import { Actor, type Router, type Start } from './actor.ts';
import { asBatch, type Batch, causesOf, countOf, onePayload, outOutlet, part, type Payloads, repeated, type Rows } from './batch.ts';
import { deadlocksOf, standing } from './deadlocks.ts';
import { startError } from './errorMessage.ts';
import { readDelivery } from './delivery.ts';
import { type Execution, Executions } from './executions.ts';
import type { CallEvent } from './instanceListener.ts';
import type { OpenTurn } from './openTurns.ts';
import { type Channel, Outbound, toBytes } from './outbound.ts';
import { Residents } from './residents.ts';
import { Rests } from './rests.ts';
import { Routing } from './routing.ts';
import type { Shells } from './shells.ts';

/** How often a cell wants to be asked to {@link Cell.check}. Milliseconds. */
export const checkInterval = 50;
/** How long after one deadlock it is looked for the next. Milliseconds. */
const deadlockInterval = 5;

export type Starter = (plan: ActorPlan, payloads: readonly Buffer[]) => Start;

export class Cell implements Router {
  readonly #outbound: Outbound;
  readonly #shells: Readonly<Record<keyof WarmIsolates, Shells>>;
  readonly #starter: Starter;
  readonly #residents: Residents;
  readonly #rests: Rests;
  readonly #executions: Executions;
  readonly #routing: Routing;
  #careful = false;
  #looksAgain = false;

  constructor(channel: Channel, shells: Readonly<Record<keyof WarmIsolates, Shells>>, starter: Starter) {
    this.#outbound = new Outbound(channel);
    this.#executions = new Executions((execution) => this.#outbound.settled(execution));
    this.#shells = shells;
    this.#starter = starter;
    this.#residents = new Residents((actor) => this.#outbound.tell({ type: 'wanted', actor }));
    this.#routing = new Routing(this.#residents, this.#executions, this.#outbound);
    this.#rests = new Rests(this.#residents.present);
  }

  /** An actor starts, or has messages that have not ended. */
  get isBusy(): boolean {
    for (const actor of this.#residents.present) if (actor.present > 0 || actor.isStarting) return true;
    return false;
  }

  /** @param message all but what is none of its actors' business */
  receive(message: Exclude<HostMessage, { type: 'interpreter' }>, region: Buffer): void {
    switch (message.type) {
      case 'hello':
        this.#routing.credit(message.credit);
        this.#careful = message.careful;
        this.#rests.patience = message.idle;
        return;
      case 'warm':
        // One that is kept for JavaScript serves WASM, if it is not wanted any more.
        this.#shells.wasm.most = message.wasm;
        this.#shells.javascript.most = message.javascript;
        return;
      case 'create':
        this.#create(message.actor, message.instance, cutPayloads(message.length, region));
        return;
      case 'restart':
        this.#residents.get(message.actor)?.restart();
        return;
      case 'stop':
        this.#residents.get(message.actor)?.stop();
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
        this.#routing.credit(message.messages);
        this.#residents.resume((actor) => actor.plan.outlets.some((outlet) => outlet.host));
        return;
      case 'careful':
        this.#careful = message.on;
        for (const actor of this.#residents.present) actor.careful = message.on;
        return;
      case 'look':
        this.#outbound.tell({ type: 'waits', token: message.token, ...standing(this.#residents.present) });
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
    this.#residents.enter(actor);
    actor.create();
  }

  /** The host will not wake the actor now. */
  #turnAway(index: number, error: ErrorRecord): void {
    for (const batch of this.#residents.sleepers.take(index)) this.#giveUp(index, batch, error);
    this.#residents.resume((actor) => actor.targets.has(index));
  }

  /** Messages for an actor that sleeps, which it will not get. */
  #giveUp(index: number, batch: Batch, error: ErrorRecord): void {
    if (batch.fromHost) this.#outbound.credit(index, countOf(batch), 0);
    if (batch.reply === undefined) for (const execution of batch.executions) this.#routing.fail(index, execution, error);
    else this.#routing.respond(batch.reply, error, textLane, '');
    this.#executions.release(batch.executions);
  }

  #deliver(message: Extract<HostMessage, { type: 'deliver' }>, region: Buffer): void {
    const receivers = new Set<Actor>();
    readDelivery(message, region, this.#executions, (to, batch) => {
      const actor = this.#residents.get(to);
      this.#executions.hold(batch.executions);
      if (actor === undefined) this.#residents.sleepers.push(to, batch);
      else {
        actor.mailbox.push(batch);
        receivers.add(actor);
      }
    });
    for (const actor of receivers) actor.pump();
  }

  #reply(message: Extract<HostMessage, { type: 'reply' }>, region: Buffer): void {
    const instance = this.#residents.get(message.actor)?.instance;
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
    for (const actor of this.#residents.present) actor.cancel(matches, error);
    for (const [index, batch] of this.#residents.sleepers.remove(matches)) this.#giveUp(index, batch, error);
    // A mailbox lost many at once, perhaps past the mark at which its senders are told.
    this.#residents.resume(() => true);
  }

  #pong(token: number): void {
    let oldest = 0;
    let live = 0;
    const busy: number[] = [];
    const messages: number[] = [];
    for (const [index, waiting] of this.#residents.sleepers) {
      busy.push(index);
      messages.push(waiting);
    }
    for (const actor of this.#residents.present) {
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

  /** Looks at limits that no door enforces. */
  check(): void {
    const now = performance.now();
    for (const actor of this.#residents.present) actor.instance?.check(now);
    this.#rests.check(now);
    // A receiver may stand still while it has some room, but not so much that its senders were told.
    this.#residents.resume(() => true);
    this.#breakDeadlocks();
  }

  /**
   * Where messages wait that have not begun, they begin: callers alone can fill all mailboxes of a circle. Else one execution ends.
   * The host ends it, and `cancel` comes back. What waited behind its messages may be next to stand still.
   */
  #breakDeadlocks(): void {
    const deadlocks = deadlocksOf(this.#residents.present);
    for (const { error, actors, culprit } of deadlocks) {
      if (actors.some((actor) => this.#routing.maySqueeze(actor) && actor.squeeze()) || culprit === undefined) continue;
      this.#routing.fail((actors[0] as Actor).plan.index, culprit, error);
    }
    if (deadlocks.length === 0 || this.#looksAgain) return;
    this.#looksAgain = true;
    setTimeout(() => {
      this.#looksAgain = false;
      this.#breakDeadlocks();
    }, deadlockInterval).unref();
  }

  // What actors tell.

  started(actor: Actor, inlets: readonly string[], millis: number): void {
    this.#outbound.tell({ type: 'created', actor: actor.plan.index, instance: actor.instance?.number ?? 0, inlets: [...inlets], millis });
  }

  failed(actor: Actor, error: ErrorRecord): void {
    // One that had started has messages that nobody else has: the host ends the cell, and they run again.
    if (!actor.hasStarted) this.#residents.leave(actor);
    this.#outbound.tell({ type: 'failed', actor: actor.plan.index, error: startError(error) });
  }

  stopped(actor: Actor): void {
    this.#outbound.tell({ type: 'stopped', actor: actor.plan.index });
    this.#rests.left();
    this.#residents.leave(actor);
  }

  idled(actor: Actor): void {
    this.#rests.idled(actor);
  }

  room(actor: Actor): number {
    return this.#routing.room(actor);
  }

  full(actor: Actor): readonly number[] {
    return this.#routing.full(actor);
  }

  peer(actor: Actor, name: string): number {
    return peerOf(actor, name)?.actor ?? elsewhere;
  }

  taken(actor: Actor, batch: Batch): void {
    const count = countOf(batch);
    const { size, capacity } = actor.mailbox;
    if (batch.fromHost) this.#outbound.credit(actor.plan.index, count, capacity);
    const half = capacity >> 1;
    if (size === 0 || (size <= half && size + count > half)) for (const sender of actor.senders) if (sender !== actor) setImmediate(() => sender.resume());
  }

  begins(actor: Actor, message: Batch): void {
    for (const execution of message.executions) this.#outbound.tell({ type: 'begin', actor: actor.plan.index, execution: execution.handle });
  }

  emitted(actor: Actor, turn: OpenTurn | undefined, outlet: number, payloads: Payloads, count: number): void {
    if (turn !== undefined) {
      this.#routing.emit(actor, repeated(causesOf({ batch: turn.batch, from: turn.row, to: turn.row + 1 }), count), outlet, payloads);
      return;
    }
    this.#routing.begin(actor, outlet, payloads, count);
  }

  answered(actor: Actor, { batch, row }: OpenTurn, payloads: Payloads): void {
    this.#routing.emit(actor, causesOf({ batch, from: row, to: row + 1 }), outOutlet, payloads);
    this.#routing.respond(batch.reply, null, payloads.lane, payloads.body);
  }

  settled(actor: Actor, turns: Rows, payloads: Payloads | undefined, microseconds: number): void {
    const causes = causesOf(turns);
    const { reply } = turns.batch;
    Executions.worked(causes.executions, actor.plan.index, microseconds);
    if (payloads !== undefined) this.#routing.emit(actor, causes, outOutlet, payloads);
    if (reply !== undefined) this.#routing.respond(reply, null, payloads?.lane ?? textLane, payloads?.body ?? 'null');
    this.#executions.release(causes.executions);
  }

  erred(actor: Actor, message: Batch, error: ErrorRecord, microseconds: number | undefined): void {
    if (microseconds !== undefined) Executions.worked(message.executions, actor.plan.index, microseconds);
    for (let row = 0; row < countOf(message); row++) this.#routing.failed(actor, part({ batch: message, from: row, to: row + 1 }), error);
    this.#executions.release(message.executions);
  }

  called(actor: Actor, event: CallEvent, turn: OpenTurn | undefined): void {
    const instance = actor.instance?.number ?? 0;
    const execution = turn?.execution;
    if (event.is === 'ask') {
      const peer = peerOf(actor, event.peer);
      if (peer !== undefined && turn !== undefined) {
        const causes = causesOf({ batch: turn.batch, from: turn.row, to: turn.row + 1 });
        const reply = { to: 'actor', actor: actor.plan.index, instance, call: event.id } as const;
        this.#routing.send(actor, peer, { ...asBatch(causes, onePayload(event.lane, event.payload), peer.inlet), reply });
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
    this.#outbound.log({ actor: actor.plan.index, execution: execution?.handle ?? 0, level, text, dropped });
  }

  violated(actor: Actor, error: ErrorRecord, culprit: Batch | undefined): void {
    this.#outbound.tell({ type: 'violation', actor: actor.plan.index, execution: culprit?.executions[0]?.handle ?? 0, error });
  }
}

/** Whom the actor reaches by this name, if that is in this cell. */
const peerOf = ({ plan: { peers } }: Actor, name: string): LocalTarget | undefined => (Object.hasOwn(peers, name) ? (peers[name] ?? undefined) : undefined);
