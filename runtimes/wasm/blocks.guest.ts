/** The memory blocks of one plugin, as its host sees them. They live in WebAssembly: see assembly/blocks.ts. */
import { hostError } from '../guest/failure.ts';
import { ascii, createMemoryText } from '../guest/memoryText.ts';
import type { Captured } from '../guest/realm.ts';
import { toUtf8 } from './text.guest.ts';

export const pageBytes = 65_536;

/** Bytes, or the text that they are in UTF-8: a short way in and out, for most messages are text. */
export type Content = string | Uint8Array;

export interface Blocks {
  /** What a plugin imports to reach its blocks, by name. Functions of WebAssembly. */
  readonly functions: Readonly<Record<string, unknown>>;
  /** Forgets the blocks of the last call and makes the input of the next. */
  begin(input: Content): void;
  /**
   * What the plugin has made its output; empty if nothing.
   * @param asText to be given as text, if all of it is ASCII
   */
  output(asText: boolean): Content;
  /** What the plugin has made its error, at most so many bytes; `undefined` if nothing. */
  error(most: number): Uint8Array | undefined;
  /** A copy of a block. @throws HostError actor.fatal when no block begins there. */
  read(offset: bigint): Uint8Array;
  /** A new block with this content. @throws HostError limit.memory */
  write(content: Uint8Array): bigint;
  /** The memory of all blocks. Bytes. */
  size(): number;
}

interface BlockExports {
  reset(): void;
  alloc(bytes: bigint): bigint;
  sizeOf(offset: bigint): number;
  input(bytes: number): number;
  output_offset(): number;
  output_length(): number;
  error_get(): bigint;
}

/**
 * @param textModule see `compileText`
 * @param mostBytes bound of the memory of the blocks.
 * @param reserve throws if the actor may not have so many bytes more.
 */
export function createBlocks(
  webAssembly: Captured['webAssembly'],
  module: WebAssembly.Module,
  textModule: WebAssembly.Module,
  mostBytes: number,
  reserve: (bytes: number) => void,
): Blocks {
  const memory = new webAssembly.Memory({ initial: 1, maximum: Math.max(1, Math.ceil(mostBytes / pageBytes)) });
  const { exports: functions } = new webAssembly.Instance(module, { env: { memory }, blocks: { reserve, refuse } });
  const blocks = functions as unknown as BlockExports;
  const text = createMemoryText(webAssembly, textModule, memory);
  let view = new Uint8Array(memory.buffer);

  /** Growing the memory detaches its old buffer. */
  const bytes = (): Uint8Array => {
    if (view.length === 0) view = new Uint8Array(memory.buffer);
    return view;
  };

  return {
    functions,
    begin(input) {
      blocks.reset();
      const isText = typeof input === 'string';
      if (isText && text.bitsOf(input) <= ascii) {
        text.writeLatin(input, blocks.input(input.length));
        return;
      }
      const content = isText ? toUtf8(input) : input;
      const start = blocks.input(content.length) >>> 0;
      bytes().set(content, start);
    },
    output(asText) {
      const start = blocks.output_offset() >>> 0;
      const length = blocks.output_length() >>> 0;
      if (asText && text.bitsAt(start, length) <= ascii) return text.readLatin(start, length);
      return bytes().slice(start, start + length);
    },
    error(most) {
      const offset = blocks.error_get();
      if (offset === 0n) return undefined;
      const start = Number(offset);
      return bytes().slice(start, start + Math.min(most, Math.max(0, blocks.sizeOf(offset))));
    },
    read(offset) {
      const length = blocks.sizeOf(offset);
      if (length < 0) throw hostError('actor.fatal', `${hexadecimal(offset)} is not the offset of a memory block of this call`, 'pass what `alloc` returned');
      const start = Number(BigInt.asUintN(64, offset));
      return bytes().slice(start, start + length);
    },
    write(content) {
      const offset = blocks.alloc(BigInt(content.length));
      bytes().set(content, Number(offset));
      return offset;
    },
    size: () => memory.buffer.byteLength,
  };
}

function refuse(offset: bigint, length: bigint): never {
  throw hostError('actor.fatal', `${BigInt.asUintN(64, length)} bytes at ${hexadecimal(offset)} do not lie within the memory blocks of this call`);
}

const hexadecimal = (offset: bigint): string => `0x${BigInt.asUintN(64, offset).toString(16)}`;
