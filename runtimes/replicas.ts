/**
 * Which replica of an actor serves an execution. Host and cells find the same one, without asking each other and without reading
 * a message: it follows from the partition of the execution, a number of 32 bits. So all messages of an execution that go to an actor
 * go to the same replica of it, and keep their order.
 */

/** One replica among all that an actor has. */
export interface Share {
  readonly replica: number;
  readonly of: number;
}

export const onlyReplica: Share = { replica: 0, of: 1 };

/** Steps by the golden ratio fall evenly between each other, and so does every second, every third of them: no pattern in what comes in piles up on one replica. */
const goldenStep = 0x9e37_79b1;

/** The partition of an execution that was given no key. */
export const partitionOf = (handle: number): number => Math.imul(handle, goldenStep) >>> 0;

/** The partition of the executions with this key: FNV-1a, its bits mixed once more, since the upper ones decide. */
export function partitionOfKey(key: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of so many replicas, the one that serves a partition. */
export const replicaFor = (partition: number, of: number): number => Math.floor((partition / 2 ** 32) * of);

export const serves = ({ replica, of }: Share, partition: number): boolean => of === 1 || replicaFor(partition, of) === replica;
