/**
 * WASI preview 1 with no folder opened: a coarse clock, random bytes, the granted environment, and standard output and error
 * as logs. Everything that would reach further answers that it does not exist.
 */
import { textLimits } from '../limits.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { LogLevel } from '../protocol.ts';
import type { Functions } from './caller.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

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

const errno = { success: 0, badDescriptor: 8, fault: 21, invalid: 28, notSupported: 52, notSeekable: 70 } as const;

const nanosecondsPerMillisecond = 1_000_000n;
/** As in the Web Cryptography API: no more in one call. */
const mostRandomBytes = 65_536;
const characterDevice = 2;
const standardInput = 0;
const lastStandardDescriptor = 2;

/** Functions that are not written out below take a descriptor, and none but the standard three exists… */
const ofDescriptors = [
  'fd_advise fd_allocate fd_datasync fd_fdstat_set_rights fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_get fd_prestat_dir_name fd_pwrite fd_readdir',
  'fd_renumber fd_sync fd_tell path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink path_remove_directory path_rename',
  'path_symlink path_unlink_file sock_accept sock_recv sock_send sock_shutdown',
].flatMap((names) => names.split(' '));

/** …or do what no actor can do. */
const unsupported = ['poll_oneoff', 'proc_raise'];

export function createWasi(kernel: Kernel, fillRandom: (bytes: Uint8Array) => void): Wasi {
  const environment = Object.entries(kernel.settings.environment).map(([name, value]) => toUtf8(`${name}=${value}\0`));
  const printers = [undefined, createPrinter(kernel, 'info'), createPrinter(kernel, 'error')];
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
    return errno.success;
  };

  const strings = (pointers: number, content: number, texts: readonly Uint8Array[]): number => {
    let at = content >>> 0;
    for (const [index, text] of texts.entries()) {
      memory().setUint32((pointers >>> 0) + index * 4, at, true);
      range(at, text.length).set(text);
      at += text.length;
    }
    return errno.success;
  };

  const isStandard = (descriptor: number): boolean => descriptor >= 0 && descriptor <= lastStandardDescriptor;
  const now = (): bigint => BigInt(Date.now()) * nanosecondsPerMillisecond;

  const functions = {
    args_get: () => errno.success,
    args_sizes_get: (count: number, bytes: number) => sizes(count, bytes, []),
    environ_get: (pointers: number, content: number) => strings(pointers, content, environment),
    environ_sizes_get: (count: number, bytes: number) => sizes(count, bytes, environment),

    clock_res_get(_clock: number, resolution: number): number {
      memory().setBigUint64(resolution >>> 0, nanosecondsPerMillisecond, true);
      return errno.success;
    },
    clock_time_get(_clock: number, _precision: bigint, time: number): number {
      memory().setBigUint64(time >>> 0, now(), true);
      return errno.success;
    },

    random_get(start: number, length: number): number {
      const bytes = range(start, length);
      for (let at = 0; at < bytes.length; at += mostRandomBytes) fillRandom(bytes.subarray(at, at + mostRandomBytes));
      return errno.success;
    },

    fd_write(descriptor: number, vectors: number, count: number, written: number): number {
      const printer = printers[descriptor];
      if (printer === undefined) return errno.badDescriptor;
      let total = 0;
      for (let index = 0; index < count >>> 0; index++) {
        const vector = (vectors >>> 0) + index * 8;
        const bytes = range(memory().getUint32(vector, true), memory().getUint32(vector + 4, true));
        printer.print(bytes);
        total += bytes.length;
      }
      memory().setUint32(written >>> 0, total, true);
      return errno.success;
    },
    fd_read(descriptor: number, _vectors: number, _count: number, read: number): number {
      if (descriptor !== standardInput) return errno.badDescriptor;
      memory().setUint32(read >>> 0, 0, true);
      return errno.success;
    },
    fd_fdstat_get(descriptor: number, status: number): number {
      if (!isStandard(descriptor)) return errno.badDescriptor;
      range(status, 24).fill(0);
      memory().setUint8(status >>> 0, characterDevice);
      return errno.success;
    },
    fd_filestat_get(descriptor: number, status: number): number {
      if (!isStandard(descriptor)) return errno.badDescriptor;
      range(status, 64).fill(0);
      memory().setUint8((status >>> 0) + 16, characterDevice);
      return errno.success;
    },
    fd_fdstat_set_flags: (descriptor: number) => (isStandard(descriptor) ? errno.success : errno.badDescriptor),
    fd_close: (descriptor: number) => (isStandard(descriptor) ? errno.success : errno.badDescriptor),
    fd_seek: (descriptor: number) => (isStandard(descriptor) ? errno.notSeekable : errno.badDescriptor),

    sched_yield: () => errno.success,
    proc_exit(code: number): never {
      throw new Exit(code);
    },
  } as Record<string, (...args: never[]) => unknown>;

  for (const name of ofDescriptors) functions[name] = () => errno.badDescriptor;
  for (const name of unsupported) functions[name] = () => errno.notSupported;
  for (const name in functions) functions[name] = guarded(functions[name] as (...args: never[]) => unknown);

  return {
    functions,
    attach(memory) {
      attached = memory;
    },
    flush() {
      for (const printer of printers) printer?.flush();
    },
  };
}

/** A pointer outside the memory is the plugin's mistake, and WASI has an answer for it. */
const guarded =
  (run: (...args: never[]) => unknown) =>
  (...args: never[]): unknown => {
    try {
      return run(...args);
    } catch (error) {
      if (error instanceof Exit) throw error;
      return errno.fault;
    }
  };

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
