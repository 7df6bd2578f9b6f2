/** Section G of the attack corpus, as far as it happens inside the isolate. */
import { readFileSync } from 'node:fs';
import ivm from 'isolated-vm';
import { describe, expect, it } from 'vitest';
import { fallen, imports, startPlugin, wat } from '../support/plugin.ts';
import { createWasmRuntime } from '../../runtimes/wasm/wasm.ts';
import type { ActorPlan } from '../../runtimes/protocol.ts';

const MiB = 1024 * 1024;

const residentBytes = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

describe('traps', () => {
  const traps = { in: 'unreachable', outOfBounds: 'memory access out of bounds', divide: 'divide by zero', recurse: 'Maximum call stack size exceeded' };

  it('end the turn with a typed error, and the next message meets a fresh instance', async () => {
    const actor = await startPlugin('trap', { inlets: Object.keys(traps) });
    for (const [inlet, reason] of Object.entries(traps)) {
      for (const _ of [1, 2]) expect((await actor.deliver(null, inlet)).error).toMatchObject({ code: 'actor.fatal', message: `the plugin trapped: ${reason}` });
    }
  });

  it('include a call of a function of the wrong type', async () => {
    const module = wat('(table 1 funcref) (elem (i32.const 0) $other) (func $other (param i32)) (func (export "handle") (call_indirect (i32.const 0)))');
    expect((await (await startPlugin(module)).deliver(null)).error).toMatchObject({
      code: 'actor.fatal',
      message: expect.stringContaining('signature mismatch'),
    });
  });

  it('take the state of the instance with them', async () => {
    const module = wat(`
      ${imports({ alloc: '(param i64) (result i64)', output_set: '(param i64 i64)', store_u8: '(param i64 i32)' })}
      (global $calls (mut i32) (i32.const 48))
      (func (export "handle") (local $block i64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (local.set $block (call $alloc (i64.const 1)))
        (call $store_u8 (local.get $block) (global.get $calls))
        (call $output_set (local.get $block) (i64.const 1)))
      (func (export "trap") unreachable)`);
    const actor = await startPlugin(module, { inlets: ['in', 'trap'] });
    const count = async () => (await actor.deliver(null)).value;
    expect([await count(), await count()]).toEqual([1, 2]);
    await actor.deliver(null, 'trap');
    expect(await count()).toBe(1);
  });

  it('do not pile up dead instances', async () => {
    const actor = await startPlugin('grow', { inlets: ['in', 'allocate'], limits: { cpu: 5_000 } });
    const before = residentBytes();
    for (let round = 0; round < 12; round++) expect((await actor.deliver(null, 'allocate')).error?.code).toBe('limit.memory');
    expect(residentBytes() - before).toBeLessThan(256 * MiB);
  });

  it('do not pile up dead instances whose memory nobody sees', async () => {
    const module = wat('(memory 1000) (func (export "handle") (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536000)) unreachable)');
    const actor = await startPlugin(module, { limits: { cpu: 5_000 } });
    const before = residentBytes();
    for (let round = 0; round < 12; round++) expect((await actor.deliver(null)).error?.code).toBe('actor.fatal');
    expect(residentBytes() - before).toBeLessThan(256 * MiB);
  });

  it('are the same after the plugin has waited, and so are endless loops', async () => {
    const module = wat(`
      ${imports({ alloc: '(param i64) (result i64)', store_u8: '(param i64 i32)' })}
      ${imports({ vivarium_service_call: '(param i64 i64) (result i64)' }, 'extism:host/user')}
      (func $wait (local $block i64)
        (local.set $block (call $alloc (i64.const 1)))
        (call $store_u8 (local.get $block) (i32.const 49))
        (drop (call $vivarium_service_call (local.get $block) (local.get $block))))
      (func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))
      (func (export "handle") (call $wait))
      (func (export "trap") (call $wait) unreachable)
      (func (export "recurse") (call $wait) (drop (call $deeper (i32.const 0))))
      (func (export "spin") (call $wait) (loop $again (br $again)))`);
    const actor = await startPlugin(module, { inlets: ['in', 'trap', 'recurse', 'spin'], limits: { wall: 400 }, call: () => 1 });
    for (const inlet of ['trap', 'recurse', 'trap']) {
      expect((await actor.deliver(null, inlet)).error?.code).toBe('actor.fatal');
      expect((await actor.deliver(null)).is).toBe('nothing');
    }
    expect(await fallen(actor.deliver(null, 'spin'))).toEqual({ by: 'time' });
    expect(actor.blamed).toBe(7);
  });

  it('show the functions of the plugin and nothing of ours', async () => {
    const module = wat('(func $inner unreachable) (func $handle (export "handle") (call $inner))');
    const read = createWasmRuntime(ivm).locate({} as ActorPlan, []);
    const { error } = await (await startPlugin(module)).deliver(null);
    expect(error?.stack).toContain('<vivarium>');
    expect(read(error?.stack).stack).toMatch(/^ {4}at \S+\n {4}at \S+$/);
    expect(read('RuntimeError: unreachable\n    at name.of.it (wasm://wasm/ab12:wasm-function[3]:0x7e)\n    at Object.call (<vivarium>:1:1)').stack).toBe(
      '    at name.of.it',
    );
    expect(read('RuntimeError: x\n    at http.wasm.http_get (wasm://wasm/http.wasm-000991c2:wasm-function[119]:0x9f84)').stack).toBe('    at http_get');
    expect(read(undefined).stack).toBeUndefined();
  });
});

describe('limits', () => {
  it('end a plugin that spins, and tell which turn it was', async () => {
    const actor = await startPlugin('spin', { limits: { wall: 200 } });
    const started = performance.now();
    expect(await fallen(actor.deliver(null))).toEqual({ by: 'time' });
    // It would spin for ever. A loaded machine takes its time.
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(actor.blamed).toBe(1);
  });

  it('end a plugin that catches its cancellation and goes on', async () => {
    const module = wat(`
      ${imports({ alloc: '(param i64) (result i64)', store_u8: '(param i64 i32)' })}
      ${imports({ vivarium_service_call: '(param i64 i64) (result i64)' }, 'extism:host/user')}
      (func (export "handle") (local $block i64)
        (local.set $block (call $alloc (i64.const 1)))
        (call $store_u8 (local.get $block) (i32.const 49))
        (loop $again
          (block $caught (try_table (catch_all $caught) (drop (call $vivarium_service_call (local.get $block) (local.get $block)))))
          (br $again)))`);
    let asked = 0;
    const actor = await startPlugin(module, { limits: { wall: 300 }, call: () => new Promise(() => asked++) });
    const turn = fallen(actor.deliver(null));
    while (asked === 0) await new Promise(setImmediate);
    expect(await actor.enter('cancel', ['[1]', '{"code":"execution.cancelled","message":"enough"}'])).toEqual({ by: 'time' });
    expect(await turn).toEqual({ by: 'time' });
    expect(asked).toBe(1);
  });

  it('bound the memory of a plugin at its clamp', async () => {
    const actor = await startPlugin('grow', { inlets: ['in', 'allocate'] });
    const { value } = await actor.deliver(null);
    expect((value as { pages: number }).pages).toBeGreaterThan(1000);
    expect((value as { pages: number }).pages).toBeLessThanOrEqual(1024);
    expect((await actor.deliver(null, 'allocate')).error).toMatchObject({ code: 'limit.memory', hint: 'limits: { memory: … }' });
    expect((await actor.deliver(null)).value).toEqual(value);
  });

  it('bound memory blocks, many, empty and huge', async () => {
    const actor = await startPlugin('blocks', { inlets: ['in', 'empty', 'huge'], limits: { memory: 16 * MiB } });
    const before = residentBytes();
    for (const inlet of ['in', 'huge', 'in']) expect((await actor.deliver(null, inlet)).error?.code).toBe('limit.memory');
    expect((await actor.deliver(null, 'empty')).value).toEqual({ blocks: 200_000 });
    expect(residentBytes() - before).toBeLessThan(64 * MiB);
  });

  it('count the memory of the plugin and its blocks together', async () => {
    // Pages: more than half, even without the MiB of blocks that is not counted.
    const half = 140;
    const module = wat(`
      ${imports({ alloc: '(param i64) (result i64)' })}
      (memory (export "memory") 1)
      (func (export "handle") (drop (memory.grow (i32.const ${half}))) (drop (call $alloc (i64.const ${half * 65_536}))))
      (func (export "blocksAlone") (drop (call $alloc (i64.const ${half * 65_536}))))
      (func (export "after") (drop (call $alloc (i64.const ${half * 65_536}))) (drop (memory.grow (i32.const ${half}))))`);
    const actor = await startPlugin(module, { inlets: ['in', 'blocksAlone', 'after'], limits: { memory: 16 * MiB } });
    expect((await actor.deliver(null, 'blocksAlone')).is).toBe('nothing');
    expect((await actor.deliver(null)).error?.code).toBe('limit.memory');
    expect((await actor.deliver(null, 'after')).error?.code).toBe('limit.memory');
    expect((await actor.deliver(null, 'blocksAlone')).is).toBe('nothing');
  });

  it('bound what it says in an error and in logs', async () => {
    const actor = await startPlugin('context', { input: 'text', inlets: ['in', 'fail', 'log'] });
    expect((await actor.deliver('x'.repeat(900_000), 'fail')).error?.message).toHaveLength(8 * 1024);
    await actor.deliver('x'.repeat(900_000), 'log');
    expect(actor.logs.every(({ text }) => text.length <= 8 * 1024)).toBe(true);
  });
});

describe('offsets', () => {
  const env = imports({
    alloc: '(param i64) (result i64)',
    free: '(param i64)',
    length: '(param i64) (result i64)',
    load_u8: '(param i64) (result i32)',
    load_u64: '(param i64) (result i64)',
    store_u8: '(param i64 i32)',
    store_u64: '(param i64 i64)',
    input_load_u8: '(param i64) (result i32)',
    input_load_u64: '(param i64) (result i64)',
    output_set: '(param i64 i64)',
    error_set: '(param i64)',
    config_get: '(param i64) (result i64)',
    var_get: '(param i64) (result i64)',
    var_set: '(param i64 i64)',
    log_info: '(param i64)',
  });
  const host = imports(
    { vivarium_emit: '(param i64 i64) (result i64)', vivarium_ask: '(param i64 i64) (result i64)', vivarium_service_call: '(param i64 i64) (result i64)' },
    'extism:host/user',
  );
  const forged = ['-1', '0', '1', '15', '0x7fffffffffffffff', '0x8000000000000000', '0x20000000000000', '0x100000090', '0xfffffff8', '65536'];

  const calls = (offset: string): string[] => [
    `(drop (call $load_u8 (i64.const ${offset})))`,
    `(drop (call $load_u64 (i64.const ${offset})))`,
    `(call $store_u8 (i64.const ${offset}) (i32.const 1))`,
    `(call $store_u64 (i64.const ${offset}) (i64.const 1))`,
    `(call $output_set (i64.const ${offset}) (i64.const 8))`,
    `(call $log_info (i64.const ${offset}))`,
    `(drop (call $config_get (i64.const ${offset})))`,
    `(drop (call $var_get (i64.const ${offset})))`,
    `(call $var_set (i64.const ${offset}) (i64.const 0))`,
    `(drop (call $vivarium_emit (i64.const ${offset}) (i64.const ${offset})))`,
    `(drop (call $vivarium_ask (i64.const ${offset}) (i64.const ${offset})))`,
    `(drop (call $vivarium_service_call (i64.const ${offset}) (i64.const ${offset})))`,
  ];

  it('that are no blocks are errors in every function', async () => {
    const bodies = forged.flatMap(calls);
    const inlets = bodies.map((_, index) => `f${index}`);
    const actor = await startPlugin(
      wat(`${env} ${host} (memory (export "memory") 1) ${bodies.map((body, index) => `(func (export "f${index}") ${body})`).join('\n')}`),
      { inlets },
    );
    for (const [index, inlet] of inlets.entries()) {
      const { error } = await actor.deliver(null, inlet);
      expect(error, bodies[index]).toMatchObject({ code: 'actor.fatal' });
    }
  });

  it('beyond the message, beyond a block, and lengths that overflow are errors', async () => {
    const bodies = [
      '(drop (call $input_load_u8 (i64.const 4)))',
      '(drop (call $input_load_u64 (i64.const 0)))',
      '(drop (call $input_load_u8 (i64.const -1)))',
      '(call $output_set (call $alloc (i64.const 8)) (i64.const 0x7fffffffffffffff))',
      '(call $output_set (call $alloc (i64.const 8)) (i64.const -8))',
      '(call $error_set (i64.add (call $alloc (i64.const 8)) (i64.const 8)))',
      '(drop (call $load_u64 (i64.add (call $alloc (i64.const 8)) (i64.const 1))))',
    ];
    const actor = await startPlugin(
      wat(`${env} (memory (export "memory") 1) ${bodies.map((body, index) => `(func (export "f${index}") ${body})`).join('\n')}`),
      { inlets: bodies.map((_, index) => `f${index}`) },
    );
    for (const [index, body] of bodies.entries()) expect((await actor.deliver(null, `f${index}`)).error, body).toMatchObject({ code: 'actor.fatal' });
    const huge = await startPlugin(wat(`${env} (func (export "handle") (drop (call $alloc (i64.const -1))))`));
    expect((await huge.deliver(null)).error?.code).toBe('limit.memory');
  });

  it('of freed blocks, and of the blocks of an earlier call, lead nowhere', async () => {
    const module = wat(`${env}
      (global $old (mut i64) (i64.const 0))
      (func (export "handle") (global.set $old (call $alloc (i64.const 5000))))
      (func (export "old") (call $log_info (global.get $old)))
      (func (export "freed") (local $block i64)
        (local.set $block (call $alloc (i64.const 8)))
        (call $free (local.get $block))
        (call $free (local.get $block))
        (call $free (i64.const -1))
        (if (i64.ne (call $length (local.get $block)) (i64.const 0)) (then unreachable))
        (call $log_info (local.get $block)))`);
    const actor = await startPlugin(module, { inlets: ['in', 'old', 'freed'] });
    await actor.deliver(null);
    for (const inlet of ['old', 'freed'])
      expect((await actor.deliver(null, inlet)).error).toMatchObject({
        code: 'actor.fatal',
        message: expect.stringContaining('is not the offset of a memory block'),
      });
  });
});
