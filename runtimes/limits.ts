/**
 * The limits of one actor, as its cell enforces them. Durations in milliseconds, sizes in bytes.
 * The defaults are those of docs/reference/limits.md; a policy may lower them, an operator raise them.
 */
export interface Limits {
  /** One turn, waiting included. */
  readonly wall: number;
  /** Processor time of one turn. */
  readonly cpu: number;
  /** Heap, buffers and WebAssembly memory of one instance together. */
  readonly memory: number;
  /** One encoded message. */
  readonly message: number;
  /** Messages that one turn may send. */
  readonly outboundMessages: number;
  /** Bytes that one turn may send. */
  readonly outboundBytes: number;
  /** Log bytes of one turn; what exceeds them is dropped and counted. */
  readonly logs: number;
  /** Timers pending at once in one instance. */
  readonly timers: number;
  /** Calls to the host in flight at once in one instance. */
  readonly calls: number;
  /** Files and connections open at once in one instance. */
  readonly handles: number;
  /** Requests that one turn may send over the network, redirects not counted. */
  readonly requests: number;
  /** The body of one request. */
  readonly requestBody: number;
  /** The body of one response, decompressed. */
  readonly responseBody: number;
  /** From the creation of an isolate until its actor has started. */
  readonly start: number;
  /** Messages that wait in the mailbox of one instance. */
  readonly mailbox: number;
}

const MiB = 1024 * 1024;

const common = {
  wall: 30_000,
  cpu: 1_000,
  message: 1 * MiB,
  outboundMessages: 10_000,
  outboundBytes: 16 * MiB,
  logs: 64 * 1024,
  timers: 1_000,
  calls: 64,
  handles: 64,
  requests: 50,
  requestBody: 10 * MiB,
  responseBody: 10 * MiB,
  mailbox: 1_000,
} as const;

/** By runtime: an interpreter needs more memory and more time to start than a script. */
export const defaultLimits = {
  javascript: { ...common, memory: 64 * MiB, start: 5_000 },
  python: { ...common, memory: 256 * MiB, start: 20_000 },
  wasm: { ...common, memory: 64 * MiB, start: 5_000 },
} as const satisfies Record<string, Limits>;

/** The size to which whatever a guest says in an error or in one log line is cut, and the longest name that it may call. Characters. */
export const textLimits = { message: 8 * 1024, log: 8 * 1024, name: 256, hint: 1024 } as const;

/** Caps of one frame between host and cell, in bytes, payloads and lines of a log. A header is small: it never contains what a guest said, save logs and errors, which are cut. */
export const frameLimits = { frame: 64 * 1024 * 1024, header: 8 * 1024 * 1024, payloads: 65_536, lines: 256 } as const;
