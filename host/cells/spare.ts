/**
 * Processes for cells, some of them started before they are needed: the replacement of a cell that died then
 * takes 20 ms instead of 100. A spare belongs to nobody until it is taken.
 */
import { type ErrorRecord, VivariumError } from '../../sdk/errors.ts';
import type { CellMessage, WarmIsolates } from '../../runtimes/protocol.ts';
import { expectedOfCell, type HostMemory, type MemoryHolder } from './hostMemory.ts';
import { fitsInterpreter, forgottenAfter } from './interpreters.ts';
import { type CellExit, type CellOptions, CellProcess } from './process.ts';
import { Thrift } from './thrift.ts';
import { isolatesOfSpare } from './warmth.ts';

export interface ProcessHandlers {
  onMessage(message: CellMessage, payloads: readonly Buffer[]): void;
  onExit(reason: ErrorRecord): void;
}

/** A process that does not know yet whom its messages are for. */
export class UnboundProcess implements MemoryHolder {
  readonly process: CellProcess;
  readonly memoryBudget: number;
  readonly hostMemory: HostMemory;
  namespace: string | undefined;
  since = Date.now();
  /** It was ended because others needed its memory. */
  gaveWay = false;
  /** Isolates that it may keep ready for each language, and those that it was told to. */
  readonly warm: number;
  isolates: WarmIsolates = { javascript: 0, wasm: 0 };
  /** There is room for so many, or will be. */
  #room = this.isolates;
  #handlers: ProcessHandlers | undefined;
  #exit: ErrorRecord | undefined;
  /** For actors with how much memory it is to keep an interpreter, and was told to. Bytes. */
  #wanted = 0;
  #interpreter = 0;
  #everKept = false;
  #told: Extract<CellMessage, { type: 'interpreters' }> | undefined;

  constructor(
    options: Omit<CellOptions, 'onMessage' | 'onExit'> & { readonly memoryBudget: number },
    { warm, memory }: Pick<SpareSettings, 'warm' | 'memory'>,
    wasm: boolean,
    gone: () => void,
  ) {
    this.memoryBudget = options.memoryBudget;
    this.warm = warm;
    this.hostMemory = memory;
    this.process = CellProcess.spawn({
      ...options,
      onMessage: (message, payloads) => {
        if (this.#handlers === undefined && message.type === 'interpreters' && this.#everKept) {
          this.#told = message;
          return;
        }
        if (this.#handlers === undefined) throw new VivariumError('cell.protocol', `A cell sent \`${message.type}\` before it was spoken to.`);
        this.#handlers.onMessage(message, payloads);
      },
      onExit: (exit) => {
        this.#exit = reasonOf(exit);
        gone();
        this.#handlers?.onExit(this.#exit);
      },
    });
    if (warm > 0) this.#warmUp(isolatesOfSpare(warm, wasm)).catch(() => undefined);
  }

  /** As soon as it is ready itself, unless it is somebody's by then. */
  async #warmUp(isolates: WarmIsolates): Promise<void> {
    this.#room = isolates;
    await this.#reserve();
    if (this.#handlers !== undefined) return;
    this.isolates = isolates;
    this.process.send({ type: 'warm', ...isolates });
  }

  /** Room for what it keeps, when it is ready. */
  #reserve(): Promise<void> {
    return this.process.reserve({ ...this.#room, python: this.#wanted > 0 ? 1 : 0 });
  }

  /** The process is ready, and could do nothing it should not when it tried. */
  async ready(): Promise<void> {
    const { denied, environment } = await this.process.ready;
    const allowed = Object.keys(denied).filter((attempt) => denied[attempt] === 'ALLOWED');
    if (environment.length > 0) allowed.push(`see the environment (${environment.slice(0, 5).join(', ')})`);
    if (allowed.length === 0) return;
    const error = new VivariumError('cell.start', `A cell could still ${allowed.join(', ')} when it had given up its permissions.`);
    this.process.kill(error);
    throw error;
  }

  /** For actors with how much memory it was told to keep an interpreter of Python ready, in bytes; 0: for none. */
  get interpreter(): number {
    return this.#interpreter;
  }

  /** It was told to keep one, now or before. */
  get everKept(): boolean {
    return this.#everKept;
  }

  /** The same, as soon as there is room for it. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Has one kept when there is room for it, or none from now on. Nothing if the process does not start, or is somebody's by then. */
  async keep(interpreter: number): Promise<void> {
    if (interpreter === this.#wanted) return;
    this.#wanted = interpreter;
    if (this.#interpreter > 0) this.#tell(0);
    try {
      await this.#reserve();
    } catch {
      return;
    }
    if (interpreter > 0 && this.#handlers === undefined && this.#wanted === interpreter) this.#tell(interpreter);
  }

  #tell(interpreter: number): void {
    this.#interpreter = interpreter;
    this.#everKept ||= interpreter > 0;
    this.process.send({ type: 'interpreter', memory: interpreter });
  }

  /** From now on it runs the guests of this namespace. */
  bind(namespace: string, handlers: ProcessHandlers): void {
    this.namespace = namespace;
    this.since = Date.now();
    this.#handlers = handlers;
    if (this.#told !== undefined) handlers.onMessage(this.#told, []);
    if (this.#exit !== undefined) handlers.onExit(this.#exit);
  }

  get own(): number | undefined {
    return this.process.ownMemory;
  }

  end(reason: VivariumError): void {
    this.gaveWay = this.namespace === undefined;
    this.process.kill(reason);
  }

  get alive(): boolean {
    return this.#exit === undefined && this.process.alive;
  }
}

/** How V8 ends a process whose heap it cannot enlarge. */
const outOfMemorySignals: ReadonlySet<string | null> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL']);

function reasonOf({ code, signal, reason, lastWords }: CellExit): ErrorRecord {
  if (reason !== undefined) return reason.record;
  if (outOfMemorySignals.has(signal) && /out of memory|allocation failed|heap limit/i.test(lastWords))
    return { code: 'limit.memory', message: 'the cell ran out of memory' };
  return { code: 'cell.died', message: `the cell ended by itself: ${signal ?? `exit code ${code}`}` };
}

export type ProcessOptions = Omit<CellOptions, 'onMessage' | 'onExit' | 'memoryBudget'>;

export interface SpareSettings {
  readonly options: ProcessOptions;
  /** What the guests of a cell may use together, in bytes. */
  readonly memoryBudget: number;
  /** Processes kept ready. */
  readonly spares: number;
  /** Isolates that each process may keep ready, from its start. */
  readonly warm: number;
  /** Cells of the host at once, spares included. */
  readonly most: number;
  readonly memory: HostMemory;
}

/** Until a spare that was taken is replaced: what has just been started gets its first messages meanwhile. Milliseconds. */
const refillDelay = 100;
/** Until a spare starts Python: what it is to replace one day has the processor first. Milliseconds. */
const pause = 200;

export class SpareCells {
  readonly #settings: SpareSettings;
  readonly #spares = new Set<UnboundProcess>();
  /** By cell: what its Python actors may have, in bytes. */
  readonly #python = new Map<object, number>();
  /** For actors with so much memory one spare keeps an interpreter, in bytes; 0: none does. */
  #interpreter = 0;
  readonly #thrift = new Thrift();
  /** The flow that took the last one has actors in WASM. */
  #wasm = false;
  #pause: NodeJS.Timeout | undefined;
  #forgetting: NodeJS.Timeout | undefined;
  #living = 0;
  #refilling: NodeJS.Timeout | undefined;
  /** A spare is missing because memory was short. */
  #gaveWay = false;
  #closed = false;
  #empty: (() => void) | undefined;

  constructor(settings: SpareSettings) {
    this.#settings = settings;
    this.#refill();
  }

  get living(): number {
    return this.#living;
  }

  /**
   * A process that is ready, from the spares if there is one.
   * @param memoryBudget what its guests may use together, if more than usual
   * @param interpreter what the first Python actor may have that will start there, in bytes; 0 if none will
   * @param wasm whether actors in WASM will live there: so they may in the next one
   * @throws VivariumError cell.start, limit.host-memory
   */
  async take(memoryBudget: number, interpreter = 0, wasm = false): Promise<UnboundProcess> {
    this.#wasm = wasm;
    const fitting = [...this.#spares].sort((one, other) => Number(other.interpreter === interpreter) - Number(one.interpreter === interpreter));
    for (const spare of fitting) {
      if (!this.#spares.delete(spare)) continue;
      if (!spare.alive || spare.memoryBudget < memoryBudget) {
        spare.process.kill();
        continue;
      }
      try {
        await spare.ready();
        if (spare.interpreter > 0 && spare.interpreter === interpreter) this.#thrift.taken();
        return spare;
      } catch {
        // Why this one did not start, the next one tells if it lasts.
      }
    }
    const { most, memory } = this.#settings;
    if (this.#living >= most) {
      throw new VivariumError('cell.start', `the host has ${most} cells already, as many as it may`, { hint: 'createHost({ limits: { cells: … } })' });
    }
    if (!memory.fitsCell) throw memory.refuseCell();
    const fresh = this.#spawn(Math.max(memoryBudget, this.#settings.memoryBudget));
    await fresh.ready();
    return fresh;
  }

  /** Starts what is missing, a little later: to start a process holds this thread up for milliseconds, and others compete for the processor. */
  refillSoon(): void {
    this.#refilling ??= setTimeout(() => {
      this.#refilling = undefined;
      this.#refill();
    }, refillDelay).unref();
  }

  #refill(): void {
    const { spares, most, memoryBudget, memory } = this.#settings;
    while (!this.#closed && this.#spares.size < spares && this.#living < most && memory.fitsCell) {
      try {
        this.#spares.add(this.#spawn(memoryBudget));
      } catch {
        break;
      }
    }
    this.#prepare();
  }

  /**
   * Python actors with so much memory, in bytes, live in a cell; 0: none do any more. As long as there are some, and for a while after
   * that, one spare keeps an interpreter for such an actor: starting one is most of the time that it takes to replace a cell with Python.
   */
  expectPython(cell: object, memory: number): void {
    this.#python.delete(cell);
    if (memory > 0) this.#python.set(cell, memory);
    clearTimeout(this.#forgetting);
    const wanted = [...this.#python.values()];
    if (wanted.length === 0) this.#forgetting = setTimeout(() => this.#expect(0), forgottenAfter).unref();
    // One that starts anew whenever another cell has the last word would never be ready.
    else this.#expect(wanted.includes(this.#interpreter) ? this.#interpreter : (wanted.at(-1) as number));
  }

  #expect(interpreter: number): void {
    this.#interpreter = interpreter;
    this.#prepare();
  }

  #prepare(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#keep(this.#interpreter);
    }, pause).unref();
  }

  /** To be called now and then: what memory is short of is given up, and comes back when there is room for it and for one more. */
  look(): void {
    if (this.#gaveWay && this.#settings.memory.fits(2 * expectedOfCell)) {
      this.#gaveWay = false;
      this.refillSoon();
    }
    if (this.#pause === undefined) this.#keep(this.#interpreter);
  }

  #keep(interpreter: number): void {
    const [first, ...others] = [...this.#spares].sort((one, other) => other.wanted - one.wanted);
    if (first === undefined) return;
    const fits = fitsInterpreter(first.wanted > 0, (bytes) => this.#settings.memory.fits(bytes));
    const wanted = fits ? interpreter : 0;
    for (const other of others) void other.keep(0);
    if (wanted === first.wanted || (wanted > 0 && !this.#thrift.mayBegin)) return;
    if (first.wanted > 0) this.#thrift.wasted();
    void first.keep(wanted);
  }

  /** Resolves when the last process is gone, spare or not. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const spare of this.#spares) spare.process.kill();
    this.#spares.clear();
    if (this.#living > 0) await new Promise<void>((resolve) => (this.#empty = resolve));
  }

  #spawn(memoryBudget: number): UnboundProcess {
    if (this.#closed) throw new VivariumError('host.closed', 'the host has been closed');
    this.#living++;
    try {
      const unbound: UnboundProcess = new UnboundProcess({ ...this.#settings.options, memoryBudget }, this.#settings, this.#wasm, () => {
        this.#spares.delete(unbound);
        this.#gaveWay ||= unbound.gaveWay;
        this.#settings.memory.delete(unbound);
        if (--this.#living === 0) this.#empty?.();
      });
      this.#settings.memory.add(unbound);
      return unbound;
    } catch (error) {
      this.#living--;
      throw error;
    }
  }
}
