/**
 * What passes between a cell and the bootstrap of one of its isolates. Strings, numbers and bytes only.
 *
 * Inwards: the functions of {@link Doors}, each called by the cell with a time limit.
 * Outwards: `send(records, lengths, events, body, bytes)`. `records` says what became of turns, `lengths` how long the payloads are that
 * lie one after another in `body` and in `bytes`, `events` is a list of {@link GuestEvent} as JSON or empty. A cell believes nothing of it
 * beyond what the instance may say anyway.
 *
 * Messages travel in columns, and what is the same for many in a row is said once: most messages go from actor to actor without
 * anybody but the guests doing anything for each of them. Numbers cross as characters, 16 bits each: reading one costs a tenth of
 * reading its digits. What takes several characters has its lowest part first.
 *
 * Bytes cross by V8's own copies: inwards in a buffer that is given away, outwards all of them together in a view of a buffer that no guest
 * ever sees, which V8 copies as it is: it asks such a view for nothing that could run code.
 */
import type { ErrorRecord } from '../../sdk/errors.ts';
import type { Limits } from '../limits.ts';
import { binaryLane, type Lane, textLane } from '../lanes.ts';
import type { LogLevel, Mount, RuntimeName, WasmCodec } from '../protocol.ts';

/** What a record says. From 0 upwards it is the outlet of emitted messages. */
export const settledWithNothing = -1;
/** The payload goes to `out` and answers whoever asked. */
export const settledWithValue = -2;
/** The payload is a {@link GuestError} as JSON. */
export const settledWithError = -3;
/** This turn and all delivered after it were not begun; the slice is over. */
export const handedBack = -4;
/** The payload goes to `out` and is the first answer: a generator's first yield. The turn goes on. */
export const answered = -5;

/**
 * Characters per record: turn (two), code and place, start in the body or the bytes (two), payloads. A record of several payloads tells of messages
 * that one turn sent to one outlet, or of as many turns in a row that ended alike.
 */
export const recordWidth = 6;
/** Characters per batch of a delivery: inlet and place, which description its executions have, messages. */
export const batchWidth = 3;
/** Characters per payload. */
export const lengthWidth = 2;
/** Characters per message: the number of its execution, or 0 if that is named by the description alone. */
export const numberWidth = 3;
/** What one `send` carries at most, so that the number of payloads in a record fits a character. */
export const mostPayloads = 4096;

/**
 * Where payloads lie, beside their lane: those of the text lane in the body; binary ones in the bytes, or in the body with one character
 * a byte, for a language that takes characters faster.
 */
export type Place = Lane | typeof inBytes;
export const inBytes = 2;
export const laneOf = (place: Place): Lane => (place === textLane ? textLane : binaryLane);
/** In the place of one, of a delivered batch: payloads of the text lane in the body that have one writer. They may be parsed together. */
export const ofOneWriter = 3;

/** Two numbers in one character, the second of them a place. */
export const paired = (number: number, place: Place | typeof ofOneWriter): number => number * 4 + place;
export const firstOfPair = (pair: number): number => pair >> 2;
export const secondOfPair = (pair: number): Place | typeof ofOneWriter => (pair & 3) as Place | typeof ofOneWriter;
/** Codes begin below 0. */
export const codeOffset = 8;

/** The only way out of an isolate, see above. */
export type Send = (records: string, lengths: string, events: string, body: string, bytes: Uint8Array | undefined) => void;

/** An error as a guest tells it; the cell adds actor and execution, and maps the stack to the author's lines. */
export type GuestError = ErrorRecord;

export type GuestEvent =
  /** `load` and `start` went well: the inlets that are served. */
  | { readonly is: 'started'; readonly inlets: readonly string[] }
  | { readonly is: 'failed'; readonly error: GuestError }
  | { readonly is: 'stopped' }
  | { readonly is: 'timer'; readonly id: number; readonly delay: number }
  | { readonly is: 'untimer'; readonly id: number }
  | {
      readonly is: 'call';
      readonly id: number;
      readonly turn: number;
      readonly capability: string;
      readonly operation: string;
      /** A binary reply is to come as an ArrayBuffer: a string of as many characters is read far more slowly. */
      readonly bulk?: boolean;
      readonly lane: Lane;
      readonly payload: string;
      readonly synchronous?: boolean;
    }
  | {
      readonly is: 'ask';
      readonly id: number;
      readonly turn: number;
      readonly peer: string;
      readonly lane: Lane;
      readonly payload: string;
      readonly synchronous?: boolean;
    }
  /** The guest sleeps on the shared buffer until the cell answers, after `delay` milliseconds. */
  | { readonly is: 'sleep'; readonly id: number; readonly delay: number }
  | { readonly is: 'log'; readonly turn: number; readonly level: LogLevel; readonly text: string; readonly dropped: number }
  /** The guest waits in `emit` until its receivers have room. */
  | { readonly is: 'wait' }
  /** The interpreter cannot go on: discard the isolate. */
  | { readonly is: 'fatal'; readonly error: GuestError }
  | { readonly is: 'more' }
  | { readonly is: 'postmortem'; readonly turn: number };

/** What an instance is told of its actor, as JSON. */
export interface Settings {
  readonly runtime: RuntimeName;
  readonly actor: string;
  readonly inlets: readonly string[];
  readonly outlets: readonly string[];
  readonly peers: readonly string[];
  /** Function that serves an inlet, where the manifest names one. */
  readonly functions: Readonly<Record<string, string>>;
  /** Only for WASM. */
  readonly wasm?: { readonly input: WasmCodec; readonly output: WasmCodec; readonly wasi: boolean };
  readonly config: unknown;
  readonly environment: Readonly<Record<string, string>>;
  /** Placeholders by name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly services: readonly string[];
  readonly mounts: readonly Mount[];
  readonly limits: Limits;
  readonly concurrency: number;
  /** Reports every turn as it ends: the actor holds a capability, or the cell is careful. */
  readonly prompt: boolean;
}

/** How long a batch may run before it hands back what it has not begun. Milliseconds. */
export const slice = 10;

/**
 * The only ways into an isolate. Each first makes a rejection of its own, a primitive (`decoy`), so that
 * isolated-vm's epilogue, which reads the first unhandled rejection outside the time limit, reads ours.
 * None returns anything, none throws.
 */
export interface Doors {
  /** `descriptions`: a line of JSON for what executions have in common; see {@link executionOf}. `room`: what the receivers can take. */
  deliver(
    firstTurn: number,
    batches: string,
    lengths: string,
    numbers: string,
    descriptions: string,
    body: string,
    room: number,
    bytes: ArrayBuffer | undefined,
  ): void;
  timer(id: number): void;
  /** `error` is empty if the call went well, else an {@link ErrorRecord} as JSON. */
  reply(call: number, error: string, lane: number, payload: string | ArrayBuffer): void;
  room(messages: number): void;
  /** @param turns a list of numbers, as JSON */
  cancel(turns: string, error: string): void;
  stop(): void;
  postmortem(): void;
  /** @param settings {@link Settings} as JSON @param shared see `sharedBuffer` */
  load(settings: string, shared: ArrayBuffer | undefined, ...files: unknown[]): void;
}

export type DoorName = keyof Doors;
export const doorNames = ['deliver', 'timer', 'reply', 'room', 'cancel', 'stop', 'postmortem', 'load'] as const satisfies readonly DoorName[];

/** What a clean call of a door is rejected with. */
export const decoy = 7;

/** Bytes at the start of the shared buffer of synchronous calls: state, length, lane. */
export const sharedHeader = 64;
export const sharedBuffer = 1024 * 1024 + sharedHeader;
/** States of the shared buffer, in its first 32-bit word. */
export const waiting = 0;
export const lastChunk = 1;
export const moreChunks = 2;
export const failedCall = 3;
