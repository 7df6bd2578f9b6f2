/**
 * The memory of one cell, bounded from outside by two means that complement each other.
 *
 * The soft RLIMIT_DATA turns large allocations (array buffers, WebAssembly, Python) into clean errors in the guest. V8
 * reserves some 520 MB of it for each isolate and aborts the process when it does not get them, so the limit moves with
 * the number of isolates: `prlimit` raises it before one is created. A heap that grows in small steps meets no clean
 * error; what ends that is a look at the resident memory every 50 ms, and SIGKILL.
 *
 * (RLIMIT_AS is no choice: an isolate with Python has 17 GB of address space.)
 */
import { VivariumError } from '../../sdk/errors.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { LimitMover } from './limitMover.ts';
import { type MemoryFigures, MemoryGauge } from './processes.ts';
import type { Programs } from './programs.ts';
import { watchPeriod } from './watchdog.ts';

const MiB = 1024 * 1024;

/** A limit that is lowered leaves a cell so much beyond what it holds: V8 does not get by without the next page of a heap. Bytes. */
const roomToLower = 64 * MiB;

/** What a cell without guests is counted with until one was measured on this Node: 568 MB on 26.10, x64, and what its own program needs. */
const expectedData = 680 * MiB;
/** What one isolate adds to RLIMIT_DATA’s count. Measured 516–539 MB, with Python 600–700. */
const dataPerIsolate: Readonly<Record<RuntimeName, number>> = { javascript: 544 * MiB, wasm: 544 * MiB, python: 704 * MiB };
/**
 * What one isolate keeps in memory, beyond the budget, while its guest does nothing: measured 1.5–2.8 MB when it is new, and 5–6 MB more
 * when it has worked, since V8 keeps the young generation of its heap, and 2–4 MB of what has entered it and was not collected yet; with
 * Python 83–134.
 */
export const residentPerIsolate: Readonly<Record<RuntimeName, number>> = { javascript: 12 * MiB, wasm: 12 * MiB, python: 160 * MiB };
/** What a cell reads when the first actor of a language starts, once. The files of Python have 31 MB, and are held twice for a moment; those of Extism 66 KB. */
const filesOfRuntime: Readonly<Record<RuntimeName, number>> = { javascript: 0, wasm: 0, python: 96 * MiB };
/** A cell creates and disposes of an isolate while it tests itself at its start, and the first one for a guest may follow at once. */
const isolatesAtStart: IsolateCounts = { javascript: 2 };
/** After isolates were given up, what they held may be there for so long at least, and for twice as long at most: milliseconds. */
const releaseGrace = 1_000;
/** How often the watchdog looks before a limit is moved that has room: the process that moves it takes a processor, and an actor is just starting. */
const looksToMove = 3;
/**
 * Each move of RLIMIT_DATA is a process. A cell with more isolates than a few gets room for some at once: what that
 * lets its guests allocate beyond their budget is little beside what so many idle isolates reserve and never touch, and the watchdog
 * counts exactly.
 */
const exactUpTo = 8;
const step = 8;

/** What the guests of one cell may use together, in bytes, beyond the cell itself and its idle isolates. */
export const defaultMemoryBudget = 256 * MiB;

export type IsolateCounts = Readonly<Partial<Record<RuntimeName, number>>>;

/** Bytes. The limits are absent where this machine cannot enforce them. */
export interface CellMemoryFigures {
  readonly resident: number;
  readonly residentLimit: number;
  readonly data: number;
  readonly dataLimit: number | undefined;
}

/** What bare cells were measured at, by Node executable: makes the limit at the next start as tight as the limits after it. */
const calibrated = new Map<string, number>();

/** The soft RLIMIT_DATA for a cell that is about to start on this Node executable, in bytes. */
export const dataLimitAtStart = (node: string, budget: number): number =>
  (calibrated.get(node) ?? expectedData) + cost(isolatesAtStart, dataPerIsolate) + budget;

const cost = (isolates: IsolateCounts, each: Readonly<Record<RuntimeName, number>>): number =>
  Object.entries(isolates).reduce((sum, [runtime, isolateCount]) => sum + each[runtime as RuntimeName] * isolateCount, 0);

/** An isolate that was given up may still hold its part when the one that takes its place is created. */
const largestOf = (isolates: IsolateCounts): number =>
  Math.max(0, ...Object.entries(isolates).map(([runtime, isolateCount]) => (isolateCount > 0 ? dataPerIsolate[runtime as RuntimeName] : 0)));

const inSteps = (isolates: IsolateCounts): IsolateCounts =>
  Object.fromEntries(
    Object.entries(isolates).map(([runtime, isolateCount]) => [runtime, isolateCount <= exactUpTo ? isolateCount : Math.ceil(isolateCount / step) * step]),
  );

const filesOf = (isolates: IsolateCounts): number =>
  Object.entries(isolates).reduce((sum, [runtime, isolateCount]) => sum + (isolateCount > 0 ? filesOfRuntime[runtime as RuntimeName] : 0), 0);

export interface CellMemoryOptions {
  readonly pid: number;
  readonly node: string;
  readonly budget: number;
  /** The soft RLIMIT_DATA that the cell was started with. */
  readonly dataLimit: number;
  /** Without `prlimit` the data limit is not moved. */
  readonly programs: Pick<Programs, 'sh' | 'prlimit'>;
}

/** Bytes. */
interface MemoryLimits {
  readonly resident: number;
  readonly data: number;
}

const larger = (one: MemoryLimits, other: MemoryLimits): MemoryLimits => ({
  resident: Math.max(one.resident, other.resident),
  data: Math.max(one.data, other.data),
});

export class CellMemory {
  readonly #options: CellMemoryOptions;
  readonly #gauge: MemoryGauge;
  readonly #bare: MemoryFigures;
  readonly #mover: LimitMover | undefined;
  /** By the isolates that are there or are to be. Bytes. */
  #reserved = 0;
  /** By isolates that were ended by force, since the limits were looked at last and in the period before that. Bytes. */
  #broken = 0;
  #brokenBefore = 0;
  #wanted: MemoryLimits;
  #inForce: MemoryLimits;
  /** The largest that was wanted since the limits were looked at last, to be lowered. */
  #recent: MemoryLimits;
  #looks = 0;
  #own: number;
  /** After so many looks the data limit is moved; 0: it need not be. */
  #looksToMove = 0;
  #appliedData: number;
  /** As much is allowed at least, while the limit is being moved. */
  #sureData: number;
  #moving: Promise<void> = Promise.resolve();

  /**
   * Measures a cell that has just become ready and holds no guest: all that comes later is measured against this.
   *
   * @throws VivariumError `cell.start` when its memory cannot be read
   */
  constructor(options: CellMemoryOptions) {
    this.#options = options;
    try {
      this.#gauge = new MemoryGauge(options.pid);
    } catch (cause) {
      throw unreadable(cause);
    }
    const bare = this.#gauge.read();
    if (bare === undefined) throw unreadable();
    this.#bare = bare;
    this.#own = bare.own;
    calibrated.set(options.node, bare.data);
    const { sh, prlimit } = options.programs;
    this.#mover = sh === undefined || prlimit === undefined ? undefined : LimitMover.share(sh, prlimit);
    this.#appliedData = options.dataLimit;
    this.#sureData = options.dataLimit;
    this.#inForce = { resident: bare.resident + options.budget, data: options.dataLimit };
    this.#wanted = this.#inForce;
    this.#recent = this.#inForce;
  }

  /** What the cell shares with no other process, in bytes, as it was looked at last. */
  get own(): number {
    return this.#own;
  }

  /** Looks at it now. */
  measure(): void {
    this.#own = this.#gauge.read()?.own ?? this.#own;
  }

  /** Nothing when the cell has ended. */
  figures(): CellMemoryFigures | undefined {
    const figures = this.#gauge.read();
    const limited = this.#mover !== undefined;
    if (figures === undefined) return undefined;
    const { resident, data } = figures;
    return { resident, data, residentLimit: this.#inForce.resident, dataLimit: limited ? this.#appliedData : undefined };
  }

  /**
   * Sets the limits to what a cell with these isolates needs: a higher limit at once, a lower one when what the isolates held has had
   * time to go. To be awaited before an isolate is created: it waits for the limit to move, unless that has room for these isolates already.
   * It mostly has, since there is room for one that was given up, if none was.
   *
   * @throws VivariumError `cell.start` when the limit cannot be moved though the cell is alive
   */
  async reserve(isolates: IsolateCounts): Promise<void> {
    const budget = this.#options.budget + filesOf(isolates);
    // What is in force from the start of the cell is there for nobody who goes.
    const someAreGoing = this.#inForce.data > Math.max(this.#wanted.data, this.#options.dataLimit);
    this.#reserved = cost(isolates, dataPerIsolate);
    const data = this.#bare.data + this.#broken + this.#brokenBefore + budget;
    this.#want({
      resident: this.#bare.resident + cost(isolates, residentPerIsolate) + budget,
      data: data + cost(inSteps(isolates), dataPerIsolate) + largestOf(isolates),
    });
    this.#inForce = larger(this.#inForce, this.#wanted);
    const hasRoom = !someAreGoing && this.#sureData >= data + this.#reserved;
    if (hasRoom) this.#looksToMove = looksToMove;
    else await this.#moveDataLimit();
  }

  /**
   * An isolate was ended while a thread was in it: it counts until there was time for the thread to leave, beside what takes its place.
   * To be followed by a reservation, before anything takes its place. No more count than were there.
   */
  broke(runtime: RuntimeName): void {
    const data = Math.min(dataPerIsolate[runtime], this.#reserved - this.#broken);
    if (data <= 0) return;
    this.#broken += data;
    this.#want({ ...this.#wanted, data: this.#wanted.data + data });
  }

  #want(limits: MemoryLimits): void {
    this.#wanted = limits;
    this.#recent = larger(this.#recent, limits);
  }

  /** Whether the cell keeps its limit; the error says by how much it does not. To be called once a period of the watchdog. */
  check(): VivariumError | undefined {
    this.#moveWhenDue();
    this.#lowerAfterGrace();
    const figures = this.#gauge.read();
    this.#own = figures?.own ?? this.#own;
    if (figures === undefined || figures.resident <= this.#inForce.resident) return undefined;
    return new VivariumError('limit.memory', `A cell held ${inMiB(figures.resident)} of memory, and its limit is ${inMiB(this.#inForce.resident)}.`, {
      hint: 'Its actors may use less together, be given a cell of their own, or be granted more memory.',
    });
  }

  #moveWhenDue(): void {
    if (this.#looksToMove === 0) return;
    this.#looksToMove -= 1;
    // What keeps it from being moved, the next reservation tells if it lasts.
    if (this.#looksToMove === 0) this.#moveDataLimit().catch(() => undefined);
  }

  /** Also of a cell in which actors come and go without a pause. */
  #lowerAfterGrace(): void {
    this.#looks += 1;
    if (this.#looks < releaseGrace / watchPeriod) return;
    this.#looks = 0;
    this.#inForce = this.#recent;
    this.#wanted = { ...this.#wanted, data: this.#wanted.data - this.#brokenBefore };
    this.#recent = this.#wanted;
    this.#brokenBefore = this.#broken;
    this.#broken = 0;
    if (this.#inForce.data === this.#appliedData) return;
    // Failing to lower it leaves the slack of an isolate that is gone; the next reservation tries again and reports.
    this.#moveDataLimit().catch(() => undefined);
  }

  /** One `prlimit` at a time, and only the latest limit; none that the cell would die of, since it holds more. What is over it goes in time, or is resident. */
  #moveDataLimit(): Promise<void> {
    this.#moving = this.#moving.catch(() => undefined).then(() => this.#applyDataLimit());
    return this.#moving;
  }

  async #applyDataLimit(): Promise<void> {
    const held = this.#gauge.read();
    if (this.#mover === undefined || held === undefined) return;
    const data = Math.max(this.#inForce.data, Math.min(this.#appliedData, held.data + roomToLower));
    if (data === this.#appliedData) return;
    this.#sureData = Math.min(this.#appliedData, data);
    try {
      await this.#mover.move(this.#options.pid, data);
      this.#appliedData = data;
      this.#sureData = data;
    } catch (cause) {
      if (this.#gauge.read() !== undefined) throw new VivariumError('cell.start', 'The memory limit of a cell cannot be moved.', { cause });
    }
  }

  close(): void {
    this.#gauge.close();
    this.#mover?.release();
  }
}

const inMiB = (bytes: number): string => `${Math.ceil(bytes / MiB)} MiB`;

const unreadable = (cause?: unknown): VivariumError =>
  new VivariumError('cell.start', 'The memory of a cell cannot be read from /proc, so it cannot be bounded.', { cause });
