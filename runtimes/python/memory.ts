/** How the memory of a Python actor is divided, and how the module is made to keep to its part. */

const MiB = 1024 * 1024;
export const wasmPageBytes = 65_536;

/**
 * What V8 counts, of all the memory that an actor may have: the JavaScript side of Pyodide and the files in memory. Bytes.
 * The rest is the interpreter's own memory.
 */
export const heapShare = (memory: number): number => Math.min(Math.max(Math.floor(memory / 4), 48 * MiB), 256 * MiB);

/** The pages that the interpreter may have, 64 KiB each: at most the 4 GiB that a module can name. */
export const interpreterPages = (memory: number): number => Math.max(1, Math.min(Math.floor((memory - heapShare(memory)) / wasmPageBytes), 65_536));

const memorySection = 5;
/** One memory, with a maximum. */
const oneBounded = [1, 1] as const;

export interface MemoryPlace {
  /** Where the LEB128 numbers of the smallest and of the largest size start, and how many bytes each takes. */
  readonly minimum: readonly [at: number, width: number];
  readonly maximum: readonly [at: number, width: number];
}

/** Finds the sizes in the memory section of a module that is ours. @throws Error if it has none, or no maximum */
export function findMemory(module: Uint8Array): MemoryPlace {
  for (let at = 8; at < module.length; ) {
    const kind = module[at];
    const length = readNumber(module, at + 1);
    const start = at + 1 + length.width;
    if (kind === memorySection) {
      if (module[start] !== oneBounded[0] || module[start + 1] !== oneBounded[1]) break;
      const minimum = readNumber(module, start + 2);
      const maximum = readNumber(module, start + 2 + minimum.width);
      return { minimum: [start + 2, minimum.width], maximum: [start + 2 + minimum.width, maximum.width] };
    }
    at = start + length.value;
  }
  throw new Error('the module of Pyodide has no memory with a maximum of its own');
}

/** Overwrites a number in place, in the width that it has: LEB128 may be padded. */
export function writePages(module: Uint8Array, [at, width]: readonly [at: number, width: number], pages: number): void {
  for (let i = 0; i < width; i++) module[at + i] = (Math.floor(pages / 2 ** (7 * i)) & 0x7f) | (i < width - 1 ? 0x80 : 0);
}

export const readPages = (module: Uint8Array, [at]: readonly [at: number, width: number]): number => readNumber(module, at).value;

function readNumber(bytes: Uint8Array, at: number): { value: number; width: number } {
  let value = 0;
  for (let width = 1; width <= 5; width++) {
    const byte = bytes[at + width - 1];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * (width - 1));
    if (byte < 0x80) return { value, width };
  }
  throw new Error('not a WebAssembly module');
}
