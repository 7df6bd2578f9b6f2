/**
 * The cell: carries out what the host says, and routes messages between its actors. It never reads a payload,
 * save to turn an error into a message for an `error` outlet.
 */
import { encode } from '../../sdk/message.ts';
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { cutPayloads } from '../frame.ts';
import { binaryLane, executionSeparator, type Lane, textLane } from '../lanes.ts';
import type { ActorPlan, Column, HostMessage, LogLevel } from '../protocol.ts';
import { Actor, type Router, type Start } from './actor.ts';
import { type Execution, Executions } from './executions.ts';
import type { CallEvent, Outcome } from './instanceListener.ts';
import type { Delivery, Reply } from './mailbox.ts';
import { Outbound, type Send, toBytes, toText } from './outbound.ts';

const outOutlet = 0;
const errorOutlet = 1;

/** How often limits are looked at that no door enforces. Milliseconds. */
const checkInterval = 50;

export type Starter = (plan: ActorPlan, payloads: readonly Buffer[]) => Start;

export class Cell implements Router {
  readonly #outbound: Outbound;
  readonly #starter: Starter;
  readonly #actors: (Actor | undefined)[] = [];
  readonly #executions: Executions;
  /** Messages that the host still takes in `emit`. */
  #exports = 0;
  #careful = false;
  #sequence = 0;

  constructor(send: Send, starter: Starter) {
    this.#outbound = new Outbound(send);
    this.#executions = new Executions((execution) => this.#outbound.settled(execution));
    this.#starter = starter;
    setInterval(() => this.#check(), checkInterval).unref();
  }

  receive(message: HostMessage, region: Buffer): void {
    switch (message.type) {
      case 'hello':
        this.#exports = message.credit;
        this.#careful = message.careful;
        return;
      case 'create':
        this.#create(message.actor, cutPayloads(message.length, region));
        return;
      case 'stop':
        this.#actors[message.actor]?.stop();
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
        for (const actor of this.#actors) if (actor !== undefined) actor.careful = message.on;
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

  #create(plan: ActorPlan, payloads: readonly Buffer[]): void {
    const actor = new Actor(
      plan,
      this,
      this.#starter(
        plan,
        payloads.map((payload) => Buffer.from(payload)),
      ),
    );
    actor.careful = this.#careful;
    this.#actors[plan.index] = actor;
    this.#connect();
    actor.create();
  }

  /** Who sends to whom, among the actors present. */
  #connect(): void {
    for (const sender of this.#actors) {
      if (sender === undefined) continue;
      for (const outlet of sender.plan.outlets) for (const target of outlet.local) this.#actors[target.actor]?.senders.add(sender);
    }
  }

  #deliver(message: Extract<HostMessage, { type: 'deliver' }>, region: Buffer): void {
    this.#introduce(message.executions, region.toString('utf8', 0, message.described));
    const payloads = cutPayloads(message.length, region.subarray(message.described));
    for (let i = 0; i < payloads.length; i++) {
      const execution = this.#executions.get(message.execution[i] as number) as Execution;
      const lane = message.lane[i] as Lane;
      const reply = message.reply[i] === 0 ? undefined : ({ to: 'host', id: message.reply[i] as number } as const);
      execution.received++;
      this.#executions.hold(execution);
      const delivery: Delivery = {
        inlet: message.inlet[i] as number,
        lane,
        text: toText(lane, payloads[i] as Buffer),
        execution,
        sequence: message.sequence[i] as number,
        reply,
        fromHost: true,
        suspect: false,
      };
      this.#push(this.#actors[message.actor[i] as number], delivery);
    }
    for (const actor of new Set(Array.from(message.actor))) this.#actors[actor]?.pump();
  }

  #introduce(handles: Column, descriptions: string): void {
    let start = 0;
    for (let i = 0; i < handles.length; i++) {
      const end = descriptions.indexOf(executionSeparator, start);
      this.#executions.introduce(handles[i] as number, descriptions.slice(start, end === -1 ? descriptions.length : end));
      start = end + 1;
    }
  }

  #push(actor: Actor | undefined, delivery: Delivery): void {
    if (actor !== undefined) actor.mailbox.push(delivery);
    else this.#unreachable(delivery);
  }

  #unreachable(delivery: Delivery): void {
    const error: ErrorRecord = { code: 'actor.unknown', message: 'the actor is not in this cell' };
    this.#fail(0, delivery.execution, error);
    this.#respond(delivery.reply, error, textLane, '');
    this.#executions.release(delivery.execution);
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
      execution.cancelled = error;
      cancelled.add(execution);
    }
    if (cancelled.size === 0) return;
    for (const actor of this.#actors) actor?.cancel((delivery) => cancelled.has(delivery.execution), error);
  }

  #pong(token: number): void {
    let oldest = 0;
    let live = 0;
    const busy: number[] = [];
    const messages: number[] = [];
    for (const actor of this.#actors) {
      if (actor === undefined) continue;
      if (actor.present > 0) {
        busy.push(actor.plan.index);
        messages.push(actor.present);
      }
      if (actor.instance === undefined) continue;
      live++;
      oldest = Math.max(oldest, actor.instance.runningFor);
    }
    const { user, system } = process.cpuUsage();
    this.#outbound.tell({ type: 'pong', token, oldest, live, cpu: (user + system) / 1000, actor: busy, messages });
  }

  #check(): void {
    const now = performance.now();
    for (const actor of this.#actors) actor?.instance?.check(now);
  }

  #resumeAll(which: (actor: Actor) => boolean): void {
    for (const actor of this.#actors) if (actor !== undefined && which(actor)) actor.resume();
  }

  // What actors tell.

  started(actor: Actor, inlets: readonly string[], millis: number): void {
    this.#outbound.tell({ type: 'created', actor: actor.plan.index, instance: actor.instance?.number ?? 0, inlets: [...inlets], millis });
  }

  failed(actor: Actor, error: ErrorRecord): void {
    this.#outbound.tell({ type: 'failed', actor: actor.plan.index, error: toStartError(error) });
  }

  stopped(actor: Actor): void {
    this.#actors[actor.plan.index] = undefined;
    this.#outbound.tell({ type: 'stopped', actor: actor.plan.index });
  }

  room(actor: Actor): number {
    let room = actor.plan.limits.mailbox;
    for (const outlet of actor.plan.outlets) {
      if (outlet.host) room = Math.min(room, this.#exports);
      for (const target of outlet.local) {
        const receiver = this.#actors[target.actor];
        // Only the actor itself can empty its own mailbox: waiting for that would be for ever.
        if (receiver !== undefined && receiver !== actor && receiver.plan.overflow === 'block') room = Math.min(room, receiver.mailbox.room);
      }
    }
    return room;
  }

  taken(actor: Actor, delivery: Delivery): void {
    if (delivery.fromHost) this.#outbound.credit(actor.plan.index);
    const { size, capacity } = actor.mailbox;
    if (size === capacity >> 1 || size === 0) for (const sender of actor.senders) if (sender !== actor) setImmediate(() => sender.resume());
  }

  begins(actor: Actor, delivery: Delivery): void {
    this.#outbound.tell({ type: 'begin', actor: actor.plan.index, execution: delivery.execution.handle });
  }

  emitted(actor: Actor, delivery: Delivery | undefined, outlet: number, lane: Lane, text: string): void {
    const route = actor.plan.outlets[outlet];
    if (route === undefined) return;
    const execution = delivery?.execution;
    if (execution?.cancelled !== undefined) return;
    if (execution === undefined) {
      // Nothing caused it, so the host makes it an execution and sends it where it belongs, this cell included.
      this.#exports--;
      this.#outbound.emit(actor.plan.index, outlet, 0, lane, text);
      return;
    }
    if (route.host) {
      this.#exports--;
      this.#outbound.emit(actor.plan.index, outlet, execution.handle, lane, text);
    }
    for (const target of route.local) this.#send(actor, target.actor, target.inlet, execution, lane, text, undefined);
  }

  #send(from: Actor, to: number, inlet: number, execution: Execution, lane: Lane, text: string, reply: Reply | undefined): void {
    const receiver = this.#actors[to];
    if (receiver !== undefined && (receiver.plan.overflow === 'reject' || receiver === from) && receiver.mailbox.room <= 0) {
      const error: ErrorRecord = {
        code: 'mailbox.full',
        message: `the mailbox of \`${receiver.plan.name}\` is full`,
        actor: receiver.plan.name,
        hint: 'overflow: block',
      };
      this.#fail(to, execution, error);
      this.#respond(reply, error, textLane, '');
      return;
    }
    this.#executions.hold(execution);
    const delivery: Delivery = { inlet, lane, text, execution, sequence: ++this.#sequence, reply, fromHost: false, suspect: false };
    if (receiver === undefined) this.#unreachable(delivery);
    else receiver.push(delivery);
  }

  answered(actor: Actor, delivery: Delivery, lane: Lane, text: string): void {
    this.emitted(actor, delivery, outOutlet, lane, text);
    this.#respond(delivery.reply, null, lane, text);
  }

  ended(actor: Actor, delivery: Delivery, outcome: Outcome, microseconds: number | undefined): void {
    const { execution } = delivery;
    if (microseconds !== undefined) Executions.worked(execution, actor.plan.index, microseconds);
    switch (outcome.is) {
      case 'nothing':
        this.#respond(delivery.reply, null, textLane, 'null');
        break;
      case 'value':
        this.answered(actor, delivery, outcome.lane, outcome.text);
        break;
      case 'error':
        this.#failed(actor, delivery, outcome.error);
    }
    this.#executions.release(execution);
  }

  /** To the asker, who may handle it; else to the `error` outlet, if that leads anywhere; else the execution fails. */
  #failed(actor: Actor, delivery: Delivery, error: ErrorRecord): void {
    if (delivery.execution.cancelled !== undefined) {
      this.#respond(delivery.reply, delivery.execution.cancelled, textLane, '');
      return;
    }
    if (delivery.reply !== undefined) {
      this.#respond(delivery.reply, error, textLane, '');
      return;
    }
    const route = actor.plan.outlets[errorOutlet];
    if (route === undefined || (!route.host && route.local.length === 0)) {
      this.#fail(actor.plan.index, delivery.execution, error);
      return;
    }
    const { lane, text } = errorMessage(error);
    this.emitted(actor, delivery, errorOutlet, lane, text);
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

  called(actor: Actor, event: CallEvent, delivery: Delivery | undefined): void {
    const instance = actor.instance?.number ?? 0;
    const execution = delivery?.execution;
    if (event.is === 'ask') {
      const peer = Object.hasOwn(actor.plan.peers, event.peer) ? actor.plan.peers[event.peer] : undefined;
      if (peer !== null && peer !== undefined && execution !== undefined) {
        this.#send(actor, peer.actor, peer.inlet, execution, event.lane, event.payload, { to: 'actor', actor: actor.plan.index, instance, call: event.id });
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
          turn: delivery === undefined ? 0 : event.turn,
          capability: event.capability,
          operation: event.operation,
          synchronous: event.synchronous === true,
        },
        [payload],
      );
  }

  logged(actor: Actor, level: LogLevel, text: string, dropped: number, delivery: Delivery | undefined): void {
    this.#outbound.tell({ type: 'log', actor: actor.plan.index, execution: delivery?.execution.handle ?? 0, level, text, dropped });
  }

  violated(actor: Actor, error: ErrorRecord, delivery: Delivery | undefined): void {
    this.#outbound.tell({ type: 'violation', actor: actor.plan.index, execution: delivery?.execution.handle ?? 0, error });
  }
}

/** An error as a message value, for an `error` outlet. */
function errorMessage(error: ErrorRecord): { lane: Lane; text: string } {
  const value = Object.assign(VivariumError.from(error), { name: error.name ?? 'VivariumError', stack: error.stack ?? error.message });
  const payload = encode(value);
  return payload.lane === 'text' ? { lane: textLane, text: payload.text } : { lane: binaryLane, text: Buffer.from(payload.bytes).toString('latin1') };
}

/** Whatever went wrong in the author's code at start is one thing to the caller: the actor could not be started. */
function toStartError(error: ErrorRecord): ErrorRecord {
  return error.code === 'actor.failed' || error.code === 'actor.fatal' ? { ...error, code: 'actor.start' } : error;
}
