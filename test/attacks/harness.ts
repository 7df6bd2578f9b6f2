/**
 * The arena of the attack suite: a host at one sandbox level, and around every attack the canaries that must not be touched.
 *
 * Each attack is deployed into a namespace and a cell of its own, beside a neighbour in the same cell. A bystander in another
 * namespace is asked every 20 ms all the while.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CellEvent, createHost, type ErrorCode, type ErrorRecord, type Host, type LogEvent, type RunResult, VivariumError } from '../../host/index.ts';
import type { SandboxLevel } from '../../host/cells/levels.ts';
import type { RuntimeName } from '../../runtimes/protocol.ts';
import { availableLevels } from '../support/levels.ts';
import { gone } from '../support/processes.ts';
import { Canaries, type CanaryPlaces } from './canaries.ts';
import { childrenOf } from './processes.ts';
import { services } from './services.ts';
import { layTraps, trapsIn } from './traps.ts';

/** One attack: a row of the table of its section. */
export interface Attack {
  /** Its number in the corpus; `own` for what attacks a mechanism that is ours alone. */
  readonly number: number | string;
  readonly title: string;
  /** The source of the attacker, as a module; for wasm the file of a plugin of the tests. Its handler gets {@link CanaryPlaces} as the message. */
  readonly source: string;
  readonly language?: RuntimeName;
  readonly allowed: Allowed;
  /** Lowered or raised limits; the usual ones are {@link usualLimits}. */
  readonly limits?: Readonly<Record<string, unknown>>;
  /** Grants it a folder full of ways out, at `/data`: see traps.ts. */
  readonly files?: true;
  /** URL patterns that it is granted; `PORT` stands for the port of the canary. */
  readonly reaches?: readonly string[];
  /** What else the manifest says of the attacker. */
  readonly actor?: Readonly<Record<string, unknown>>;
  /** Connections beside those that every attacker has. */
  readonly connections?: readonly string[];
  /** Deadline of the execution, in milliseconds; none if absent. */
  readonly timeout?: number;
  /** Messages sent to it at once, beside the first; all must get a typed answer, the first is the one that is judged. */
  readonly further?: number;
  /** Looks at everything that was seen of the attack. */
  readonly look?: (seen: Seen) => void;
}

/** What an attack may end with; anything else is a failure. At least one must be given. */
export interface Allowed {
  /** The messages that the attacker sent to its outlet `out`, in order. Matchers are welcome. */
  readonly outputs?: unknown;
  /** Codes of the first error of its execution. */
  readonly codes?: readonly ErrorCode[];
  /** Codes with which its deployment is refused. */
  readonly start?: readonly ErrorCode[];
}

export interface Seen {
  /** Of the first message. */
  readonly result: Result | undefined;
  /** Of all messages, in their order. */
  readonly results: readonly Result[];
  readonly refused: VivariumError | undefined;
  readonly logs: readonly LogEvent[];
  readonly cells: readonly CellEvent[];
  /** From the message until its answer, in milliseconds. */
  readonly took: number;
}

type Result = RunResult<'result' | 'greeting'>;

export const answers = (...outputs: readonly unknown[]): Allowed => ({ outputs });
export const fails = (...codes: readonly ErrorCode[]): Allowed => ({ codes });
export const doesNotStart = (...codes: readonly ErrorCode[]): Allowed => ({ start: codes });
export const either = (...options: readonly Allowed[]): Allowed => Object.assign({}, ...options);

/** A module in JavaScript whose handler has this body. */
export const handler = (body: string): string => `export const handle = async (canary, context) => {\n${body}\n};`;

/** The most that an attacker may be granted, beside what it reaches. */
const ceiling = {
  services: ['probe.*'],
  filesystem: { '/traps': { path: trapsIn, access: 'read-write' as const } },
  limits: { cpu: '30s', wall: '60s', memory: '1GiB', message: '16MiB', requests: 1000 },
};

/** Processor time, short, so that a loop is over soon. An interpreter is slower. */
const usualCpu = { javascript: '200ms', wasm: '200ms', python: '1s' } as const;
/** Who may wait until this is over does not wait for long; whoever must not may be held up by all that runs beside it. */
const shortWall = { javascript: '800ms', wasm: '800ms', python: '2s' } as const;
const longWall = '20s';

const usualLimits = (language: RuntimeName, { codes }: Allowed): Readonly<Record<string, unknown>> => ({
  cpu: usualCpu[language],
  wall: codes?.includes('limit.wall') ? shortWall[language] : longWall,
});

/** Where the build puts the plugins of the tests, from the working folder. */
const plugins = path.relative(process.cwd(), path.join(import.meta.dirname, '../../dist/test/plugins'));

/** Milliseconds: between questions to the bystander, and the longest that an answer may take on a loaded machine. */
const period = 20;
const patience = 2_000;
/** Milliseconds until an attack must have been answered, whatever it does. */
const answerLimit = 30_000;
/** Bytes by which the host's own memory may grow over one attack. */
const hostGrowth = 300 * 1024 * 1024;

const levels = await availableLevels();

const echo = { runtime: 'javascript', code: 'export const handle = (message) => message;' } as const;

/** Runs every attack of a section at every sandbox level of this machine. */
export function attacks(section: string, table: readonly Attack[]): void {
  describe.each(levels)(`${section}, at level %s`, (level) => {
    let arena: Arena;
    beforeAll(async () => {
      arena = await Arena.open(level);
    });
    afterAll(async () => {
      await arena.close(`${section}, level ${level}: ${table.length} attacks`);
    });
    test.each(table)('$number $title', (attack) => arena.withstand(attack), 2 * answerLimit);
  });
}

/** A host, its canaries, and the bystander. */
export class Arena {
  readonly host: Host;
  readonly canaries: Canaries;
  readonly #bystander: Bystander;
  #attacks = 0;

  private constructor(host: Host, canaries: Canaries, bystander: Bystander) {
    this.host = host;
    this.canaries = canaries;
    this.#bystander = bystander;
  }

  /** @param make the host, once the canaries are set */
  static async open(level: SandboxLevel, make: () => Promise<Host> = () => usualHost(level)): Promise<Arena> {
    const canaries = await Canaries.set();
    const host = await make();
    expect(host.report().sandbox).toBe(level);
    canaries.listen(host);
    return new Arena(host, canaries, await Bystander.begin(host));
  }

  /** Deploys the attacker, sends it its message, and demands that everybody else is as before. */
  async withstand(attack: Attack): Promise<void> {
    const namespace = `attack-${++this.#attacks}`;
    await this.watch(async () => {
      const seen = await this.#attack(namespace, attack);
      demandAllowed(attack, seen);
      attack.look?.(seen);
      return seen;
    });
  }

  /** Runs an attack, and demands that canaries, bystander and the memory of the host are as before. */
  async watch(attack: () => Promise<{ readonly result: unknown; readonly refused: unknown }>): Promise<void> {
    const memory = process.memoryUsage.rss();
    this.#bystander.mark();
    const seen = await attack();
    this.canaries.demandUntouched(seen);
    await this.#bystander.demandUnharmed();
    expect(process.memoryUsage.rss() - memory, 'the memory of the host').toBeLessThan(hostGrowth);
  }

  async #attack(
    namespace: string,
    { source, language = 'javascript', allowed, limits, reaches = [], actor, connections = [], timeout, further = 0, files }: Attack,
  ): Promise<Seen> {
    const laid = files ? layTraps(this.canaries.places) : undefined;
    const filesystem = laid === undefined ? {} : { '/data': { path: laid.folder, access: 'read-write' as const, quota: '1MiB' } };
    const network = { allow: reaches.map((pattern) => pattern.replace('PORT', String(this.canaries.places.port))) };
    const policy = { services: ['probe.*'], filesystem, network, limits: { ...usualLimits(language, allowed), ...limits } };
    const code = language === 'wasm' ? { source: `./${plugins}/${source}` } : { runtime: language, code: source };
    const record = this.canaries.record(namespace);
    try {
      const flow = await this.host.deploy(
        {
          vivarium: 1,
          actors: { attacker: { ...code, policy, ...actor } as never, neighbour: echo },
          connections: ['attacker.questions -> neighbour', ...connections],
          inputs: { attack: 'attacker', greet: 'neighbour' },
          outputs: { result: 'attacker', greeting: 'neighbour' },
        },
        { namespace, ...(reaches.length > 0 && { grant: { ...ceiling, network } }) },
      );
      const began = performance.now();
      const attack = () => withinLimit(flow.run({ attack: this.canaries.places as never }, timeout === undefined ? {} : { timeout }), 'the attack');
      const results = await Promise.all(Array.from({ length: 1 + further }, attack));
      const took = performance.now() - began;
      expect(await withinLimit(flow.ask('greet', { hello: namespace }), 'the neighbour')).toEqual({ hello: namespace });
      await flow.stop();
      return { result: results[0], results, refused: undefined, took, ...record };
    } catch (error) {
      if (!(error instanceof VivariumError) || this.host.flow(namespace) !== undefined) throw error;
      return { result: undefined, results: [], refused: error, took: 0, ...record };
    } finally {
      laid?.remove();
    }
  }

  /** Ends the host; nothing that it started may be left. */
  async close(title: string): Promise<void> {
    process.stderr.write(`${title}; ${this.#bystander.summary()}\n`);
    await this.#bystander.end();
    const descendants = childrenOf(process.pid);
    await this.host.close();
    // What the attacks made of the cells and their starters; other children of this process are the test runner’s.
    await Promise.all(descendants.map((pid) => gone(pid)));
    await this.canaries.remove();
  }
}

const usualHost = (level: SandboxLevel): Promise<Host> =>
  createHost({
    sandbox: { minimum: level, maximum: level },
    ceiling,
    services,
  });

/** An answer that comes, in whatever time a loaded machine takes. */
export async function withinLimit<T>(answer: Promise<T>, who: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${who} got no answer within ${answerLimit} ms`)), answerLimit);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function demandAllowed({ allowed }: Attack, { result, refused }: Seen): void {
  if (refused !== undefined) {
    expect(allowed.start ?? [], `refused with ${refused.code}: ${refused.message}`).toContain(refused.code);
    return;
  }
  const { status, outputs, errors } = result as Result;
  const [error] = errors as readonly [ErrorRecord | undefined];
  if (error !== undefined || status !== 'completed') expect(allowed.codes ?? [], JSON.stringify(error)).toContain(error?.code);
  else if (allowed.outputs === undefined) expect.fail(`it ended well, with ${JSON.stringify(outputs.result).slice(0, 500)}`);
  else expect(outputs.result).toEqual(allowed.outputs);
}

/** An actor in a namespace and a cell of its own, that has nothing to do with any attack. */
class Bystander {
  readonly #ask: (message: number) => Promise<unknown>;
  readonly #latencies: number[] = [];
  #worst = 0;
  #wrong: unknown[] = [];
  #open = new Set<Promise<void>>();
  #timer: NodeJS.Timeout;
  #sent = 0;

  private constructor(ask: (message: number) => Promise<unknown>) {
    this.#ask = ask;
    this.#timer = setInterval(() => this.#ping(), period);
  }

  static async begin(host: Host): Promise<Bystander> {
    const flow = await host.deploy({ vivarium: 1, actors: { echo }, inputs: { in: 'echo' }, outputs: { out: 'echo' } }, { namespace: 'bystander' });
    expect(await flow.ask('in', 0)).toBe(0);
    return new Bystander((message) => flow.ask('in', message));
  }

  #ping(): void {
    const number = ++this.#sent;
    const began = performance.now();
    const answered = this.#ask(number).then(
      (answer) => {
        const took = performance.now() - began;
        this.#latencies.push(took);
        this.#worst = Math.max(this.#worst, took);
        if (answer !== number) this.#wrong.push(answer);
      },
      (error: unknown) => void this.#wrong.push(error),
    );
    this.#open.add(answered);
    void answered.then(() => this.#open.delete(answered));
  }

  mark(): void {
    this.#worst = 0;
  }

  /** Every question was answered, rightly and in time. */
  async demandUnharmed(): Promise<void> {
    await withinLimit(Promise.all(this.#open), 'the bystander');
    expect(this.#wrong, 'wrong answers of the bystander').toEqual([]);
    expect(this.#worst, 'the slowest answer of the bystander, in milliseconds').toBeLessThan(patience);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  summary(): string {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
    return `the bystander answered ${sorted.length} times, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`;
  }
}

export type { CanaryPlaces };
