/**
 * WASI preview 1: a coarse clock, random bytes, the granted environment, standard output and error as logs, and the folders of
 * the policy beside a private `/tmp`. Everything that would reach further answers that it does not exist.
 */
import { textLimits } from '../limits.ts';
import { errno } from '../guest/errno.ts';
import { HostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { LogLevel } from '../protocol.ts';
import type { Functions } from './caller.guest.ts';
import { run } from './steps.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';
import { Refusal } from './tree.guest.ts';
import { createFileFunctions, type FileFunction, type Preopen } from './wasiFiles.guest.ts';

/** The plugin ended its program. Not an error by itself: see {@link Exit.code}. */
export class Exit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`the plugin exited with code ${code}`);
    this.code = code;
  }
}

export interface Wasi {
  readonly functions: Functions;
  /** Tells where the plugin's memory lies; until then every function answers `fault`. */
  attach(memory: { readonly buffer: ArrayBuffer } | undefined): void;
  /** Logs what was printed without a line end. */
  flush(): void;
}

const success = 0;
const nanosecondsPerMillisecond = 1_000_000n;
/** As in the Web Cryptography API: no more in one call. */
const mostRandomBytes = 65_536;
/** What no actor can do. */
const unsupported = ['poll_oneoff', 'proc_raise'];

/** @param preopens the folders that are open from the start */
export function createWasi(kernel: Kernel, preopens: readonly Preopen[]): Wasi {
  const { crypto } = globalThis as unknown as { crypto: { getRandomValues(bytes: Uint8Array): void } };
  let variables: readonly Uint8Array[] | undefined;
  const environment = (): readonly Uint8Array[] => {
    variables ??= Object.entries(kernel.settings.environment).map(([name, value]) => toUtf8(`${name}=${value}\0`));
    return variables;
  };
  const printers = [createPrinter(kernel, 'info'), createPrinter(kernel, 'error')] as const;
  const standard = [undefined, ...printers].map((printer) => ({ kind: 'standard', print: printer?.print }) as const);
  let attached: { readonly buffer: ArrayBuffer } | undefined;

  const memory = (): DataView => new DataView((attached as { readonly buffer: ArrayBuffer }).buffer);
  const range = (start: number, length: number): Uint8Array => new Uint8Array((attached as { readonly buffer: ArrayBuffer }).buffer, start >>> 0, length >>> 0);

  const sizes = (count: number, bytes: number, strings: readonly Uint8Array[]): number => {
    memory().setUint32(count >>> 0, strings.length, true);
    memory().setUint32(
      bytes >>> 0,
      strings.reduce((sum, text) => sum + text.length, 0),
      true,
    );
    return success;
  };

  const strings = (pointers: number, content: number, texts: readonly Uint8Array[]): number => {
    let at = content >>> 0;
    for (const [index, text] of texts.entries()) {
      memory().setUint32((pointers >>> 0) + index * 4, at, true);
      range(at, text.length).set(text);
      at += text.length;
    }
    return success;
  };

  const now = (): bigint => BigInt(Date.now()) * nanosecondsPerMillisecond;

  const functions = {
    args_get: () => success,
    args_sizes_get: (count: number, bytes: number) => sizes(count, bytes, []),
    environ_get: (pointers: number, content: number) => strings(pointers, content, environment()),
    environ_sizes_get: (count: number, bytes: number) => sizes(count, bytes, environment()),

    clock_res_get(_clock: number, resolution: number): number {
      memory().setBigUint64(resolution >>> 0, nanosecondsPerMillisecond, true);
      return success;
    },
    clock_time_get(_clock: number, _precision: bigint, time: number): number {
      memory().setBigUint64(time >>> 0, now(), true);
      return success;
    },

    random_get(start: number, length: number): number {
      const bytes = range(start, length);
      for (let at = 0; at < bytes.length; at += mostRandomBytes) crypto.getRandomValues(bytes.subarray(at, at + mostRandomBytes));
      return success;
    },

    sched_yield: () => success,
    proc_exit(code: number): never {
      throw new Exit(code);
    },
  } as Record<string, (...args: never[]) => unknown>;

  for (const name of unsupported) functions[name] = () => errno.ENOSYS;
  for (const name in functions) functions[name] = guarded(functions[name] as (...args: never[]) => unknown);
  const files = createFileFunctions(standard, preopens, { view: memory, range });
  for (const name in files) functions[name] = answering(files[name] as FileFunction);

  return {
    functions,
    attach(memory) {
      attached = memory;
    },
    flush() {
      for (const printer of printers) printer.flush();
    },
  };
}

/** A pointer outside the memory is the plugin's mistake, and WASI has an answer for it. */
function answerTo(error: unknown): number {
  if (error instanceof Refusal) return error.errno;
  if (error instanceof Exit || error instanceof HostError) throw error;
  return errno.EFAULT;
}

const guarded =
  (run: (...args: never[]) => unknown) =>
  (...args: never[]): unknown => {
    try {
      return run(...args);
    } catch (error) {
      return answerTo(error);
    }
  };

/** A number, or the promise of one. */
const answering = (steps: FileFunction): ((...args: never[]) => unknown) =>
  guarded((...args) => {
    const outcome = steps(...args);
    const done = outcome === undefined ? undefined : run(outcome);
    return done instanceof Promise ? done.then(() => success, answerTo) : success;
  });

const lineEnd = 10;

/** Turns what is printed into one log entry a line. A line longer than a log entry becomes several. */
function createPrinter(kernel: Kernel, level: LogLevel): { print(bytes: Uint8Array): void; flush(): void } {
  const line = new Uint8Array(textLimits.log);
  let length = 0;

  const flush = (): void => {
    if (length > 0) kernel.log(level, toShow(line.subarray(0, length)));
    length = 0;
  };

  return {
    print(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        const byte = bytes[index] as number;
        if (byte === lineEnd || length === line.length) flush();
        if (byte !== lineEnd) line[length++] = byte;
      }
    },
    flush,
  };
}
