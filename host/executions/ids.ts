/**
 * Ids of executions. One that Vivarium gives is a number behind what differs between processes: cells and guests are told the
 * number, and what is the same for all of them once.
 */
import { randomBytes } from 'node:crypto';

/** A text if the caller chose it, else a number. */
export type ExecutionId = string | number;

export const idPrefix = `${randomBytes(6).toString('base64url')}.`;

let next = 0;

/** Different for every execution of this process. */
export const newId = (): ExecutionId => next++;

/** The id as people and guests see it. */
export const idText = (id: ExecutionId): string => (typeof id === 'string' ? id : idPrefix + id.toString(36));
