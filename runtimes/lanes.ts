/** The two lanes of a payload: 0 is text (JSON in UTF-8), 1 is binary (msgpack). */
export const textLane = 0;
export const binaryLane = 1;
export type Lane = typeof textLane | typeof binaryLane;
/** In the place of the lane of a run: text that the host has encoded itself, and not brought from a cell. */
export const hostsText = 2;
export type RunLane = Lane | typeof hostsText;

/** Stands between the descriptions of executions, none of which holds it: JSON escapes it. */
export const executionSeparator = '\n';

/** Numbers of a run, which tells of messages in a row: actor, inlet or outlet, {@link RunLane}, how many. */
export const runWidth = 4;
/** Numbers of a piece of work: actor, messages, microseconds. */
export const workWidth = 3;

/** Spoken by a host and its cells. Both come from one package: they differ only if files were mixed up. */
export const protocolVersion = 4;
