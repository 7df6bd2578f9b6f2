import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutPayloads, encodeFrame, FrameReader } from '../../runtimes/frame.ts';
import { frameLimits } from '../../runtimes/limits.ts';
import { VivariumError } from '../../sdk/errors.ts';

interface Frame {
  readonly header: string;
  readonly payloads: string;
}

function readFrames(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((header, payloads) => frames.push({ header, payloads: payloads.toString('latin1') }));
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

/** As a socket is read that was told where to write. */
function readInPlace(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((header, payloads) => frames.push({ header, payloads: payloads.toString('latin1') }));
  for (const chunk of chunks) {
    for (let rest = Buffer.from(chunk); rest.length > 0; ) {
      const taken = rest.copy(reader.space());
      expect(taken).toBeGreaterThan(0);
      reader.filled(taken);
      rest = rest.subarray(taken);
    }
  }
  return frames;
}

const bytesOf = (header: object, payloads: Uint8Array[] = []): Buffer => Buffer.concat(encodeFrame(header, payloads));

const prelude = (...integers: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * integers.length);
  for (const [place, integer] of integers.entries()) bytes.writeUInt32LE(integer, 4 * place);
  return bytes;
};

/** The code of the error that an action ends with; `none` when it ends well. */
function codeOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof VivariumError ? error.code : String(error);
  }
}

describe('frames', () => {
  test('lie on the channel as length, header length, header, payloads', () => {
    const header = Buffer.from('{"type":"ping"}');
    expect(bytesOf({ type: 'ping' }, [Buffer.from('ab'), Buffer.from('c')])).toEqual(
      Buffer.concat([prelude(4 + header.length + 3, header.length), header, Buffer.from('abc')]),
    );
  });

  test('arrive whole wherever the stream is split', () => {
    const frames = [bytesOf({ a: 'é€😀' }, [Buffer.from('one')]), bytesOf({}), bytesOf({ b: [1, 2] }, [Buffer.alloc(0), Buffer.from('two')])];
    const stream = Buffer.concat(frames);
    const expected = [
      { header: '{"a":"é€😀"}', payloads: 'one' },
      { header: '{}', payloads: '' },
      { header: '{"b":[1,2]}', payloads: 'two' },
    ];
    for (let at = 0; at <= stream.length; at += 1) expect(readFrames([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    expect(readFrames([...stream].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  test('arrive as they were sent, in any number of chunks of any size', () => {
    const frame = fc.record({ header: fc.dictionary(fc.string(), fc.jsonValue()), payloads: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }), (frames, sizes) => {
        const stream = Buffer.concat(frames.flatMap(({ header, payloads }) => encodeFrame(header, payloads)));
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] as number;
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        const expected = frames.map(({ header, payloads }) => ({ header: JSON.stringify(header), payloads: Buffer.concat(payloads).toString('latin1') }));
        expect(readFrames(chunks)).toEqual(expected);
        expect(readInPlace(chunks)).toEqual(expected);
      }),
    );
  });

  test('larger than one reservation arrive whole', () => {
    const large = Buffer.alloc(5 * 1024 * 1024 + 3, 'vivarium');
    const stream = bytesOf({ large: true }, [large]);
    const chunks: Buffer[] = [];
    for (let at = 0; at < stream.length; at += 65_536) chunks.push(stream.subarray(at, at + 65_536));
    const [frame] = readFrames(chunks);
    expect(Buffer.from(frame?.payloads ?? '', 'latin1').equals(large)).toBe(true);
  });

  test('are read into memory that is used again: nothing of one frame is left in the next', () => {
    const sizes = [10, 70_000, 3 * 1024 * 1024, 5, 200_000, 1024 * 1024, 0, 65_536];
    const stream = Buffer.concat(sizes.map((size, place) => bytesOf({ place }, [Buffer.alloc(size, 65 + place)])));
    const expected = sizes.map((size, place) => ({ header: `{"place":${place}}`, payloads: String.fromCharCode(65 + place).repeat(size) }));
    for (const most of [1_000, 65_536, 208 * 1024]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; at += most) chunks.push(stream.subarray(at, at + most));
      expect(readInPlace(chunks)).toEqual(expected);
      expect(readFrames(chunks)).toEqual(expected);
    }
  });

  test('that were large leave no memory behind for those that are small', () => {
    const reader = new FrameReader(() => undefined);
    const read = (bytes: Buffer): void => {
      for (let rest = bytes; rest.length > 0; ) {
        const taken = rest.copy(reader.space());
        reader.filled(taken);
        rest = rest.subarray(taken);
      }
    };
    const room = (): number => reader.space().buffer.byteLength;
    for (const [size, most] of [
      [2, 2.25],
      [20, 2.25],
    ] as const) {
      read(bytesOf({}, [Buffer.alloc(size * 1024 * 1024)]));
      expect(room()).toBeLessThanOrEqual(most * 1024 * 1024);
    }
    read(bytesOf({}, [Buffer.alloc(1024 * 1024)]));
    for (let frames = 0; frames < 100; frames++) read(bytesOf({ frames }));
    expect(room()).toBe(64 * 1024);
  });

  test('carry text as it is, a character for each byte', () => {
    const text = 'ÿ'.repeat(20_000);
    const pieces = encodeFrame({}, ['\u00e9', text]);
    expect(pieces[1]).toBe(text);
    expect(readFrames([Buffer.concat(pieces.map((piece) => Buffer.from(piece as string, 'latin1')))])).toEqual([{ header: '{}', payloads: `é${text}` }]);
  });

  test('carry large payloads without copying them, and small ones joined to the header', () => {
    const large = Buffer.alloc(1024 * 1024);
    const pieces = encodeFrame({}, [Buffer.from('small'), large, Buffer.from('small')]);
    expect(pieces).toHaveLength(3);
    expect(pieces[1]).toBe(large);
  });

  test('that exceed a limit are refused by the sender', () => {
    expect(codeOf(() => encodeFrame({}, [Buffer.alloc(frameLimits.frame)]))).toBe('limit.message');
    expect(codeOf(() => encodeFrame({ text: 'x'.repeat(frameLimits.header) }))).toBe('limit.message');
    expect(codeOf(() => encodeFrame({}, Array(frameLimits.payloads + 1).fill(Buffer.alloc(0))))).toBe('limit.message');
  });
});

describe('a reader of hostile bytes', () => {
  test.each([
    ['length 0', prelude(0)],
    ['a length that does not hold the header length', prelude(3)],
    ['a length one above the cap', prelude(frameLimits.frame + 1)],
    ['length 2^32-1', prelude(0xffff_ffff)],
    ['length -1', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['length -2^31', Buffer.from([0, 0, 0, 0x80])],
    ['header length 0', prelude(100, 0)],
    ['a header length one above the cap', prelude(frameLimits.frame, frameLimits.header + 1)],
    ['a header longer than its frame', prelude(100, 97)],
    ['header length 2^32-1', prelude(100, 0xffff_ffff)],
  ])('refuses %s as soon as it can be read', (_, bytes) => {
    expect(codeOf(() => readFrames([bytes]))).toBe('cell.protocol');
    expect(codeOf(() => readFrames([...bytes].map((byte) => Buffer.of(byte))))).toBe('cell.protocol');
    expect(codeOf(() => readInPlace([bytes]))).toBe('cell.protocol');
  });

  test('refuses bytes that trail a frame', () => {
    const frames: string[] = [];
    const reader = new FrameReader((header) => frames.push(header));
    expect(codeOf(() => reader.push(Buffer.concat([bytesOf({ good: 1 }), Buffer.alloc(4)])))).toBe('cell.protocol');
    expect(frames).toEqual(['{"good":1}']);
    reader.push(bytesOf({ late: 1 }));
    expect(frames).toHaveLength(1);
  });

  test('refuses a header that is not UTF-8', () => {
    const bytes = bytesOf({ a: 'xx' });
    bytes.fill(0xff, bytes.indexOf('xx'), bytes.indexOf('xx') + 2);
    expect(codeOf(() => readFrames([bytes]))).toBe('cell.protocol');
  });

  test('does not reserve what a length merely claims', () => {
    const claims = Array.from({ length: 32 }, () => Buffer.concat([prelude(frameLimits.frame, 2), Buffer.from('{}x')]));
    const before = process.memoryUsage().arrayBuffers;
    const readers = claims.map((claim) => {
      const reader = new FrameReader(() => undefined);
      reader.push(claim);
      return reader;
    });
    const reserved = process.memoryUsage().arrayBuffers - before;
    expect(readers.every((reader) => reader.partial)).toBe(true);
    // They claim 2 GiB.
    expect(reserved).toBeLessThan(64 * 1024 * 1024);
  });

  test('answers any bytes with frames or with cell.protocol, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        expect(['none', 'cell.protocol']).toContain(codeOf(() => readFrames(chunks)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('answers a damaged stream of frames likewise, and never delivers more than was sent', () => {
    const frame = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }));
    const damage = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.array(damage, { minLength: 1, maxLength: 4 }), (frames, damages) => {
        let stream = Buffer.concat(frames.map(([header, payloads]) => bytesOf(header, payloads)));
        for (const { at, byte, cut } of damages) {
          if (stream.length === 0) break;
          const place = at % stream.length;
          stream[place] = byte;
          if (cut) stream = Buffer.concat([stream.subarray(0, place), stream.subarray(place + 1)]);
        }
        let delivered = 0;
        const reader = new FrameReader((header, payloads) => {
          delivered += 8 + Buffer.byteLength(header) + payloads.length;
        });
        expect(['none', 'cell.protocol']).toContain(codeOf(() => reader.push(stream)));
        expect(delivered).toBeLessThanOrEqual(stream.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('says that a frame is partial until its last byte, and counts frames', () => {
    const reader = new FrameReader(() => undefined);
    const bytes = bytesOf({ a: 1 });
    expect(reader.partial).toBe(false);
    reader.push(bytes.subarray(0, 3));
    expect(reader.partial).toBe(true);
    reader.push(bytes.subarray(3));
    expect([reader.partial, reader.frames]).toEqual([false, 1]);
  });

  test('stops within a chunk when it is closed', () => {
    const headers: string[] = [];
    const reader: FrameReader = new FrameReader((header) => {
      headers.push(header);
      reader.close();
    });
    reader.push(Buffer.concat([bytesOf({ n: 1 }), bytesOf({ n: 2 })]));
    expect(headers).toEqual(['{"n":1}']);
  });
});

describe('payloads', () => {
  test('are cut by their lengths and share the memory of the frame', () => {
    const region = Buffer.from('abcdef');
    const payloads = cutPayloads([1, 0, 5], region);
    expect(payloads.map(String)).toEqual(['a', '', 'bcdef']);
    expect(payloads[2]?.buffer).toBe(region.buffer);
    expect(cutPayloads([], Buffer.alloc(0))).toEqual([]);
  });

  test.each([
    ['less than there is', [5]],
    ['more than there is', [7]],
    ['one too many', [6, 1]],
    ['none', []],
    ['negative', [-1, 7]],
    ['broken', [0.5, 5.5]],
    ['not a number', [Number.NaN]],
    ['beyond 32 bits', [Number.MAX_SAFE_INTEGER]],
    ['too many', Array<number>(frameLimits.payloads + 1).fill(0)],
  ])('are refused when their lengths are %s', (_, lengths) => {
    expect(codeOf(() => cutPayloads(lengths, Buffer.from('abcdef')))).toBe('cell.protocol');
  });
});
