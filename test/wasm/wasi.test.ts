import { describe, expect, it } from 'vitest';
import { wasiFunctions } from '../../runtimes/wasm/imports.ts';
import { imports, startPlugin, wat } from '../support/plugin.ts';

const wasi = (functions: Readonly<Record<string, string>>): string => imports(functions, 'wasi_snapshot_preview1');
const env = imports({ alloc: '(param i64) (result i64)', store_u8: '(param i64 i32)', output_set: '(param i64 i64)' });

/** Makes the first bytes of the memory the output. */
const give = `
  (func $give (param $length i32) (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $length))))
    (loop $next
      (call $store_u8 (i64.add (local.get $block) (i64.extend_i32_u (local.get $at))) (i32.load8_u (local.get $at)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $length))))
    (call $output_set (local.get $block) (i64.extend_i32_u (local.get $length))))`;

const options = { wasi: true, input: 'text', output: 'bytes' } as const;

describe('WASI without preopened folders', () => {
  it('prints to the log, a line an entry', async () => {
    const module = wat(`
      ${wasi({ fd_write: '(param i32 i32 i32 i32) (result i32)' })}
      (memory (export "memory") 1)
      (data (i32.const 0) "\\20\\00\\00\\00\\07\\00\\00\\00\\27\\00\\00\\00\\06\\00\\00\\00")
      (data (i32.const 32) "one\\0atwothree\\0a\\ff")
      (func (export "handle") (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 100))))
      (func (export "errors") (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 100))))`);
    const actor = await startPlugin(module, { ...options, inlets: ['in', 'errors'] });
    await actor.deliver('');
    await actor.deliver('', 'errors');
    expect(actor.logs.map(({ level, text, turn }) => `${turn} ${level} ${text}`)).toEqual(['1 info one', '1 info twothree', '2 error one', '2 error two']);
  });

  it('bounds what is printed without a line end', async () => {
    const module = wat(`
      ${wasi({ fd_write: '(param i32 i32 i32 i32) (result i32)' })}
      (memory (export "memory") 20)
      (data (i32.const 0) "\\00\\00\\01\\00\\00\\00\\10\\00")
      (func (export "handle") (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1048576)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))`);
    const actor = await startPlugin(module, options);
    await actor.deliver('');
    expect(actor.logs.filter(({ dropped }) => dropped === 0).map(({ text }) => text.length)).toEqual(Array<number>(7).fill(8 * 1024));
    expect(actor.logs.at(-1)?.dropped).toBeGreaterThan(100);
  });

  it('gives the granted environment and no arguments', async () => {
    const module = wat(`
      ${env}
      ${wasi({ environ_sizes_get: '(param i32 i32) (result i32)', environ_get: '(param i32 i32) (result i32)', args_sizes_get: '(param i32 i32) (result i32)' })}
      (memory (export "memory") 1) ${give}
      (func (export "handle")
        (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
        (drop (call $args_sizes_get (i32.const 8) (i32.const 12)))
        (drop (call $environ_get (i32.const 16) (i32.const 24)))
        (call $give (i32.const 48)))`);
    const actor = await startPlugin(module, { ...options, environment: { REGION: 'nørd', LEVEL: '1' } });
    const bytes = Buffer.from((await actor.deliver('')).value as Uint8Array);
    expect([bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12)]).toEqual([2, 21, 0, 0]);
    expect(bytes.subarray(24, 45).toString()).toBe('REGION=nørd\0LEVEL=1\0');
    expect([bytes.readUInt32LE(16), bytes.readUInt32LE(20)]).toEqual([24, 37]);
  });

  it('has a clock of one millisecond', async () => {
    const module = wat(`
      ${env}
      ${wasi({ clock_time_get: '(param i32 i64 i32) (result i32)', clock_res_get: '(param i32 i32) (result i32)' })}
      (memory (export "memory") 1) ${give}
      (func (export "handle")
        (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 0)))
        (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 8)))
        (drop (call $clock_res_get (i32.const 1) (i32.const 16)))
        (call $give (i32.const 24)))`);
    const before = Date.now();
    const bytes = Buffer.from((await (await startPlugin(module, options)).deliver('')).value as Uint8Array);
    for (const offset of [0, 8]) {
      const time = bytes.readBigUInt64LE(offset);
      expect(time % 1_000_000n).toBe(0n);
      expect(Number(time / 1_000_000n)).toBeGreaterThanOrEqual(before);
    }
    expect(bytes.readBigUInt64LE(16)).toBe(1_000_000n);
  });

  it('has random bytes, other ones in each instance', async () => {
    const module = wat(`
      ${env}
      ${wasi({ random_get: '(param i32 i32) (result i32)' })}
      (memory (export "memory") 4) ${give}
      (func (export "handle") (drop (call $random_get (i32.const 0) (i32.const 100000))) (call $give (i32.const 100000)))`);
    const seen = new Set<string>();
    for (let instance = 0; instance < 2; instance++) {
      const actor = await startPlugin(module, options);
      for (let call = 0; call < 2; call++) seen.add(Buffer.from((await actor.deliver('')).value as Uint8Array).toString('latin1'));
    }
    expect(seen.size).toBe(4);
    for (const bytes of seen) expect(new Set(bytes.slice(-65_536)).size).toBe(256);
  });

  it('ends a call by `proc_exit`: 0 is success, anything else a failure, and the next instance is fresh', async () => {
    const module = wat(`
      ${env}
      ${wasi({ proc_exit: '(param i32)' })}
      (memory (export "memory") 1) ${give}
      (global $calls (mut i32) (i32.const 0))
      (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (i32.store8 (i32.const 0) (global.get $calls)) (call $give (i32.const 1)))
      (func (export "handle") (call $count) (call $proc_exit (i32.const 0)))
      (func (export "wrong") (call $proc_exit (i32.const 7)))`);
    const actor = await startPlugin(module, { ...options, inlets: ['in', 'wrong'] });
    expect((await actor.deliver('')).value).toEqual(Uint8Array.of(1));
    expect((await actor.deliver('')).value).toEqual(Uint8Array.of(1));
    expect((await actor.deliver('', 'wrong')).error).toMatchObject({ code: 'actor.failed', message: 'the plugin exited with code 7' });
    expect((await actor.deliver('')).value).toEqual(Uint8Array.of(1));
  });

  it('answers every other function with an error number, and a bad pointer with EFAULT', async () => {
    const working = [
      'args_get',
      'args_sizes_get',
      'environ_get',
      'environ_sizes_get',
      'clock_res_get',
      'clock_time_get',
      'random_get',
      'sched_yield',
      'proc_exit',
    ];
    const others = Object.entries(wasiFunctions).filter(([name]) => !working.includes(name));
    const signature = (text: string): string =>
      text.replace(/^\((.*)\) -> (.*)$/, (_, parameters: string, result: string) => `(param ${parameters.replaceAll(',', '')}) (result ${result})`);
    const zeros = (text: string): string => (/^\((.*)\)/.exec(text)?.[1] ?? '').replace(/(i\d\d),?/g, '($1.const 7)');
    const module = wat(`
      ${env} ${wasi(Object.fromEntries(others.map(([name, { signature: text }]) => [name, signature(text)])))} ${wasi({ random_get: '(param i32 i32) (result i32)', clock_res_get: '(param i32 i32) (result i32)' })}
      (memory (export "memory") 1) ${give}
      (func (export "handle")
        ${others.map(([name, { signature: text }], index) => `(i32.store8 (i32.const ${index}) (call $${name} ${zeros(text)}))`).join('\n')}
        (i32.store8 (i32.const 100) (call $random_get (i32.const -8) (i32.const 16)))
        (i32.store8 (i32.const 101) (call $clock_res_get (i32.const 0) (i32.const 65533)))
        (call $give (i32.const 102)))`);
    const bytes = (await (await startPlugin(module, options)).deliver('')).value as Uint8Array;
    const [badDescriptor, notSupported, fault] = [8, 52, 21];
    const answers = Object.fromEntries(others.map(([name], index) => [name, bytes[index]]));
    expect(answers).toEqual(Object.fromEntries(others.map(([name]) => [name, ['poll_oneoff', 'proc_raise'].includes(name) ? notSupported : badDescriptor])));
    expect([bytes[100], bytes[101]]).toEqual([fault, fault]);
  });

  it('is not there unless the manifest says so', async () => {
    await expect(startPlugin(wat(`${wasi({ sched_yield: '(result i32)' })} (func (export "handle"))`))).rejects.toMatchObject({ code: 'source.invalid' });
  });
});
