/**
 * The error catalogue: every code that Vivarium can answer with, what it means and how to react.
 *
 * A code is stable: it is part of the public interface and never changes its meaning. The catalogue
 * runs on both sides of the wall (host and guests), so it imports nothing.
 */

/** How a caller should react. `retry`: the same call may succeed later; `mend`: something must be changed first; `report`: a defect of Vivarium. */
export type Reaction = 'retry' | 'mend' | 'report';

export interface CatalogueEntry {
  readonly meaning: string;
  readonly reaction: Reaction;
}

export const errorCatalogue = {
  'actor.failed': { meaning: 'The code of the actor threw; message and stack are the author’s.', reaction: 'mend' },
  'actor.start': { meaning: 'The actor could not be started: its module threw, or `start` failed.', reaction: 'mend' },
  'actor.unknown': { meaning: 'No actor of that name is deployed, or no connection leads to it.', reaction: 'mend' },
  'actor.inlet': { meaning: 'The actor has no handler for that inlet.', reaction: 'mend' },
  'actor.outlet': { meaning: 'The actor has no outlet of that name.', reaction: 'mend' },
  'actor.turn-ended': { meaning: 'The turn that this context belongs to has ended; nothing can be emitted or asked through it any more.', reaction: 'mend' },
  'actor.quarantined': { meaning: 'The actor caused too many deaths of its cell and is held back until it is released.', reaction: 'mend' },
  'actor.fatal': { meaning: 'The interpreter of the actor reached a state that cannot be continued; the instance was replaced.', reaction: 'mend' },
  'limit.wall': { meaning: 'A turn took longer than its wall-clock limit, waiting included.', reaction: 'mend' },
  'limit.cpu': { meaning: 'A turn used more processor time than its limit.', reaction: 'mend' },
  'limit.memory': { meaning: 'An actor used more memory than its limit.', reaction: 'mend' },
  'limit.message': { meaning: 'A message is larger than the limit for one message.', reaction: 'mend' },
  'limit.outbound': { meaning: 'A turn sent more messages or bytes than its limit.', reaction: 'mend' },
  'limit.logs': { meaning: 'A turn wrote more log bytes than its limit; what exceeds it is dropped and counted.', reaction: 'mend' },
  'limit.timers': { meaning: 'An actor has more timers pending than its limit.', reaction: 'mend' },
  'limit.calls': { meaning: 'An actor has more calls to the host in flight than its limit.', reaction: 'mend' },
  'limit.handles': { meaning: 'An actor holds more files and connections open than its limit.', reaction: 'mend' },
  'limit.start': { meaning: 'An actor took longer to start than its limit.', reaction: 'mend' },
  'limit.isolates': { meaning: 'As many actors live as may, and none of them made room for so long that the message was given up.', reaction: 'retry' },
  'limit.host-memory': {
    meaning: 'All cells of the host hold as much memory as they may together: an actor or a cell was not started, or the largest cell was ended.',
    reaction: 'retry',
  },
  'limit.outputs': { meaning: 'An execution holds more unread outputs than the host keeps for one execution.', reaction: 'mend' },
  'message.unsupported': {
    meaning: 'A value that is no message: a function, a class instance, a symbol, a cycle, an integer beyond 64 bits.',
    reaction: 'mend',
  },
  'message.invalid': { meaning: 'A payload is not well formed, or exceeds the budget for depth, values or keys.', reaction: 'mend' },
  'mailbox.full': { meaning: 'The mailbox of the receiver is full and its overflow is `reject`.', reaction: 'retry' },
  'policy.denied': { meaning: 'The policy of the actor does not allow this access.', reaction: 'mend' },
  'audit.failed': { meaning: 'A decision of a policy could not be recorded, so what was decided did not happen.', reaction: 'retry' },
  'policy.required': { meaning: 'The actor requires something that was not granted or not provided.', reaction: 'mend' },
  'policy.refused': { meaning: 'An update asks for more than is granted; what was deployed before goes on.', reaction: 'mend' },
  'policy.invalid': { meaning: 'A policy is wrong: an unknown key, a contradiction, or a rule that can never match.', reaction: 'mend' },
  'service.unknown': { meaning: 'The host offers no service of that name.', reaction: 'mend' },
  'service.input': { meaning: 'The input of a service call does not fit its schema.', reaction: 'mend' },
  'service.output': { meaning: 'The embedder’s service returned something that does not fit its schema.', reaction: 'report' },
  'service.failed': { meaning: 'The embedder’s service failed; it tells no more than its message.', reaction: 'retry' },
  'filesystem.failed': { meaning: 'An operation on files failed; `name` is what the operating system calls it, like `ENOENT`.', reaction: 'mend' },
  'network.failed': { meaning: 'A request failed before its response was complete; `name` says how, like `ECONNREFUSED`.', reaction: 'retry' },
  'limit.quota': { meaning: 'An actor has written as much as the quota of the folder, or of its state, allows.', reaction: 'mend' },
  'limit.network': { meaning: 'A request or its response is larger, longer or more often redirected than the limits of the network allow.', reaction: 'mend' },
  'store.failed': { meaning: 'The store of the host could not read or write; the logger of the host is told why.', reaction: 'retry' },
  'call.cancelled': { meaning: 'A call to the host ended because its turn, its execution or its cell ended.', reaction: 'retry' },
  'execution.cancelled': { meaning: 'The execution was cancelled.', reaction: 'retry' },
  'execution.deadline': { meaning: 'The execution did not end before its deadline.', reaction: 'retry' },
  'execution.duplicate': { meaning: 'An execution with this id is running already.', reaction: 'mend' },
  'execution.no-answer': { meaning: 'The execution ended without an answer.', reaction: 'mend' },
  'cell.died': { meaning: 'The cell died twice while it ran this message; the message is a dead letter.', reaction: 'mend' },
  'cell.start': { meaning: 'A cell could not be started.', reaction: 'report' },
  'cell.protocol': { meaning: 'A cell broke the protocol and was killed.', reaction: 'report' },
  'manifest.invalid': { meaning: 'A manifest is wrong; the diagnostics say where and how to mend it.', reaction: 'mend' },
  'source.invalid': { meaning: 'A source does not compile, or is not what its runtime runs.', reaction: 'mend' },
  'source.outside': { meaning: 'A source or an import lies outside the base folder.', reaction: 'mend' },
  'source.missing': { meaning: 'A source or an import does not exist.', reaction: 'mend' },
  'sandbox.unavailable': { meaning: 'The sandbox level that was demanded cannot be reached on this machine.', reaction: 'mend' },
  'host.unsupported': { meaning: 'Node or isolated-vm is too old, or a file of Vivarium is missing or was changed.', reaction: 'mend' },
  'host.option': { meaning: 'An option of the host is wrong.', reaction: 'mend' },
  'host.closed': { meaning: 'The host or the flow has been stopped.', reaction: 'mend' },
  'flow.input': { meaning: 'The flow has no input of that name.', reaction: 'mend' },
  'flow.deadlock': {
    meaning: 'Actors wait in a circle for room in each other’s mailboxes, or for each other’s answers; the message names the circle.',
    reaction: 'mend',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(errorCatalogue, code);

/** What an error says beside its message. All plain data: it crosses the channel as JSON. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  /** The name of the author's exception class, for `actor.failed`: `TypeError`, `KeyError`. What the system calls it, for `filesystem.failed` and `network.failed`: `ENOENT`. */
  readonly name?: string | undefined;
  readonly actor?: string | undefined;
  readonly execution?: string | undefined;
  /** The author's own lines, one a frame, in the notation of the language. */
  readonly stack?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** What would allow it: the line to write into a policy, the option to set. */
  readonly hint?: string | undefined;
}

/**
 * Every error that Vivarium throws or answers with.
 *
 * @example
 * try { await flow.actor('score').ask(order) } catch (error) {
 *   if (error instanceof VivariumError && error.reaction === 'retry') retryLater(order)
 * }
 */
export class VivariumError extends Error {
  override readonly name: string = 'VivariumError';
  readonly code: ErrorCode;
  readonly record: ErrorRecord;

  constructor(code: ErrorCode, message: string, rest: Omit<ErrorRecord, 'code' | 'message'> & { cause?: unknown } = {}) {
    const { cause, ...record } = rest;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.record = { code, message, ...record };
  }

  get reaction(): Reaction {
    return errorCatalogue[this.code].reaction;
  }

  static from(record: ErrorRecord): VivariumError {
    const { code, message, ...rest } = record;
    return new VivariumError(code, message, rest);
  }

  toJSON(): ErrorRecord {
    return this.record;
  }
}
