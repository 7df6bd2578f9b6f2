import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedImports, extismFunctions } from '../../runtimes/wasm/imports.ts';
import { checkModule, type ModuleLimits } from '../../runtimes/wasm/module.ts';
import { VivariumError } from '../../sdk/errors.ts';
import { engine, type Growable } from '../support/engine.ts';
import { failureOf } from '../support/failure.ts';
import { assemble, body, custom, exported, functionType, header, importFunction, leb, limits, list, section, text, typeOf, types } from './assemble.ts';

const allowed = allowedImports({ wasi: false });
const check = (bytes: Uint8Array, changed: Partial<ModuleLimits> = {}) => checkModule(bytes, allowed, changed);

const plugins = path.join(import.meta.dirname, '../../dist/test/plugins');
const plugin = (name: string): Uint8Array => readFileSync(path.join(plugins, `${name}.wasm`));
const realModules = ['blocks', 'context', 'echo', 'grow', 'spin', 'talk', 'trap'].map(plugin);

const instance = (bytes: Uint8Array): Record<string, unknown> => new engine.Instance(new engine.Module(bytes)).exports;

/** Sections 1, 3 and 10 of a module with one function `() -> ()`. */
const oneFunction = { type: list(1, [functionType([], [])]), function: list(3, [[0]]), code: list(10, [body()]) };

describe('the memory', () => {
  const module = (...memory: readonly number[][]) => assemble(list(5, memory), list(7, [exported('memory', 'memory', 0)]));
  const growable = (bytes: Uint8Array): Growable => instance(bytes)['memory'] as Growable;

  it('gets the limit as its maximum', () => {
    const { bytes, memory } = check(module(limits(1)), { memoryPages: 16 });
    expect(memory).toEqual({ initial: 1, maximum: 16 });
    const clamped = growable(bytes);
    expect(clamped.grow(15)).toBe(1);
    expect(() => clamped.grow(1)).toThrow(RangeError);
    expect(growable(module(limits(1))).grow(1000), 'control: unclamped, it grows on').toBe(1);
  });

  it('keeps a lower maximum, loses a higher one', () => {
    expect(check(module(limits(1, 4)), { memoryPages: 16 }).memory).toEqual({ initial: 1, maximum: 4 });
    expect(check(module(limits(1, 65_536)), { memoryPages: 16 }).memory).toEqual({ initial: 1, maximum: 16 });
    expect(check(module(limits(0)), { memoryPages: 0 }).memory).toEqual({ initial: 0, maximum: 0 });
  });

  it('may not start above the limit', async () => {
    const error = await failureOf(() => check(module(limits(17)), { memoryPages: 16 }));
    expect(error.record).toMatchObject({ code: 'limit.memory', message: expect.stringContaining('1114112 bytes'), hint: expect.stringContaining('2MiB') });
    expect(check(module(limits(16)), { memoryPages: 16 }).memory).toEqual({ initial: 16, maximum: 16 });
  });

  it.each<[string, number[][], string]>([
    ['two memories', [limits(1), limits(1)], 'has 2 memories'],
    ['a shared memory', [[0x03, 1, 2]], 'is shared'],
    ['64-bit addresses', [[0x04, 1]], '64-bit'],
    ['pages of another size', [[0x08, 1, 0]], 'not supported'],
    ['an initial size above the maximum', [limits(5, 4)], 'impossible limits'],
    ['a maximum above 4 GiB', [limits(1, 65_537)], 'impossible limits'],
  ])('may not be: %s', async (_what, memory, reason) => {
    const error = await failureOf(() => check(module(...memory)));
    expect(error.record).toMatchObject({ code: 'source.invalid', message: expect.stringContaining(reason) });
  });

  it('of a real plugin is clamped, and the plugin lives with it', () => {
    const { bytes, memory } = check(plugin('grow'), { memoryPages: 24 });
    expect(memory?.maximum).toBe(24);
    const imports = Object.fromEntries(engine.Module.imports(new engine.Module(bytes)).map(({ name }) => [name, () => 0n]));
    const { handle, memory: own } = new engine.Instance(new engine.Module(bytes), { 'extism:host/env': imports }).exports as {
      handle: () => number;
      memory: Growable;
    };
    expect(handle()).toBe(0);
    expect(own.buffer.byteLength).toBeLessThanOrEqual(24 * 65_536);
    expect(own.buffer.byteLength).toBeGreaterThan(16 * 65_536);
  });
});

describe('tables', () => {
  const module = (...tables: readonly number[][]) => assemble(list(4, tables), list(7, [exported('table', 'table', 0)]));

  it('get the limit as their maximum', () => {
    const table = (bytes: Uint8Array) => instance(bytes)['table'] as Growable;
    const clamped = table(check(module([types.funcref, ...limits(10)])).bytes);
    expect(clamped.grow(9_990)).toBe(10);
    expect(() => clamped.grow(1)).toThrow(RangeError);
    expect(table(module([types.funcref, ...limits(10)])).grow(20_000), 'control: unclamped, it grows on').toBe(10);
  });

  it.each<[string, number[][], string]>([
    ['start above the limit', [[types.funcref, ...limits(10_001)]], '10001 elements'],
    ['be many', Array.from({ length: 17 }, () => [types.funcref, ...limits(1)]), '17 tables'],
    ['hold typed references', [[0x63, 0x00, ...limits(1)]], 'not supported'],
    ['have an initial value', [[0x40, 0x00, types.funcref, ...limits(1), 0xd0, 0x70, 0x0b]], 'not supported'],
    ['be shared', [[types.externref, 0x03, 1, 2]], 'is shared'],
    ['have 64-bit addresses', [[types.funcref, 0x05, 1, 2]], '64-bit'],
  ])('may not %s', async (_what, tables, reason) => {
    expect((await failureOf(() => check(module(...tables)))).record).toMatchObject({ code: 'source.invalid', message: expect.stringContaining(reason) });
  });
});

describe('imports', () => {
  const module = (entries: readonly number[][], signature = '(i64) -> i64') => assemble(list(1, [typeOf(signature)]), list(2, entries));

  it('are listed, with their signatures', () => {
    expect(check(module([importFunction('extism:host/env', 'alloc', 0)])).imports).toEqual([
      { module: 'extism:host/env', name: 'alloc', kind: 'function', signature: '(i64) -> i64', offset: expect.any(Number) },
    ]);
  });

  it('are all named when they are refused', async () => {
    const entries = [importFunction('env', 'abort', 0), importFunction('extism:host/env', 'alloc', 0), importFunction('extism:host/user', 'notify', 0)];
    const error = await failureOf(() => check(module(entries)));
    expect(error.record).toMatchObject({ code: 'source.invalid', hint: expect.stringContaining('--use abort') });
    expect(error.message).toMatch(/"env abort" \(byte \d+\), "extism:host\/user notify" \(byte \d+\)/);
    expect(error.message).not.toContain('alloc');
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('are not found by what every object has: %s', async (name) => {
    expect((await failureOf(() => check(module([importFunction('extism:host/env', name, 0)])))).code).toBe('source.invalid');
    expect((await failureOf(() => check(module([importFunction(name, name, 0)])))).code).toBe('source.invalid');
  });

  it('have the signature that the host has', async () => {
    const error = await failureOf(() => check(module([importFunction('extism:host/env', 'alloc', 0)], '(i32) -> i32')));
    expect(error.message).toContain('(i32) -> i32, but it is (i64) -> i64');
  });

  it('hold WASI only where it is granted', async () => {
    const wasi = module([importFunction('wasi_snapshot_preview1', 'proc_exit', 0)], '(i32) -> ()');
    expect((await failureOf(() => check(wasi))).record.hint).toContain('wasi: true');
    expect(checkModule(wasi, allowedImports({ wasi: true })).imports).toHaveLength(1);
  });

  it.each<[string, number[]]>([
    ['table', [0x01, types.funcref, ...limits(1)]],
    ['memory', [0x02, ...limits(1)]],
    ['global', [0x03, types.i32, 0x00]],
    ['tag', [0x04, 0x00, 0x00]],
  ])('are functions: no %s', async (kind, description) => {
    const error = await failureOf(() => check(module([[...text('extism:host/env'), ...text('alloc'), ...description]])));
    expect(error.message).toContain(`imports the ${kind}`);
  });
});

describe('exports', () => {
  it('are listed, functions with their signatures', () => {
    const bytes = assemble(
      list(1, [typeOf('(i64) -> i64'), typeOf('() -> i32')]),
      list(2, [importFunction('extism:host/env', 'alloc', 0)]),
      list(3, [[1]]),
      list(5, [limits(1)]),
      list(7, [exported('again', 'function', 0), exported('handle', 'function', 1), exported('memory', 'memory', 0)]),
      list(10, [body(0x41, 0x00)]),
    );
    expect(check(bytes).exports).toEqual([
      { name: 'again', kind: 'function', signature: '(i64) -> i64' },
      { name: 'handle', kind: 'function', signature: '() -> i32' },
      { name: 'memory', kind: 'memory' },
    ]);
    expect(engine.validate(check(bytes).bytes)).toBe(true);
  });

  it.each<[string, number[][], string]>([
    ['a name twice', [exported('a', 'function', 0), exported('a', 'function', 0)], 'twice'],
    ['a function that does not exist', [exported('a', 'function', 1)], 'does not exist'],
    ['an unknown kind', [[...text('a'), 0x05, 0x00]], 'unknown kind'],
    ['a name that is not UTF-8', [[0x01, 0xff, 0x00, 0x00]], 'not UTF-8'],
  ])('may not have %s', async (_what, entries, reason) => {
    const { type, function: functions, code } = oneFunction;
    expect((await failureOf(() => check(assemble(type, functions, list(7, entries), code)))).message).toContain(reason);
  });
});

describe('a module that is no module', () => {
  const { type, function: functions, code } = oneFunction;

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'ends in the middle'],
    ['text', new TextEncoder().encode('export const a = 1;'), 'does not begin'],
    ['a component', Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]), 'does not begin'],
    ['an unknown section', assemble(section(14, [])), 'unknown number 14'],
    ['a section twice', assemble(type, type), 'twice or in the wrong place'],
    ['sections in the wrong order', assemble(functions, type), 'wrong place'],
    ['the tag section after the globals', assemble(list(6, []), list(13, [])), 'wrong place'],
    ['a section that is longer than the module', assemble([1, 100, 0]), 'cannot fit'],
    ['a section that is longer than its content', assemble(section(1, [1, ...functionType([], []), 0])), 'too many'],
    ['a section that is shorter than its content', assemble(section(1, [2, ...functionType([], [])])), 'ends in the middle'],
    ['an integer of six bytes', assemble([1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), 'too large'],
    ['an integer of more than 32 bits', assemble([1, 0xff, 0xff, 0xff, 0xff, 0x1f]), 'too large'],
    ['a count that cannot be true', assemble(section(1, leb(9_000))), 'cannot fit'],
    ['a type that does not exist', assemble(list(1, []), list(2, [importFunction('a', 'b', 3)])), 'type 3 does not exist'],
    ['a custom section without a name', assemble(section(0, [])), 'ends in the middle'],
    ['types of WasmGC', assemble(list(1, [[0x5f, 0x00]])), 'no function type'],
    ['references of WasmGC', assemble(list(1, [[0x60, 0x01, 0x64, 0x00, 0x00]])), 'not supported'],
    ['bytes after the last section', Uint8Array.from([...assemble(type, functions, code), 0x00]), 'ends in the middle'],
  ])('is refused: %s', async (_what, bytes, reason) => {
    expect((await failureOf(() => check(bytes))).record).toMatchObject({
      code: 'source.invalid',
      message: expect.stringContaining(reason),
      hint: expect.any(String),
    });
  });
});

describe('limits', () => {
  it('hold the size of the module', async () => {
    expect((await failureOf(() => check(plugin('echo'), { bytes: 100 }))).message).toContain('100 are allowed');
    expect((await failureOf(() => check(new Uint8Array(4 * 1024 * 1024 + 1)))).message).toContain('4194304 are allowed');
  });

  it.each<[string, Uint8Array]>([
    [
      'types',
      assemble(
        list(
          1,
          Array.from({ length: 10_001 }, () => functionType([], [])),
        ),
      ),
    ],
    [
      'functions',
      assemble(
        oneFunction.type,
        list(
          3,
          Array.from({ length: 50_001 }, () => [0]),
        ),
      ),
    ],
    [
      'imports',
      assemble(
        list(1, [typeOf('(i64) -> i64')]),
        list(
          2,
          Array.from({ length: 1_001 }, () => importFunction('extism:host/env', 'alloc', 0)),
        ),
      ),
    ],
    [
      'exports',
      assemble(
        list(
          7,
          Array.from({ length: 50_001 }, (_, index) => exported(`f${index}`, 'memory', 0)),
        ),
      ),
    ],
    [
      'entries',
      assemble(
        list(
          6,
          Array.from({ length: 50_001 }, () => [types.i32, 0x00, 0x41, 0x00, 0x0b]),
        ),
      ),
    ],
    [
      'parameters',
      assemble(
        list(1, [
          functionType(
            Array.from({ length: 1_001 }, () => 'i32' as const),
            [],
          ),
        ]),
      ),
    ],
  ])('hold the number of %s', async (what, bytes) => {
    expect((await failureOf(() => check(bytes))).message).toMatch(new RegExp(`has \\d+ .*${what}`));
  });

  it('take the largest module that they admit in a moment', () => {
    const wide = functionType(
      Array.from({ length: 300 }, () => 'i64' as const),
      [],
    );
    const many = Array.from({ length: 49_000 }, (_, index) => index);
    const bytes = assemble(
      list(
        1,
        Array.from({ length: 9_000 }, () => wide),
      ),
      list(
        3,
        many.map((index) => leb(index % 9_000)),
      ),
      list(
        7,
        many.map((index) => exported(`function ${index}`, 'function', index)),
      ),
    );
    expect(bytes.length).toBeGreaterThan(3 * 1024 * 1024);
    const start = process.cpuUsage();
    expect(check(bytes).exports).toHaveLength(49_000);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(2_000);
  });

  it('make nothing of a small module that promises much', async () => {
    for (const id of [1, 2, 3, 4, 6, 7, 9, 10, 11, 13]) {
      expect((await failureOf(() => check(assemble(section(id, [0xff, 0xff, 0xff, 0xff, 0x0f]))))).code).toBe('source.invalid');
    }
  });
});

describe('custom sections', () => {
  it('are dropped, save the one of names', () => {
    const { type, function: functions, code } = oneFunction;
    const bytes = assemble(
      custom('producers', [1, 2, 3]),
      type,
      custom('.debug_info', Array(1000).fill(0)),
      functions,
      code,
      custom('name', [0, 1, 0]),
      custom('sourceMappingURL', text('http://x')),
    );
    const checked = new engine.Module(check(bytes).bytes);
    expect(['producers', '.debug_info', 'sourceMappingURL'].flatMap((name) => engine.Module.customSections(checked, name))).toEqual([]);
    expect(engine.Module.customSections(checked, 'name')).toHaveLength(1);
  });
});

describe('hostile bytes', () => {
  const names = new Set(Object.keys(extismFunctions));

  /** Whatever comes in: a checked module, or a typed error. What is accepted is accepted again, unchanged, and the engine finds nothing in it that was not checked. */
  function holds(bytes: Uint8Array): void {
    try {
      const { bytes: clamped, memory } = check(bytes, { memoryPages: 64 });
      expect(memory === undefined || memory.maximum <= 64).toBe(true);
      const again = check(clamped, { memoryPages: 64 });
      expect(again.bytes).toEqual(clamped);
      expect(again.memory).toEqual(memory);
      if (!engine.validate(clamped)) return;
      for (const entry of engine.Module.imports(new engine.Module(clamped))) {
        expect(entry.kind).toBe('function');
        expect(entry.module === 'extism:host/user' || (entry.module === 'extism:host/env' && names.has(entry.name))).toBe(true);
      }
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      expect(['source.invalid', 'limit.memory']).toContain(error.code);
    }
  }

  it('never crash the check: real modules with changed, removed and inserted bytes', () => {
    const change = fc.record({ at: fc.nat(), remove: fc.nat(4), insert: fc.uint8Array({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.constantFrom(...realModules), fc.array(change, { minLength: 1, maxLength: 6 }), (module, changes) => {
        let bytes = Array.from(module);
        for (const { at, remove, insert } of changes) bytes = bytes.toSpliced(at % (bytes.length + 1), remove, ...insert);
        holds(Uint8Array.from(bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  it('never crash the check: changes where the sections are', () => {
    const trap = plugin('trap');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(trap.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Uint8Array.from(trap);
        for (const [at, value] of changes) bytes[at] = value;
        holds(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never crash the check: real modules that end early', () => {
    for (const module of realModules) for (let length = 0; length < module.length; length += Math.ceil(module.length / 200)) holds(module.subarray(0, length));
  });

  it('never crash the check: anything after the header', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(14), fc.uint8Array({ maxLength: 40 })), { maxLength: 8 }), (sections) => {
        holds(Uint8Array.from([...header, ...sections.flatMap(([id, content]) => section(id, [...content]))]));
      }),
      { numRuns: 2_000 },
    );
  });
});

it('accepts every plugin of this repository', () => {
  for (const module of realModules) expect(engine.validate(check(module).bytes)).toBe(true);
});
