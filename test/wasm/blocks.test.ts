import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { engine } from '../support/engine.ts';

const KiB = 1024;
const limit = 1024 * KiB;
const pageBytes = 64 * KiB;
const module = new engine.Module(readFileSync(join(import.meta.dirname, '../../dist/cell/wasm/blocks.wasm')));

interface Functions {
  alloc(bytes: bigint): bigint;
  free(offset: bigint): void;
  length(offset: bigint): bigint;
  load_u8(offset: bigint): number;
  load_u64(offset: bigint): bigint;
  store_u8(offset: bigint, value: number): void;
  store_u64(offset: bigint, value: bigint): void;
  input_length(): bigint;
  input_load_u8(index: bigint): number;
  input_load_u64(index: bigint): bigint;
  output_set(offset: bigint, bytes: bigint): void;
  output_offset(): number;
  output_length(): number;
  reset(): void;
  input(bytes: number): number;
}

function open() {
  const memory = new engine.Memory({ initial: 1, maximum: limit / pageBytes });
  const size = (): number => memory.buffer.byteLength;
  const reserve = (more: number): void => {
    if (size() + more > limit) throw new RangeError('no more');
  };
  const refuse = (offset: bigint, bytes: bigint): never => {
    throw new RangeError(`${bytes} bytes at ${offset} are outside`);
  };
  const functions = new engine.Instance(module, { env: { memory }, blocks: { reserve, refuse } }).exports as unknown as Functions;
  functions.reset();
  return {
    functions,
    size,
    /** The next call, with this message. */
    begin(input: Uint8Array): void {
      functions.reset();
      const start = functions.input(input.length);
      new Uint8Array(memory.buffer).set(input, start);
    },
    write(content: Uint8Array): bigint {
      const offset = functions.alloc(BigInt(content.length));
      for (const [index, byte] of content.entries()) functions.store_u8(offset + BigInt(index), byte);
      return offset;
    },
    read: (offset: bigint, length = Number(functions.length(offset))): Uint8Array =>
      new Uint8Array(memory.buffer).slice(Number(offset), Number(offset) + length),
  };
}

const bytesOf = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 31 + seed);

describe('memory blocks', () => {
  it('never overlap, keep what is stored, and are found by their offset alone', () => {
    const step = fc.oneof(
      fc.record({ is: fc.constant('alloc' as const), bytes: fc.nat(3000) }),
      fc.record({ is: fc.constant('free' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const blocks = open();
        const { functions } = blocks;
        const live: { offset: bigint; content: Uint8Array }[] = [];
        for (const [at, action] of steps.entries()) {
          if (action.is === 'alloc') {
            const content = bytesOf(action.bytes, at);
            live.push({ offset: blocks.write(content), content });
          } else if (live.length > 0) {
            const [freed] = live.splice(action.which % live.length, 1);
            functions.free(freed?.offset ?? 0n);
            expect(functions.length(freed?.offset ?? 0n)).toBe(0n);
          }
        }
        for (const { offset, content } of live) {
          expect(functions.length(offset)).toBe(BigInt(content.length));
          expect(blocks.read(offset)).toEqual(content);
          expect(functions.length(offset + 8n)).toBe(0n);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('are used again: a plugin that frees what it takes may go on for ever', () => {
    const blocks = open();
    const { functions } = blocks;
    for (let round = 0; round < 50_000; round++) functions.free(functions.alloc(BigInt((round * 37) % (20 * KiB))));
    expect(blocks.size()).toBeLessThan(512 * KiB);
  });

  it('may be more than 32,767 in one call, and are forgotten by the next', () => {
    const blocks = open();
    const { functions } = blocks;
    const offsets = new Set<bigint>();
    for (let index = 0; index < 40_000; index++) offsets.add(functions.alloc(1n));
    expect(offsets.size).toBe(40_000);
    blocks.begin(bytesOf(3, 0));
    const forgotten = [...offsets].filter((offset) => functions.length(offset) !== 0n);
    expect(forgotten.length).toBeLessThanOrEqual(1);
  });

  it('end at the bound', () => {
    const blocks = open();
    const { functions } = blocks;
    expect(() => {
      for (;;) functions.alloc(BigInt(100 * KiB));
    }).toThrow('no more');
    expect(blocks.size()).toBeLessThanOrEqual(limit);
    expect(() => functions.alloc(-1n)).toThrow('no more');
    expect(() => functions.alloc(2n ** 63n)).toThrow('no more');
    blocks.begin(new Uint8Array(0));
    expect(functions.alloc(BigInt(100 * KiB))).toBeGreaterThan(0n);
  });

  it('are read and written at any place within, and nowhere else', () => {
    const blocks = open();
    const { functions } = blocks;
    const offset = functions.alloc(16n);
    functions.store_u64(offset + 3n, 0x0123_4567_89ab_cdefn);
    functions.store_u8(offset + 15n, 0x1ff);
    expect(functions.load_u64(offset + 3n)).toBe(0x0123_4567_89ab_cdefn);
    expect(functions.load_u8(offset + 3n)).toBe(0xef);
    expect(blocks.read(offset)[15]).toBe(0xff);
    for (const wrong of [0n, -1n, 1023n, offset + 16n, offset + (1n << 32n), 2n ** 63n]) {
      expect(() => functions.load_u8(wrong)).toThrow(/outside/);
      expect(() => functions.store_u64(wrong, 1n)).toThrow(/outside/);
    }
  });

  it('hold the message, and the part that is made the output', () => {
    const blocks = open();
    const { functions } = blocks;
    const message = bytesOf(20, 7);
    blocks.begin(message);
    expect(functions.input_length()).toBe(20n);
    expect(functions.input_load_u8(19n)).toBe(message[19]);
    expect(functions.input_load_u64(12n)).toBe(new DataView(message.buffer).getBigUint64(12, true));
    for (const wrong of [20n, -1n, 2n ** 32n]) expect(() => functions.input_load_u8(wrong)).toThrow(/outside/);
    expect(() => functions.input_load_u64(13n)).toThrow(/outside/);
    const offset = blocks.write(bytesOf(10, 1));
    const output = (): Uint8Array => blocks.read(BigInt(functions.output_offset()), functions.output_length());
    functions.output_set(offset + 2n, 5n);
    expect(output()).toEqual(bytesOf(10, 1).slice(2, 7));
    functions.output_set(0n, 0n);
    expect(output()).toHaveLength(0);
    expect(() => functions.output_set(offset, 2n ** 63n)).toThrow(/outside/);
  });
});
