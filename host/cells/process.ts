/**
 * A cell as the host sees it: a process that can be spoken to, is watched, and can always be killed.
 *
 * What its messages mean is not known here. What is guaranteed: every message that arrives fits the protocol; a cell that
 * breaks it, outgrows its memory or does not start in time is killed, and the reason is told; when this process ends,
 * in whatever way, so do its cells.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { VivariumError } from '../../sdk/errors.ts';
import { type CellMessage, type HostMessage, protocolVersion, type RuntimeName } from '../../runtimes/protocol.ts';
import type { Piece } from '../../runtimes/frame.ts';
import { CellChannel } from './channel.ts';
import { cellCommand } from './command.ts';
import { cellStdio } from './descriptors.ts';
import type { Sandbox, SandboxLevel } from './levels.ts';
import { CellMemory, type CellMemoryFigures, dataLimitAtStart, defaultMemoryBudget, type IsolateCounts } from './memory.ts';
import { programInJail } from './processes.ts';
import { watch } from './watchdog.ts';

/** Milliseconds from the spawn to `ready`; it takes about 100. */
const defaultStartLimit = 10_000;
/** How long the process and its streams may outlive each other, in milliseconds. */
const lingerLimit = 1_000;
/** Characters of the cell’s standard error that are kept, and that are read at all unless it is debugged. */
const lastWordsLength = 4 * 1024;
const errorsRead = 64 * 1024;

export type ReadyMessage = Extract<CellMessage, { type: 'ready' }>;

export interface CellExit {
  readonly code: number | null;
  /** The signal that ended the program, also where the jail reports it as a code above 128. */
  readonly signal: NodeJS.Signals | null;
  /** Why the host killed it, or why it could not be started; absent when it ended by itself or was killed without a reason. */
  readonly reason: VivariumError | undefined;
  /** The end of what it wrote to its standard error: bounded, and as untrusted as everything from a cell. */
  readonly lastWords: string;
}

export interface CellOptions {
  /** Of `detectSandbox`. */
  readonly sandbox: Sandbox;
  readonly level: SandboxLevel;
  /** The only folder that the cell may read, as an absolute path; in the jail it is /app. */
  readonly folder: string;
  /** The program: a file in that folder. */
  readonly entry: string;
  readonly arguments?: readonly string[] | undefined;
  /** Further flags of Node and V8. */
  readonly flags?: readonly string[] | undefined;
  /** What its guests may use together, in bytes; default {@link defaultMemoryBudget}. */
  readonly memoryBudget?: number | undefined;
  /** Milliseconds until `ready`. */
  readonly startLimit?: number | undefined;
  /** Receives everything that the cell writes to its standard error. */
  readonly debug?: ((text: string) => void) | undefined;
  /** A checked message, never `ready`. What this throws kills the cell. */
  onMessage(message: CellMessage, payloads: Buffer[]): void;
  /** Once, after the last message. */
  onExit(exit: CellExit): void;
}

/**
 * @example
 * const sandbox = await detectSandbox();
 * const { folder } = await cellFiles();
 * const cell = CellProcess.spawn({ sandbox, level: sandbox.level, folder, entry: 'cell.cjs', onMessage, onExit });
 * await cell.ready;
 * await cell.reserve({ javascript: 1 });
 * cell.send({ type: 'ping', token: 1 });
 */
export class CellProcess {
  /** Resolves with the cell’s report of its start. @throws VivariumError `cell.start`, with the end of its standard error */
  readonly ready: Promise<ReadyMessage>;
  readonly level: SandboxLevel;
  readonly #options: CellOptions;
  readonly #budget: number;
  readonly #dataLimit: number;
  readonly #child: ChildProcess;
  readonly #channel: CellChannel | undefined;
  readonly #settleReady: PromiseWithResolvers<ReadyMessage>;
  readonly #startTimer: NodeJS.Timeout;
  #lingerTimer: NodeJS.Timeout | undefined;
  readonly #unwatch: () => void;
  #started = false;
  #program: number | undefined;
  #memory: CellMemory | undefined;
  /** What is wrong with a cell that seems to have ended: the reason for its kill if it has not. */
  #flaw: VivariumError | undefined;
  #lastWords = '';
  #errorsRead = 0;
  #killed = false;
  #reason: VivariumError | undefined;
  #exit: Pick<CellExit, 'code' | 'signal'> | undefined;
  #finished = false;

  /** @throws VivariumError `cell.start` when the system refuses at once; other failures come by `ready` and `onExit` */
  static spawn(options: CellOptions): CellProcess {
    return new CellProcess(options);
  }

  private constructor(options: CellOptions) {
    const { sandbox, level, folder, entry } = options;
    this.#options = options;
    this.level = level;
    this.#budget = options.memoryBudget ?? defaultMemoryBudget;
    this.#dataLimit = dataLimitAtStart(sandbox.node, this.#budget);
    this.#settleReady = Promise.withResolvers();
    this.ready = this.#settleReady.promise;
    // Who does not await it learns of a failed start by `onExit`.
    this.ready.catch(() => undefined);
    const dataLimit = sandbox.programs.prlimit === undefined ? undefined : this.#dataLimit;
    const command = cellCommand(sandbox, level, { folder, run: entry, arguments: options.arguments, flags: options.flags, dataLimit });
    this.#child = this.#spawn(command.file, command.arguments);
    this.#channel = this.#openChannel();
    this.#listen();
    const startLimit = options.startLimit ?? defaultStartLimit;
    this.#startTimer = setTimeout(() => this.kill(new VivariumError('cell.start', `A cell was not ready within ${startLimit} ms.`)), startLimit);
    this.#unwatch = watch({ look: () => this.#look() });
    living.add(this);
  }

  #spawn(file: string, args: readonly string[]): ChildProcess {
    try {
      // A process group of its own, so that a signal to it reaches all of the cell and a terminal’s Ctrl+C none.
      return spawn(file, args, { cwd: '/', env: {}, detached: true, stdio: cellStdio(this.#options.sandbox.leaking), windowsHide: true });
    } catch (cause) {
      throw new VivariumError('cell.start', 'The system refuses to start a cell.', { cause });
    }
  }

  #openChannel(): CellChannel | undefined {
    // Absent when the system could not even make the sockets.
    const socket = this.#child.stdio?.[3] as Socket | undefined;
    return (
      socket &&
      new CellChannel(socket, {
        onMessage: (message, payloads) => this.#receive(message, payloads),
        onBroken: (error) => this.kill(error),
        onClose: () => this.#awaitEnd(),
      })
    );
  }

  #listen(): void {
    this.#child.once('error', (cause) => {
      this.#reason ??= new VivariumError('cell.start', `The system cannot start a cell: ${cause.message}.`, { cause });
      this.#exit ??= { code: null, signal: null };
      this.#awaitEnd();
    });
    this.#child.once('exit', (code, signal) => {
      const jailed = this.level === 'jail' && code !== null && code > 128 ? signalOf(code - 128) : undefined;
      this.#exit = jailed === undefined ? { code, signal } : { code: null, signal: jailed };
      this.#signalAll();
      this.#awaitEnd();
    });
    // The process has ended and everything that it wrote was read.
    this.#child.once('close', () => this.#finish());
    this.#child.stderr?.on('data', (bytes: Buffer) => this.#hear(bytes));
    this.#child.stderr?.on('error', () => undefined);
  }

  /** The number of the cell’s Node process; before it is ready that of the process that was spawned. */
  get pid(): number | undefined {
    return this.#program ?? this.#child.pid;
  }

  /** Neither killed nor ended. */
  get alive(): boolean {
    return !this.#killed && this.#exit === undefined;
  }

  /**
   * Sends a message; see {@link CellChannel.send}. What is sent though the cell does not read is queued, up to a bound that kills it.
   *
   * @returns whether a sender may go on; otherwise it awaits {@link drained}
   */
  send(message: HostMessage, payloads: readonly Piece[] = [], taken?: () => void): boolean {
    this.#channel?.send(message, payloads, taken);
    return this.writable;
  }

  get writable(): boolean {
    return this.#channel?.writable ?? false;
  }

  /** Resolves when a sender may go on, or when the cell has ended. */
  drained(): Promise<void> {
    return this.#channel?.drained() ?? Promise.resolve();
  }

  /** How often it was heard so far: grows as long as it speaks. */
  get heard(): number {
    return this.#channel?.heard ?? 0;
  }

  /** Nothing before it is ready, after it has ended, and where the system does not tell. */
  memory(): CellMemoryFigures | undefined {
    return this.#memory?.figures();
  }

  /** What it shares with no other process, in bytes, as it was looked at last; undefined before it is ready, and where the system does not tell. */
  get ownMemory(): number | undefined {
    return this.#memory?.own;
  }

  /** Looks at {@link ownMemory} now. */
  measure(): void {
    this.#memory?.measure();
  }

  /**
   * Sets the memory limits to what a cell with these isolates needs. To be awaited before an isolate is created, because
   * an isolate without room aborts the cell; and to be called after one is gone.
   *
   * @throws VivariumError `cell.start` when the cell does not start, or its limit cannot be moved
   */
  async reserve(isolates: IsolateCounts): Promise<void> {
    await this.ready;
    await this.#memory?.reserve(isolates);
  }

  /** An isolate was ended by force. Takes effect with the next reservation. */
  broke(runtime: RuntimeName): void {
    this.#memory?.broke(runtime);
  }

  /**
   * Ends the cell by SIGKILL, whatever it does. Messages that it had sent before are still delivered, unless it broke the
   * protocol. The first reason stands; later calls do nothing.
   */
  kill(reason?: VivariumError): void {
    if (!this.alive) return;
    this.#killed = true;
    this.#reason = reason;
    this.#signalAll();
  }

  /** The group, and in the jail the program itself, which has a group of its own and would follow a little later. */
  #signalAll(): void {
    const { pid } = this.#child;
    if (pid !== undefined && process.platform !== 'win32') sigkill(-pid);
    if (this.#exit === undefined) this.#child.kill('SIGKILL');
    if (this.#program !== undefined && this.#memory?.figures() !== undefined) sigkill(this.#program);
  }

  #receive(message: CellMessage, payloads: Buffer[]): void {
    if (this.#started === (message.type === 'ready'))
      throw new VivariumError('cell.protocol', `A cell sent \`${message.type}\` ${this.#started ? 'again' : 'before it was ready'}.`);
    if (message.type === 'ready') this.#becomeReady(message);
    else this.#options.onMessage(message, payloads);
  }

  #becomeReady(message: ReadyMessage): void {
    if (message.version !== protocolVersion) {
      throw new VivariumError('cell.start', `A cell speaks version ${message.version} of the protocol, and the host ${protocolVersion}.`, {
        hint: 'Run `npm run build`.',
      });
    }
    this.#started = true;
    clearTimeout(this.#startTimer);
    try {
      if (this.#options.sandbox.platform === 'linux') this.#bindMemory();
      this.#settleReady.resolve(message);
    } catch (error) {
      // Most likely it has just ended, and its exit is on the way and says more.
      this.#flaw = error as VivariumError;
      this.#awaitEnd();
    }
  }

  #bindMemory(): void {
    const { sandbox } = this.#options;
    const spawned = this.#child.pid as number;
    const pid = this.level === 'jail' ? programInJail(spawned) : spawned;
    if (pid === undefined) throw new VivariumError('cell.start', 'The process of a cell cannot be found in its jail, so its memory cannot be bounded.');
    this.#program = pid;
    this.#memory = new CellMemory({ pid, node: sandbox.node, budget: this.#budget, dataLimit: this.#dataLimit, programs: sandbox.programs });
  }

  #look(): void {
    this.#channel?.look();
    const excess = this.#memory?.check();
    if (excess !== undefined) this.kill(excess);
  }

  /** Keeps the end of what the cell says, and stops listening to one that says too much. */
  #hear(bytes: Buffer): void {
    const text = bytes.toString('utf8');
    this.#lastWords = (this.#lastWords + text).slice(-lastWordsLength);
    this.#errorsRead += bytes.length;
    if (this.#options.debug !== undefined) this.#options.debug(text);
    else if (this.#errorsRead > errorsRead) this.#child.stderr?.destroy();
  }

  /** An end has begun: a channel was closed, a process is gone. What belongs to it must follow soon. */
  #awaitEnd(): void {
    clearTimeout(this.#lingerTimer);
    if (!this.#finished) this.#lingerTimer = setTimeout(() => this.#endAnyway(), lingerLimit);
  }

  #endAnyway(): void {
    if (this.#exit === undefined) {
      this.kill(this.#flaw ?? new VivariumError('cell.protocol', 'A cell closed its channel and did not end.'));
      return;
    }
    this.#channel?.destroy();
    this.#child.stderr?.destroy();
    this.#finish();
  }

  #finish(): void {
    if (this.#finished || this.#exit === undefined) return;
    this.#finished = true;
    clearTimeout(this.#startTimer);
    clearTimeout(this.#lingerTimer);
    this.#unwatch();
    this.#memory?.close();
    living.delete(this);
    const exit: CellExit = { ...this.#exit, reason: this.#reason, lastWords: this.#lastWords };
    this.#settleReady.reject(failedStart(exit));
    this.#options.onExit(exit);
  }

  static {
    // SIGKILL of the host runs no handler: there the kernel (die-with-parent, pdeathsig) and the closed channel end the cells.
    process.on('exit', () => {
      for (const cell of living) cell.#signalAll();
    });
  }
}

const living = new Set<CellProcess>();

function failedStart({ code, signal, reason, lastWords }: CellExit): VivariumError {
  const said = lastWords.trim();
  const message = `A cell did not start. ${reason?.message ?? `It ended before it was ready: ${signal ?? `exit code ${code}`}.`}`;
  return new VivariumError('cell.start', said === '' ? message : `${message} Its last words: ${said}`, { hint: reason?.record.hint, cause: reason });
}

const signalOf = (wanted: number): NodeJS.Signals | undefined =>
  (Object.entries(constants.signals) as [NodeJS.Signals, number][]).find(([, number]) => number === wanted)?.[0];

function sigkill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
