/**
 * One live cell: speaks to it, hears what it says, and holds it to the protocol.
 *
 * The identity of whoever speaks comes from here, the process at the other end of the channel; what a message
 * claims beyond that is checked. A violation ends the cell.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { type CellMessage, type Lane, type LogLine, protocolVersion } from '../../runtimes/protocol.ts';
import { ExportCredit, firstCredit } from '../routing/credit.ts';
import { Outbound } from '../routing/outbound.ts';
import type { Delivery } from '../routing/queue.ts';
import type { RoutedCell } from '../routing/routedCell.ts';
import type { Router, Said } from '../routing/router.ts';
import { CellRoutes, type FlowShape, nameOf, type TopologyActor } from '../routing/topology.ts';
import { type GuestCall, GuestCalls } from './calls.ts';
import { escapeError, escapeText } from '../telemetry/escape.ts';
import type { CellMemoryFigures } from './memory.ts';
import type { Residence } from './population.ts';
import type { CellProcess } from './process.ts';
import { Pulse } from './pulse.ts';
import { Residents } from './residents.ts';
import type { UnboundProcess } from './spare.ts';
import { ProtocolViolation } from './violation.ts';

/** The part of its memory limit that a cell may use before it keeps nothing that it could do without. */
const shortAbove = 0.8;
const isShort = (figures: CellMemoryFigures | undefined): boolean => figures !== undefined && figures.resident > shortAbove * figures.residentLimit;

/** Whoever is responsible for the cell. */
export interface CellListener {
  /** The cell is gone; said once, after the last message. */
  died(cell: Cell, reason: ErrorRecord): void;
  /** An actor was hibernated. */
  rested(cell: Cell, actor: number): void;
  /** A message waits in the cell for an actor that has no instance. */
  wanted(cell: Cell, actor: number): void;
  /** An actor that had started cannot be brought up again. */
  failed(cell: Cell, actor: number, error: ErrorRecord): void;
  /** An actor broke a limit; a fresh instance takes its place. */
  violated(cell: Cell, said: Said<'violation'>): void;
  logged(cell: Cell, line: LogLine): void;
  /** A guest calls a capability. The answer goes through {@link Cell.reply}. */
  called(cell: Cell, said: Said<'call'>, payload: Uint8Array, call: GuestCall): void;
  /** Python actors with so much memory, in bytes, live in the cell; 0: none. */
  runsPython(cell: Cell, memory: number): void;
}

export interface CellIdentity {
  readonly namespace: string;
  /** Actors of its namespace that may live at once. */
  readonly quota: number;
  /** Unique in the host. */
  readonly number: number;
  /** How many cells were in this place before. */
  readonly generation: number;
  readonly place: number;
}

/** Actors that may start at the same time: one that takes its time holds up nobody else, and many do not hold up those that work. */
const startsAtOnce = 8;

export class Cell implements RoutedCell, Residence {
  readonly namespace: string;
  readonly quota: number;
  readonly place: number;
  readonly number: number;
  readonly generation: number;
  readonly routes: CellRoutes;
  readonly outbound: Outbound;
  readonly credit: ExportCredit;
  /** Actors that count as elsewhere in this cell: what leads to them leads through the host. */
  readonly elsewhere: ReadonlySet<number>;
  /** The message that a careful cell began last. */
  lastBegun: Said<'begin'> | undefined;
  /** The actor whose thread did not come back, if that was the end of the cell. */
  wedgedActor: number | undefined;

  readonly #process: CellProcess;
  readonly #shape: FlowShape;
  readonly #router: Router;
  readonly #listener: CellListener;
  readonly #residents: Residents;
  /** Actors that were being created when the cell died, and what had been sent for them. */
  unborn: readonly number[] = [];
  ahead: readonly Delivery[] = [];
  readonly startsAtOnce = startsAtOnce;
  readonly #pulse: Pulse;
  readonly #calls = new GuestCalls();
  #dead: ErrorRecord | undefined;
  readonly #gone = Promise.withResolvers<void>();

  constructor(unbound: UnboundProcess, identity: CellIdentity, shape: FlowShape, elsewhere: ReadonlySet<number>, router: Router, listener: CellListener) {
    this.namespace = identity.namespace;
    this.quota = identity.quota;
    this.place = identity.place;
    this.number = identity.number;
    this.generation = identity.generation;
    this.elsewhere = elsewhere;
    this.routes = new CellRoutes(shape, identity.place, elsewhere);
    this.#process = unbound.process;
    this.#shape = shape;
    this.#router = router;
    this.#listener = listener;
    this.#pulse = new Pulse(shape, identity.place);
    this.outbound = new Outbound(unbound.process, () => this.#grant());
    this.credit = new ExportCredit(() => this.outbound.schedule());
    this.#residents = new Residents(
      {
        shape,
        elsewhere,
        outbound: this.outbound,
        credit: this.credit,
        isShort: () => isShort(this.#process.memory()),
        fits: (bytes) => unbound.hostMemory.fits(bytes),
        reserve: (isolates) => this.#process.reserve(isolates),
        broke: (runtime) => this.#process.broke(runtime),
        kill: (reason) => this.kill(reason),
        left: (actor) => {
          this.routes.forget(actor);
          this.#calls.abort(actor);
        },
        runsPython: (memory) => listener.runsPython(this, memory),
      },
      unbound,
      identity.place,
    );
    unbound.bind(identity.namespace, { onMessage: (message, payloads) => this.#receive(message, payloads), onExit: (reason) => this.#died(reason) });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get idle(): number {
    return this.#pulse.idle;
  }

  get alive(): boolean {
    return this.#dead === undefined;
  }

  /** @param idle milliseconds without anything to do after which an actor is hibernated; 0: never */
  hello(idle: number): void {
    const { number, generation } = this;
    this.outbound.send({ type: 'hello', version: protocolVersion, cell: number, generation, credit: firstCredit, careful: false, idle });
    this.#residents.begin(idle);
  }

  /**
   * Creates the instance of an actor.
   * @param expected told when its messages may follow; absent: they must not, before it has started
   * @returns the inlets that its source serves; it may be gone again by now
   * @throws VivariumError what kept it from starting; when the cell died of it, the reason of that
   */
  create(actor: number, files: readonly Uint8Array[], expected?: () => void): Promise<readonly string[]> {
    return this.#residents.create(actor, files, expected);
  }

  expects(actor: number): boolean {
    return this.#residents.expects(actor);
  }

  sentAhead(delivery: Delivery): void {
    this.#residents.sentAhead(delivery);
  }

  /** An actor is about to be created because something waits for it. */
  wakes(actor: number): void {
    this.#residents.wakes(actor);
  }

  hosts(actor: number): boolean {
    return this.#residents.has(actor);
  }

  /** Actors that have an instance. */
  hosted(): Iterable<number> {
    return this.#residents.actors();
  }

  residents(): readonly (readonly [name: string, since: number])[] {
    return this.#residents.names();
  }

  /** Stops one actor, if it has not gone by itself. */
  dismiss(actor: number): void {
    this.#residents.dismiss(actor);
  }

  rest(actors: number, busy: boolean): void {
    this.#residents.rest(actors, busy);
  }

  /** What waits in the cell for an actor without an instance is answered with this error. */
  refuse(actor: number, error: ErrorRecord): void {
    this.outbound.send({ type: 'refuse', actor, error });
  }

  measure(): void {
    this.#process.measure();
  }

  /** Interpreters of Python that are ready for actors that wake, and those that actors of this cell took. */
  get interpreters(): { readonly ready: number; readonly taken: number } {
    return this.#residents.interpreters.told;
  }

  /** Messages of an actor that had not ended when the cell was asked last. */
  present(actor: number): number {
    return this.#pulse.present(actor);
  }

  careful(on: boolean): void {
    this.lastBegun = undefined;
    this.outbound.send({ type: 'careful', on });
  }

  cancel(handles: readonly number[], error: ErrorRecord): void {
    this.outbound.send({ type: 'cancel', execution: handles, error });
  }

  /** @param taken told when the bytes may change again, if they have gone */
  reply(actor: number, instance: number, call: number, error: ErrorRecord | null, lane: Lane, bytes: Uint8Array | undefined, taken?: () => void): void {
    // An instance calls before it is reported as created: from its `start`.
    if (this.#dead !== undefined || instance < (this.#residents.instance(actor) ?? 0)) return;
    const payloads = bytes === undefined ? [] : [bytes];
    this.outbound.send({ type: 'reply', actor, instance, call, error, lane, length: payloads.map((payload) => payload.byteLength) }, payloads, taken);
  }

  endCall(actor: number, call: AbortController): void {
    this.#calls.end(actor, call);
  }

  /** To be called every 250 ms. */
  ping(): void {
    if (this.#dead !== undefined) return;
    const next = this.#pulse.next(this.#process.heard);
    if (typeof next === 'number') this.outbound.send({ type: 'ping', token: next });
    else this.kill(next);
    this.#residents.look();
  }

  /** Tells when the cell has answered a ping that is sent from now on; never, if it dies before. */
  afterNextPing(answered: () => void): void {
    this.#pulse.afterNext(answered);
  }

  /** Stops every actor, then the process; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#residents.stop();
    this.kill({ code: 'host.closed', message: 'the flow was stopped' });
    await this.#gone.promise;
  }

  /** Ends the process at once. `died` follows. */
  kill(reason: ErrorRecord): void {
    this.#process.kill(VivariumError.from(reason));
  }

  /** What is thrown here kills the cell: a violation, or whatever the host stumbled over. */
  #receive(message: CellMessage, payloads: readonly Buffer[]): void {
    if (this.#dead !== undefined) return;
    switch (message.type) {
      case 'emit':
        this.#router.emit(this, message, payloads[0] as Buffer);
        return;
      case 'settled':
        this.#router.settled(this, message);
        return;
      case 'credit':
        this.#router.credit(this, message);
        return;
      case 'answer':
        this.#router.answer(this, { ...message, error: message.error && escapeError(message.error) }, payloads);
        return;
      case 'failure':
        this.#demandOwn(message.actor);
        this.#router.failure(this, { ...message, error: this.#attributed(message.actor, message.error) });
        return;
      case 'waits':
        this.#router.deadlocks.heard(this, message);
        return;
      case 'call':
      case 'ask':
        this.#call(message, payloads[0] as Uint8Array);
        return;
      case 'log':
        this.#logged(message);
        return;
      case 'created':
        this.#demandOwn(message.actor);
        this.#residents.created(message);
        return;
      case 'failed':
        this.#failed(message);
        return;
      case 'stopped':
        if (this.#residents.stopped(message.actor)) this.#listener.rested(this, message.actor);
        return;
      case 'interpreters':
        this.#residents.interpreters.heard(message);
        return;
      case 'wanted':
        this.#demandOwn(message.actor);
        this.#listener.wanted(this, message.actor);
        return;
      case 'violation':
        this.#demandOwn(message.actor);
        this.#calls.abort(message.actor);
        this.#residents.broke(message.actor);
        this.#listener.violated(this, { ...message, error: this.#attributed(message.actor, message.error) });
        return;
      case 'begin':
        this.#demandOwn(message.actor);
        this.lastBegun = message;
        return;
      case 'wedged':
        this.#demandOwn(message.actor);
        this.#wedged(message);
        return;
      case 'pong':
        this.#pong(message);
        return;
      case 'ready':
        throw new ProtocolViolation('a second `ready`');
      default:
        message satisfies never;
    }
  }

  #failed(said: Said<'failed'>): void {
    const { actor, error } = said;
    this.#demandOwn(actor);
    this.#calls.abort(actor);
    if (this.#residents.failed(said)) this.#listener.failed(this, actor, this.#attributed(actor, error));
  }

  /** A call or an ask of a guest: its instance must be the present one, and have calls left. */
  #call(message: Said<'call'> | Said<'ask'>, payload: Uint8Array): void {
    const { actor, instance, call: number, lane } = message;
    this.#demandOwn(actor);
    const present = this.#residents.nascent(actor);
    if (present === undefined || instance > present + 1) throw new ProtocolViolation(`a call of instance ${instance} of actor ${actor}, which never was`);
    const { limits } = (this.#shape.actors[actor] as TopologyActor).part;
    const call = this.#calls.begin(actor, limits);
    if (call === undefined) {
      const error = {
        code: 'limit.calls',
        message: `the actor has ${limits.calls} calls to the host in flight already`,
        hint: 'limits: { calls: … }',
      } as const;
      this.reply(actor, instance, number, error, lane, undefined);
    } else if (message.type === 'call') this.#listener.called(this, message, payload, call);
    else this.#router.ask(this, message, payload, () => this.#calls.end(actor, call.controller));
  }

  #logged({ lines }: Said<'log'>): void {
    for (const line of lines) {
      this.#demandOwn(line.actor);
      this.#listener.logged(this, line);
    }
  }

  #wedged({ actor, reason }: Said<'wedged'>): void {
    this.wedgedActor = actor;
    const code = /out.of.memory/i.test(reason) ? 'limit.memory' : 'cell.died';
    this.kill({ code, message: `'${nameOf(this.#shape, actor)}' holds a thread that cannot be taken back: ${escapeText(reason)}` });
  }

  #pong(said: Said<'pong'>): void {
    const failure = this.#pulse.answered(said, (actor) => this.#demandOwn(actor));
    if (failure !== undefined) this.kill(failure);
  }

  #died(reason: ErrorRecord): void {
    if (this.#dead !== undefined) return;
    this.#dead = reason;
    this.#calls.abortAll();
    ({ unborn: this.unborn, ahead: this.ahead } = this.#residents.died(reason));
    this.#listener.died(this, reason);
    this.#gone.resolve();
  }

  #grant(): void {
    const messages = this.#dead === undefined ? this.credit.grant() : 0;
    if (messages > 0) this.outbound.send({ type: 'credit', messages });
  }

  /** The name of an actor is the host's to say. */
  #attributed(actor: number, error: ErrorRecord): ErrorRecord {
    return { ...escapeError(error), actor: nameOf(this.#shape, actor) };
  }

  #demandOwn(actor: number): void {
    if (!this.routes.includes(actor)) throw new ProtocolViolation(`something about actor ${actor}, which it does not host`);
  }
}
