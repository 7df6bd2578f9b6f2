/** The two lanes of a payload: 0 is text (JSON in UTF-8), 1 is binary (msgpack). */
export const textLane = 0;
export const binaryLane = 1;
export type Lane = typeof textLane | typeof binaryLane;

/** Stands between the descriptions of executions, none of which holds it: JSON escapes it. */
export const executionSeparator = '\n';

/** Spoken by a host and its cells. Both come from one package: they differ only if files were mixed up. */
export const protocolVersion = 1;
