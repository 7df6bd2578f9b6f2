/**
 * What actors did for an execution, as a list that grows at its front and never changes: executions that travel together share it, so
 * it is written and reported once for all of them.
 */

export interface Work {
  readonly before: Work | undefined;
  readonly actor: number;
  readonly messages: number;
  readonly microseconds: number;
  /** Entries of the list from here. */
  readonly length: number;
  /** How long it may become before entries of the same actor are joined. */
  readonly most: number;
}

/** Entries that an execution has at least before any are joined. */
const usualLength = 16;

const entry = (before: Work | undefined, actor: number, messages: number, microseconds: number, most: number): Work => ({
  before,
  actor,
  messages,
  microseconds,
  length: before === undefined ? 1 : before.length + 1,
  most,
});

/** The same with one message more. */
export function addWork(work: Work | undefined, actor: number, microseconds: number): Work {
  if (work === undefined) return entry(undefined, actor, 1, microseconds, usualLength);
  // Most that an execution does several times in a row is done by one actor.
  if (work.actor === actor && work.before === undefined) return entry(undefined, actor, work.messages + 1, work.microseconds + microseconds, work.most);
  const added = entry(work, actor, 1, microseconds, work.most);
  return added.length < added.most ? added : joined(added);
}

/** One entry for each actor. The list may double before that is done again. */
function joined(work: Work): Work {
  const byActor = new Map<number, { messages: number; microseconds: number }>();
  for (let at: Work | undefined = work; at !== undefined; at = at.before) {
    const sum = byActor.get(at.actor);
    if (sum === undefined) byActor.set(at.actor, { messages: at.messages, microseconds: at.microseconds });
    else {
      sum.messages += at.messages;
      sum.microseconds += at.microseconds;
    }
  }
  const most = usualLength + 2 * byActor.size;
  let list: Work | undefined;
  for (const [actor, { messages, microseconds }] of byActor) list = entry(list, actor, messages, microseconds, most);
  return list as Work;
}
