/**
 * Every message between the host and a cell, version 1.
 *
 * A frame is `u32 length, u32 header length, header, payloads`: the header is one of the unions
 * below as UTF-8 JSON, the payloads are raw bytes that only guests (and embedders who ask) decode.
 * Payloads lie one after another in the order of the header's `length` column, and are cut by those
 * lengths alone. Lanes: 0 is text (JSON in UTF-8), 1 is binary (msgpack).
 *
 * The host trusts no cell: what arrives from one is checked against {@link cellMessage} and against
 * what the host itself bound to that channel; what does not fit kills the cell. A cell trusts the host.
 *
 * An execution is named by a number (`execution`) that the host gives out, unique for the life of the
 * flow. The host counts what it delivered for an execution, the cell answers in `settled` how many of
 * these it has received once nothing of the execution is in flight inside it: when both agree for every
 * cell, the execution has ended.
 */
import { z } from 'zod';
import { type ErrorCode, type ErrorRecord, isErrorCode } from '../sdk/errors.ts';
import { binaryLane, type Lane, protocolVersion, runWidth, textLane, workWidth } from './lanes.ts';
import { frameLimits, type Limits, textLimits } from './limits.ts';
import { logLevels } from './logLevels.ts';
import type { Share } from './replicas.ts';
import { elsewhere } from './waits.ts';

export { protocolVersion };

export { binaryLane, frameLimits, type Lane, textLane };
export type { LogLevel } from './logLevels.ts';

/** Numbers by row: a list, or after its passage through a channel a view. */
export type Column<Value extends number = number> = ArrayLike<Value>;

export const runtimeNames = ['javascript', 'python', 'wasm'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** How a WASM actor takes and gives messages. */
export type WasmCodec = 'json' | 'text' | 'bytes' | 'msgpack';

/** An inlet of an actor, or of one of its replicas, which then receives its share only. */
export interface Target extends Share {
  readonly actor: number;
  readonly inlet: number;
}

/** One in the same cell. The actor may be asleep, so what is to be known of its mailbox stands here. */
export interface LocalTarget extends Target {
  /** Messages that its mailbox holds. */
  readonly mailbox: number;
  readonly overflow: 'block' | 'reject';
}

/** Where an outlet leads: to inlets of actors in the same cell, and whether the host wants it too. */
export interface OutletRoute {
  readonly name: string;
  readonly local: readonly LocalTarget[];
  /** The outlet is an output of the flow, or leads to another cell. */
  readonly host: boolean;
  /** Empty: the host wants every message. Otherwise those of these shares: other replicas of the receiver are in the cell. */
  readonly away: readonly Share[];
}

export interface Mount {
  /** Absolute, normalised. */
  readonly path: string;
  readonly writable: boolean;
}

/** An actor as a cell needs it, or one of its replicas. `index` is its place in the flow, the same in every cell. */
export interface ActorPlan {
  readonly index: number;
  readonly name: string;
  readonly runtime: RuntimeName;
  /** `in` is always the first. */
  readonly inlets: readonly string[];
  /** `out` and `error` are always the first two. */
  readonly outlets: readonly OutletRoute[];
  /** Actors that a connection leads to, by name: whom `context.ask` may ask. A `null` is asked through the host: it lives in another cell, or has replicas. */
  readonly peers: Readonly<Record<string, LocalTarget | null>>;
  readonly config: unknown;
  readonly environment: Readonly<Record<string, string>>;
  /** What stands for secrets that were granted, by name. No value is known here. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Names of services that were granted, sorted: decides what `context.services` shows, never what is allowed. */
  readonly services: readonly string[];
  /** Where folders were granted, by the path of the guest: decides what is shown, never what is allowed. */
  readonly mounts: readonly Mount[];
  readonly limits: Limits;
  readonly concurrency: number;
  readonly overflow: 'block' | 'reject';
  /** Functions that the manifest names for inlets; without an entry `handle` serves `in` and any other inlet is served by the function of its name. */
  readonly functions: Readonly<Record<string, string>>;
  /** Calls of capabilities are possible: every turn is reported as it ends, because it may have had effects. */
  readonly effects: boolean;
  /**
   * What the payloads of `create` are. javascript: the bundle, its source map. python: the files of
   * `files` in order, the first is the actor. wasm: the module, checked and clamped.
   */
  readonly source:
    | { readonly runtime: 'javascript'; readonly file: string }
    | { readonly runtime: 'python'; readonly file: string; readonly files: readonly string[] }
    | { readonly runtime: 'wasm'; readonly file: string; readonly input: WasmCodec; readonly output: WasmCodec; readonly wasi: boolean };
}

export type HostMessage =
  /** First frame for the actors of a cell. `careful`: one message a batch, each announced by `begin`. */
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly cell: number;
      readonly generation: number;
      readonly credit: number;
      readonly careful: boolean;
      /** For how many milliseconds an actor has nothing to do before it is hibernated; 0: however long. */
      readonly idle: number;
    }
  /** So many isolates are to be kept ready for actors that start, by their language. Room for them is there. May come before `hello`. */
  | ({ readonly type: 'warm' } & WarmIsolates)
  /**
   * An isolate is to be kept ready in which Python has started, for an actor with so much memory, in bytes; 0: none any more. The
   * next that is created with as much takes it, and no other follows by itself. May come before `hello`. Answered by `interpreters` when there is one, or none any more.
   */
  | { readonly type: 'interpreter'; readonly memory: number }
  /** Creates an instance of an actor, under this number; answered by `created` or `failed`. Payloads: see ActorPlan.source. */
  | { readonly type: 'create'; readonly actor: ActorPlan; readonly instance: number; readonly length: readonly number[] }
  /** There is room for the next isolate of an actor that broke a limit: the answer to its `violation`. Answered by `created` or `failed`. */
  | { readonly type: 'restart'; readonly actor: number }
  /** Stops the instance (`stop` of the guest, then its isolate); answered by `stopped`. */
  | { readonly type: 'stop'; readonly actor: number }
  /**
   * So many actors more are to be hibernated, as soon as they have nothing to do, those first that have had nothing to do for longest.
   * `busy`: those too that have messages, between two turns. Each is answered by `stopped`, in its time.
   */
  | { readonly type: 'rest'; readonly actors: number; readonly busy: boolean }
  /** What waits in the cell for an actor without an instance is answered with this error. */
  | { readonly type: 'refuse'; readonly actor: number; readonly error: ErrorRecord }
  /**
   * Messages for inlets, as columns. `runs` has four numbers for messages in a row: actor, inlet, lane (or that the host wrote the text), how many; `execution` says for
   * each message which of `executions` it belongs to, `length` how many bytes it has. `reply` has pairs: the place of a message, and the
   * number under which the host waits for an `answer`.
   *
   * Every execution that is delivered for is introduced: its handle, which description it has, and the number at the end of its id (plus
   * one; 0: the description has the whole id). `partition` has pairs for those that were given a key: the place in `executions`, and the
   * partition; that of the others follows from their handle. Before the payloads lie, in as many bytes as `described` says, the descriptions, a line
   * each: `{ parents, attempt, deadline, trace, id }`, see ExecutionInfo.
   */
  | {
      readonly type: 'deliver';
      readonly executions: Column;
      readonly partition: Column;
      readonly description: Column;
      readonly number: Column;
      readonly described: number;
      readonly runs: Column;
      readonly execution: Column;
      readonly reply: Column;
      readonly length: Column;
    }
  /** The result of a `call` or of an `ask`. One payload if it went well. */
  | {
      readonly type: 'reply';
      readonly actor: number;
      readonly instance: number;
      readonly call: number;
      readonly error: ErrorRecord | null;
      readonly lane: Lane;
      readonly length: readonly number[];
    }
  /** What of these executions waits is dropped, what runs is aborted; answered by `settled` within 100 ms. */
  | { readonly type: 'cancel'; readonly execution: readonly number[]; readonly error: ErrorRecord }
  /** The cell may send so many more messages in `emit`. */
  | { readonly type: 'credit'; readonly messages: number }
  | { readonly type: 'careful'; readonly on: boolean }
  | { readonly type: 'ping'; readonly token: number }
  /** Who waits in this cell? Answered by `waits`. */
  | { readonly type: 'look'; readonly token: number };

/** Isolates that are kept ready: those for JavaScript have nothing in them, those for WASM what all its actors need. */
export type WarmIsolates = Readonly<Record<'javascript' | 'wasm', number>>;

export type HostMessageType = HostMessage['type'];

const largest = { index: 0xffff, handle: Number.MAX_SAFE_INTEGER, count: 0xffff_ffff, lane: binaryLane } as const;
const index = z.int().min(0).max(largest.index);
const handle = z.int().min(0).max(largest.handle);
const count = z.int().min(0).max(largest.count);
const lane = z.union([z.literal(textLane), z.literal(binaryLane)]);
const text = (max: number) => z.string().max(max);

/** Integers from 0 to `max`. Columns are nearly all of what a busy channel carries: checked in one loop, they cost a tenth of an array of schemas. */
const column = <T extends number = number>(max: number, rows: { min?: number; max?: number } = {}) =>
  z.custom<Column<T>>((value) => {
    if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return false;
    const numbers = value as unknown as Column;
    if (!(numbers.length >= (rows.min ?? 0) && numbers.length <= (rows.max ?? frameLimits.payloads))) return false;
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i] as number;
      if (!Number.isSafeInteger(number) || number < 0 || number > max) return false;
    }
    return true;
  });
const sameLength = (...columns: readonly Column[]): boolean => columns.every((column) => column.length === columns[0]?.length);
/** Actor, outlet, lane, messages; all messages are in one of them. */
const areRuns = (runs: Column, messages: number): boolean => {
  if (runs.length % runWidth !== 0) return false;
  let sum = 0;
  for (let at = 0; at < runs.length; at += runWidth) {
    const [actor, outlet, lane, count] = [runs[at], runs[at + 1], runs[at + 2], runs[at + 3]] as [number, number, number, number];
    if (actor > largest.index || outlet > largest.index || lane > largest.lane || count === 0) return false;
    sum += count;
  }
  return sum === messages;
};
/** Executions, triples; all executions and numbers of their work are in one of them. */
const areGroups = (groups: Column, executions: number, work: number): boolean => {
  if (groups.length % 2 !== 0) return false;
  let members = 0;
  let triples = 0;
  for (let at = 0; at < groups.length; at += 2) {
    if (groups[at] === 0) return false;
    members += groups[at] as number;
    triples += groups[at + 1] as number;
  }
  return members === executions && workWidth * triples === work;
};

const errorRecord = z.strictObject({
  code: z.custom<ErrorCode>(isErrorCode),
  message: text(textLimits.message),
  name: text(256).optional(),
  actor: text(256).optional(),
  execution: text(256).optional(),
  stack: text(textLimits.message).optional(),
  file: text(4096).optional(),
  line: count.optional(),
  column: count.optional(),
  hint: text(1024).optional(),
});

const logLine = z.strictObject({ actor: index, execution: handle, level: z.enum(logLevels), text: text(textLimits.log), dropped: count });

/** A line that a guest wrote. */
export type LogLine = z.infer<typeof logLine>;

/** What a cell may say. The types below are inferred from this schema, so check and type cannot differ. */
export const cellMessage = z.discriminatedUnion('type', [
  /** Boot is over and permissions are dropped: what was attempted, and with which error code it was refused. */
  z.strictObject({
    type: z.literal('ready'),
    version: z.int(),
    node: text(64),
    denied: z.record(text(64), text(64)),
    environment: z.array(text(256)).max(1024),
    boot: z.number(),
  }),
  z.strictObject({ type: z.literal('created'), actor: index, instance: handle, inlets: z.array(text(256)).max(1024), millis: z.number() }),
  z.strictObject({ type: z.literal('failed'), actor: index, error: errorRecord }),
  /** Isolates in which Python has started before it is known for whom: how many are kept now, and how many were taken so far. */
  z.strictObject({ type: z.literal('interpreters'), ready: count, taken: count }),
  /** The instance is gone: it was stopped, or hibernated. */
  z.strictObject({ type: z.literal('stopped'), actor: index }),
  /** A message waits in the cell for an actor that has no instance. */
  z.strictObject({ type: z.literal('wanted'), actor: index }),
  /**
   * Messages of outlets that the host wants, as columns. `runs` has four numbers for messages in a row: actor, outlet, lane, how many.
   * `execution` 0: not caused by an execution; it starts one.
   */
  z
    .strictObject({ type: z.literal('emit'), runs: column(largest.count), execution: column(largest.handle), length: column(largest.count) })
    .refine(({ runs, execution, length }) => sameLength(execution, length) && areRuns(runs, execution.length)),
  /**
   * Nothing of these executions is in flight here. `groups` has two numbers for executions in a row that had the same work: how many,
   * and how many triples of `work` tell of it: actor, messages, microseconds.
   */
  z
    .strictObject({
      type: z.literal('settled'),
      execution: column(largest.handle),
      received: column(largest.count),
      groups: column(largest.count),
      work: column(largest.handle),
    })
    .refine(({ execution, received, groups, work }) => sameLength(execution, received) && areGroups(groups, execution.length, work.length)),
  /** An execution failed at an actor whose `error` outlet leads nowhere. */
  z.strictObject({ type: z.literal('failure'), execution: handle, actor: index, error: errorRecord }),
  /** The answer to a delivery with `reply`. */
  z.strictObject({ type: z.literal('answer'), reply: handle, error: errorRecord.nullable(), lane, length: column(largest.count, { max: 1 }) }),
  /** A guest calls a capability. One payload. `turn` is its number in this instance, 0 outside a turn. The reply is named by instance and call. */
  z.strictObject({
    type: z.literal('call'),
    actor: index,
    instance: handle,
    call: handle,
    execution: handle,
    turn: handle,
    capability: text(64),
    operation: text(256),
    synchronous: z.boolean(),
    lane,
    length: column(largest.count, { min: 1, max: 1 }),
  }),
  /** A guest asks an actor of another cell. */
  z.strictObject({
    type: z.literal('ask'),
    actor: index,
    instance: handle,
    call: handle,
    execution: handle,
    peer: text(256),
    lane,
    length: column(largest.count, { min: 1, max: 1 }),
  }),
  /** Messages of the host that left the mailbox of an actor: room for as many. */
  z
    .strictObject({ type: z.literal('credit'), actor: column(largest.index), messages: column(largest.count) })
    .refine(({ actor, messages }) => sameLength(actor, messages)),
  z.strictObject({ type: z.literal('log'), lines: z.array(logLine).min(1).max(frameLimits.lines) }),
  /** An actor broke a limit or died; a fresh instance takes its place (`created` follows), unless it was not started yet. */
  z.strictObject({ type: z.literal('violation'), actor: index, execution: handle, error: errorRecord }),
  /** Only when careful: this message is about to run. */
  z.strictObject({ type: z.literal('begin'), actor: index, execution: handle }),
  /**
   * The actors that would stand still for good if nothing came from the host. A row for each thing that one waits for: an actor, or `elsewhere`;
   * `answer` says whether for its answer or for room. `progress` changes as soon as the actor does anything. Then a row for each execution that takes up
   * an actor, and how much: by turns, and by messages in its mailbox.
   */
  z
    .strictObject({
      type: z.literal('waits'),
      token: handle,
      actor: column(largest.index),
      progress: column(largest.handle),
      target: column(elsewhere),
      answer: column(1),
      holder: column(largest.index),
      execution: column(largest.handle),
      share: column(largest.count),
    })
    .refine(
      ({ actor, progress, target, answer, holder, execution, share }) => sameLength(actor, progress, target, answer) && sameLength(holder, execution, share),
    ),
  /** A thread of this cell does not come back from its guest: kill the cell. */
  z.strictObject({ type: z.literal('wedged'), actor: index, reason: text(1024) }),
  /**
   * `oldest`: for how many milliseconds the longest guest call has run. `live`: isolates alive. `idle`: for how many milliseconds the
   * actor that has been idle for longest has been so; 0 if none is. The columns name the actors that have
   * messages which have not ended, and how many: in the mailbox, or taken from it.
   */
  z
    .strictObject({
      type: z.literal('pong'),
      token: handle,
      oldest: z.number(),
      live: count,
      idle: z.number().min(0),
      cpu: z.number(),
      actor: column(largest.index),
      messages: column(largest.count),
    })
    .refine(({ actor, messages }) => sameLength(actor, messages)),
]);

export type CellMessage = z.infer<typeof cellMessage>;
export type CellMessageType = CellMessage['type'];
