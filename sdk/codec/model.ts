/** An error as a value: it passes on name, message, code and stack, and nothing else. */
export type ErrorValue = Error & { readonly code?: string };

/**
 * What can travel from an outlet to an inlet. See docs/reference/messages.md for what each value is in
 * each language. `decode` gives exactly these; a whole number of 2^53 and more comes as a bigint.
 */
export type Message = null | boolean | number | bigint | string | Uint8Array | Date | ErrorValue | readonly Message[] | { readonly [key: string]: Message };

/** An encoded message. `text` is JSON, `binary` is MessagePack. */
export type Payload = { readonly lane: 'text'; readonly text: string } | { readonly lane: 'binary'; readonly bytes: Uint8Array };

/** How much one message may hold. Both sides count: who encodes refuses to send, who decodes refuses before it allocates. */
export interface Budget {
  /** Encoded size in bytes; text counts as UTF-8. */
  readonly bytes: number;
  /** Lists and maps inside each other; a message that is a flat list has depth 1. */
  readonly depth: number;
  /** Values in all: lists, maps and what they contain, keys not counted. */
  readonly nodes: number;
  /** Keys of one map. */
  readonly keys: number;
}

export const defaultBudget: Budget = { bytes: 1024 * 1024, depth: 64, nodes: 100_000, keys: 10_000 };

/** First and last millisecond of the years 1 to 9999, the datetimes that every language has. */
export const datetimeRange = { first: -62_135_596_800_000, last: 253_402_300_799_999 } as const;

/** The integers of a message. */
export const integerRange = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n } as const;

/** MessagePack extension types. The timestamp is MessagePack’s own. */
export const extension = { error: 1, timestamp: -1 } as const;

/** Whether the number is written as an integer. The larger whole numbers stay floats, so that no float of JavaScript turns into an integer elsewhere. */
export const isInteger: (value: number) => boolean = Number.isSafeInteger;
