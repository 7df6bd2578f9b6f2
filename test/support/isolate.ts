/**
 * One instance of an actor in an isolate of this process, entered as a cell enters it: the same snapshot, the same doors, the
 * same `Guest`. It has no limits of its own but the time limit of the doors, so a test sees what the bootstrap does by itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ivm from 'isolated-vm';
import { type Broken, Guest } from '../../runtimes/cell/guest.ts';
import { Interpreters } from '../../runtimes/cell/interpreters.ts';
import { type Shell, shellMaker } from '../../runtimes/cell/shells.ts';
import { warmUp } from '../../runtimes/cell/warmUp.ts';
import { asBatch, asLengths, asNumbers, type Batch, host, lengthAt, type Writer } from '../../runtimes/cell/batch.ts';
import { packed } from '../../runtimes/cell/packing.ts';
import { readRecords } from '../../runtimes/cell/records.ts';
import { SynchronousReplies } from '../../runtimes/cell/synchronous.ts';
import {
  answered,
  type DoorName,
  type GuestEvent,
  handedBack,
  settledWithError,
  settledWithNothing,
  settledWithValue,
  type Settings,
} from '../../runtimes/guest/wire.ts';
import { javascriptRuntime } from '../../runtimes/javascript/javascript.ts';
import { type Lane, textLane } from '../../runtimes/lanes.ts';
import { defaultLimits, type Limits } from '../../runtimes/limits.ts';
import type { ActorPlan, RuntimeName } from '../../runtimes/protocol.ts';
import { createPythonRuntime } from '../../runtimes/python/python.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { createWasmRuntime } from '../../runtimes/wasm/wasm.ts';
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import { decode, encode, type Message } from '../../sdk/message.ts';

const folder = join(import.meta.dirname, '../../dist/cell');

const make = shellMaker(ivm, new ivm.ExternalCopy(exact(readFileSync(join(folder, 'guest.snapshot')))), () => undefined);

const runtimes: Record<RuntimeName, () => Runtime> = {
  javascript: () => javascriptRuntime,
  python: () => createPythonRuntime(ivm),
  wasm: () => createWasmRuntime(ivm),
};
const prepared = new Map<RuntimeName, Runtime>();

function prepare(name: RuntimeName): Runtime {
  const runtime = prepared.get(name) ?? runtimes[name]();
  if (!prepared.has(name)) runtime.prepare((file) => () => readFileSync(join(folder, file)));
  prepared.set(name, runtime);
  return runtime;
}

const interpreters = new Interpreters({ make, runtime: prepare('python'), isBusy: () => false, tell: () => undefined });

/** Made ready as a cell does it: for the usual memory, whatever the actor may have. */
const shellFor = async (runtime: Runtime, limits: Limits): Promise<Shell> => {
  if (runtime.name === 'python') return interpreters.take(limits.memory, limits.start, false, () => undefined);
  const shell = await make(runtime.heap(limits));
  await warmUp(runtime, shell, defaultLimits[runtime.name].memory, limits.start);
  return shell;
};

/** A call of the guest: a service, or another actor. What is thrown as a VivariumError is its error. */
export interface GuestCall {
  readonly kind: 'service' | 'ask';
  readonly name: string;
  readonly input: Message;
  readonly synchronous: boolean;
  readonly turn: number;
}

/** A payload as it travels inside a cell: binary ones with one character a byte. */
export interface Delivered {
  readonly lane: Lane;
  readonly text: string;
  readonly writer?: Writer;
}

interface Waiting extends Required<Delivered> {
  readonly turn: number;
  readonly inlet: number;
}

export interface InstanceOptions {
  /** What the payloads of `create` are, see ActorPlan.source. */
  readonly source: ActorPlan['source'];
  readonly payloads: readonly (string | Uint8Array)[];
  readonly inlets?: readonly string[];
  /** Beside `out` and `error`. */
  readonly outlets?: readonly string[];
  readonly peers?: readonly string[];
  readonly functions?: Readonly<Record<string, string>>;
  readonly config?: unknown;
  readonly environment?: Readonly<Record<string, string>>;
  readonly services?: readonly string[];
  readonly mounts?: ActorPlan['mounts'];
  readonly limits?: Partial<Limits>;
  readonly concurrency?: number;
  /** Messages that the receivers have room for. */
  readonly room?: number;
  readonly call?: (call: GuestCall) => unknown;
}

export interface Sent {
  readonly outlet: string;
  readonly value: Message;
}

/** How a turn ended, and what it sent before. */
export interface TurnResult {
  readonly is: 'nothing' | 'value' | 'error';
  readonly value?: Message;
  readonly error?: ErrorRecord;
  /** The first yield of a generator. */
  readonly answer?: Message;
  readonly sent: readonly Sent[];
}

interface OpenTurn {
  readonly sent: Sent[];
  answer?: Message;
  resolve(result: TurnResult): void;
  reject(error: unknown): void;
}

export type LogLine = Pick<Extract<GuestEvent, { is: 'log' }>, 'level' | 'text' | 'dropped' | 'turn'>;

/** The isolate was given up, or its interpreter is lost. */
export class Fallen extends Error {
  readonly by: Broken | { readonly by: 'fatal'; readonly error: ErrorRecord } | { readonly by: 'failed'; readonly error: ErrorRecord };

  constructor(by: Fallen['by']) {
    super(JSON.stringify(by));
    this.by = by;
  }
}

/** The execution that every message belongs to. */
const description = JSON.stringify({ parents: [], attempt: 1, deadline: 0, trace: '', id: 'execution-1' });
const execution = { handle: 1, description, number: 0, partition: 0, inFlight: 0, received: 0, work: undefined, cancelled: undefined };

/** Those that lie in a row and are alike, as one batch. */
function batchesOf(messages: readonly Waiting[]): Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < messages.length; ) {
    const { inlet, lane, writer } = messages[from] as Waiting;
    let to = from;
    while (to < messages.length && messages[to]?.inlet === inlet && messages[to]?.lane === lane && messages[to]?.writer === writer) to++;
    const texts = messages.slice(from, to).map(({ text }) => text);
    const lengths = texts.map(({ length }) => length);
    const executions = texts.map(() => execution);
    const payloads = { lane, lengths: asLengths(lengths, 0, lengths.length), body: texts.join(''), writer };
    batches.push(asBatch({ executions, description, numbers: asNumbers(executions) }, payloads, inlet));
    from = to;
  }
  return batches;
}

export class TestInstance {
  readonly logs: LogLine[] = [];
  /** What was sent outside any turn. */
  readonly background: Sent[] = [];
  /** Everything as it left the isolate, save the numbers of records. */
  readonly raw: string[] = [];
  readonly inlets: string[] = [];
  /** How many messages began in each delivery: the others of it were handed back. */
  readonly batches: number[] = [];
  /** How often the guest waited for room. */
  waits = 0;
  room: number;
  readonly #options: InstanceOptions;
  readonly #outlets: readonly string[];
  readonly #limits: Limits;
  readonly #replies: SynchronousReplies | undefined;
  readonly #turns = new Map<number, OpenTurn>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #guest: Guest | undefined;
  #nextTurn = 1;
  #started: { resolve(): void; reject(error: unknown): void } | undefined;
  #stopped: (() => void) | undefined;
  #fallen: Fallen | undefined;
  #postmortem = 0;

  private constructor(options: InstanceOptions, runtime: Runtime) {
    this.#options = options;
    this.#outlets = ['out', 'error', ...(options.outlets ?? [])];
    this.#limits = { ...defaultLimits[options.source.runtime], ...options.limits };
    this.#replies = runtime.synchronous ? new SynchronousReplies() : undefined;
    this.room = options.room ?? 1_000_000;
  }

  /** @throws Fallen when the actor does not start */
  static async start(options: InstanceOptions): Promise<TestInstance> {
    const runtime = prepare(options.source.runtime);
    const instance = new TestInstance(options, runtime);
    await instance.#start(runtime);
    return instance;
  }

  async #start(runtime: Runtime): Promise<void> {
    const {
      source,
      payloads,
      inlets = ['in'],
      peers = [],
      functions = {},
      config = null,
      environment = {},
      services = [],
      mounts = [],
      concurrency = 1,
    } = this.#options;
    const limits = this.#limits;
    const common = { inlets, functions, config, environment, secrets: {}, services, mounts, limits, concurrency };
    const plan: ActorPlan = {
      ...common,
      index: 0,
      name: 'actor',
      runtime: source.runtime,
      outlets: this.#outlets.map((name) => ({ name, local: [], host: true, away: [] })),
      peers: Object.fromEntries(peers.map((peer) => [peer, null])),
      overflow: 'block',
      effects: false,
      source,
    };
    const wasm = source.runtime === 'wasm' ? { wasm: { input: source.input, output: source.output, wasi: source.wasi } } : {};
    const settings: Settings = { ...common, ...wasm, runtime: source.runtime, actor: plan.name, outlets: this.#outlets, peers, prompt: false };
    const { guest, files } = await Guest.create({
      ivm,
      shell: await shellFor(runtime, limits),
      runtime,
      plan,
      settings,
      payloads: payloads.map((payload) => Buffer.from(payload as string)),
      shared: this.#replies?.buffer,
      receive: (...sent) => this.#receive(...sent),
      wedged: () => this.#fall({ by: 'unknown', message: 'wedged' }),
    });
    this.#guest = guest;
    const started = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    void this.enter('load', files, limits.start);
    await started;
  }

  /** Enters by a door; rejects pending turns if the isolate breaks. */
  async enter(door: DoorName, args: readonly unknown[], limit = this.#limits.wall): Promise<Broken | undefined> {
    const guest = this.#guest;
    if (guest === undefined || this.#fallen !== undefined) return undefined;
    const broken = await guest.enter(
      door,
      args,
      () => limit,
      () => {},
      () => {},
    );
    if (broken?.by === 'time') await guest.postmortem();
    if (broken !== undefined) this.#fall(broken);
    return broken;
  }

  /** Delivers one message and waits for the end of its turn. @throws Fallen */
  async deliver(value: unknown, inlet = 'in'): Promise<TurnResult> {
    const [result] = await this.deliverAll([value], inlet);
    return result as TurnResult;
  }

  /** Delivers messages in one batch, and what is handed back again, until each has ended. */
  async deliverAll(values: readonly unknown[], inlet = 'in'): Promise<TurnResult[]> {
    const payloads = values.map((value) => ({ ...payloadOf(value), writer: host }));
    return this.deliverPayloads(payloads, inlet);
  }

  /** The same, for payloads as another actor may have made them. */
  deliverPayloads(payloads: readonly Delivered[], inlet = 'in'): Promise<TurnResult[]> {
    if (this.#fallen !== undefined) return Promise.reject(this.#fallen);
    const number = (this.#options.inlets ?? ['in']).indexOf(inlet);
    const first = this.#nextTurn;
    this.#nextTurn += payloads.length;
    const results = payloads.map(
      (_, index) =>
        new Promise<TurnResult>((resolve, reject) => {
          this.#turns.set(first + index, { sent: [], resolve, reject });
        }),
    );
    this.#waiting.push(...payloads.map(({ lane, text, writer }, index) => ({ turn: first + index, inlet: number, lane, text, writer })));
    this.#pump();
    return Promise.all(results);
  }

  readonly #waiting: Waiting[] = [];
  #delivering = false;

  #pump(): void {
    if (this.#delivering || this.#waiting.length === 0) return;
    this.#delivering = true;
    const batch = this.#waiting.splice(0, 1024);
    this.#batch = batch;
    this.batches.push(batch.length);
    const { headers, lengths, numbers, descriptions, body, bytes } = packed(batchesOf(batch), this.#options.source.runtime);
    const args = [batch[0]?.turn, headers, lengths, numbers, descriptions, body, this.room, bytes];
    void this.enter('deliver', args).then(() => {
      this.#delivering = false;
      if (this.#fallen === undefined) this.#pump();
    });
  }

  #batch: Waiting[] = [];

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** The turn that a postmortem named; 0 if none was made. */
  get blamed(): number {
    return this.#postmortem;
  }

  /** The turn that is delivered next. */
  get nextTurn(): number {
    return this.#nextTurn;
  }

  /** As a cell cancels a turn: it ends with the error, and the guest hears of it. */
  async cancel(turn: number, error: ErrorRecord): Promise<void> {
    const open = this.#turns.get(turn);
    this.#turns.delete(turn);
    open?.resolve({ is: 'error', error, ...ending(open) });
    await this.enter('cancel', [JSON.stringify([turn]), JSON.stringify(error)]);
  }

  async stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    await this.enter('stop', []);
    await stopped;
    this.dispose();
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#guest?.dispose();
  }

  #fall(by: Fallen['by']): void {
    if (this.#fallen !== undefined) return;
    this.#fallen = new Fallen(by);
    this.dispose();
    this.#started?.reject(this.#fallen);
    for (const turn of this.#turns.values()) turn.reject(this.#fallen);
    this.#turns.clear();
  }

  #receive(records: string, lengths: string, events: string, body: string, bytes: Uint8Array | undefined): void {
    this.raw.push(events, body, Buffer.from(bytes ?? []).toString('latin1'));
    readRecords(records, lengths, body, bytes, ({ turn, code, lane, count, lengths: sizes, body: payloads, start }) => {
      for (let row = 0, at = start; row < count; row++) {
        const end = at + lengthAt(sizes, row);
        this.#record(code < 0 ? turn + row : turn, code, lane, payloads.slice(at, end).toString('latin1' as never));
        at = end;
      }
      return true;
    });
    for (const event of events === '' ? [] : (JSON.parse(events) as GuestEvent[])) this.#event(event);
  }

  #record(id: number, code: number, lane: Lane, text: string): void {
    if (code === handedBack) {
      const returned = this.#batch.filter(({ turn }) => turn >= id);
      this.batches.push((this.batches.pop() ?? 0) - returned.length);
      this.#waiting.unshift(...returned);
      this.#pump();
      return;
    }
    const turn = this.#turns.get(id);
    if (id !== 0 && turn === undefined) throw new Error(`turn ${id} is not open`);
    switch (code) {
      case settledWithNothing:
        return this.#close(id, { is: 'nothing' });
      case settledWithValue:
        return this.#close(id, { is: 'value', value: messageOf(lane, text) });
      case settledWithError:
        return this.#close(id, { is: 'error', error: JSON.parse(text) as ErrorRecord });
      case answered:
        (turn as OpenTurn).answer = messageOf(lane, text);
        return;
      default:
        (turn?.sent ?? this.background).push({ outlet: this.#outlets[code] as string, value: messageOf(lane, text) });
    }
  }

  #close(id: number, result: Omit<TurnResult, 'sent'>): void {
    const turn = this.#turns.get(id) as OpenTurn;
    this.#turns.delete(id);
    turn.resolve({ ...result, ...ending(turn) });
  }

  #event(event: GuestEvent): void {
    switch (event.is) {
      case 'started':
        this.inlets.push(...event.inlets);
        return this.#started?.resolve();
      case 'failed':
        return this.#fall({ by: 'failed', error: event.error });
      case 'fatal':
        return this.#fall({ by: 'fatal', error: event.error });
      case 'stopped':
        return this.#stopped?.();
      case 'timer':
        clearTimeout(this.#timers.get(event.id));
        this.#setTimer(event.id, event.delay);
        return;
      case 'untimer':
        clearTimeout(this.#timers.get(event.id));
        this.#timers.delete(event.id);
        return;
      case 'call':
      case 'ask':
        return void this.#call(event);
      case 'sleep':
        this.#replies?.expect(event.id);
        setTimeout(() => this.#replies?.answer(null, textLane, ''), event.delay);
        return;
      case 'more':
        return this.#replies?.next();
      case 'log':
        this.logs.push({ level: event.level, text: event.text, dropped: event.dropped, turn: event.turn });
        return;
      case 'wait':
        this.waits++;
        return;
      case 'postmortem':
        this.#postmortem = event.turn;
    }
  }

  #setTimer(id: number, delay: number): void {
    const fire = (): void => {
      this.#timers.delete(id);
      void this.enter('timer', [id]);
    };
    this.#timers.set(id, setTimeout(fire, delay));
  }

  async #call(event: Extract<GuestEvent, { is: 'call' | 'ask' }>): Promise<void> {
    const synchronous = event.synchronous === true;
    if (synchronous) this.#replies?.expect(event.id);
    let error: ErrorRecord | null = null;
    let reply: Delivered = { lane: textLane, text: '' };
    try {
      const call: GuestCall = {
        kind: event.is === 'ask' ? 'ask' : 'service',
        name: event.is === 'ask' ? event.peer : event.operation,
        input: messageOf(event.lane, event.payload),
        synchronous,
        turn: event.turn,
      };
      if (this.#options.call === undefined) throw new VivariumError('policy.denied', `nothing answers \`${call.name}\``);
      reply = payloadOf(await this.#options.call(call));
    } catch (thrown) {
      error = thrown instanceof VivariumError ? thrown.record : { code: 'service.failed', message: String(thrown) };
    }
    if (synchronous) this.#replies?.answer(error, reply.lane, reply.text);
    else await this.enter('reply', [event.id, error === null ? '' : JSON.stringify(error), reply.lane, reply.text]);
  }
}

const ending = (turn: OpenTurn): Pick<TurnResult, 'sent' | 'answer'> => ({ sent: turn.sent, ...('answer' in turn ? { answer: turn.answer as Message } : {}) });

export function payloadOf(value: unknown): Delivered {
  const payload = encode(value ?? null);
  return payload.lane === 'text' ? { lane: 0, text: payload.text } : { lane: 1, text: Buffer.from(payload.bytes).toString('latin1') };
}

const messageOf = (lane: Lane, text: string): Message =>
  decode(lane === textLane ? { lane: 'text', text } : { lane: 'binary', bytes: Buffer.from(text, 'latin1') });

function exact(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
