import { describe, expect, it } from 'vitest';
import { decode, encode, type Message } from '../../sdk/message.ts';
import { startPlugin } from '../support/plugin.ts';

const at = new Date('2026-01-02T03:04:05.678Z');

describe('codecs of a plugin', () => {
  it('json carries what JSON holds, 64-bit integers in full', async () => {
    const actor = await startPlugin('echo');
    const values: Message[] = [
      null,
      true,
      0,
      -1.5,
      1e300,
      2n ** 62n,
      [9_007_199_254_740_993n],
      '',
      'ü😀\u2028',
      [],
      {},
      { __proto__: null, a: [{ b: 'c' }] } as never,
    ];
    for (const value of values) expect((await actor.deliver(value)).value).toEqual(value);
  });

  it('json refuses what JSON does not hold', async () => {
    const actor = await startPlugin('echo');
    for (const value of [Number.NaN, [Number.POSITIVE_INFINITY], new Uint8Array(2), { at }, [new Error('as a value')]]) {
      expect((await actor.deliver(value)).error).toMatchObject({
        code: 'message.unsupported',
        message: expect.stringMatching(/takes JSON, and the message holds/),
      });
    }
    expect((await actor.deliver(1)).value).toBe(1);
  });

  it('json refuses output that is not JSON, not UTF-8, or nested without end', async () => {
    const actor = await startPlugin('echo', { input: 'bytes', output: 'json' });
    const give = async (bytes: string | Uint8Array) => (await actor.deliver(Buffer.from(bytes as string))).error?.code;
    expect(await give('{"a":1}')).toBeUndefined();
    expect(await give('{"a":')).toBe('message.invalid');
    expect(await give('1,{"pay":9}')).toBe('message.invalid');
    expect(await give('"\\ud800"')).toBe('message.invalid');
    expect(await give(Uint8Array.of(0x22, 0xff, 0x22))).toBe('message.invalid');
    expect(await give('['.repeat(100_000))).toBe('message.invalid');
    expect(await give(`[${'0,'.repeat(200_000)}0]`)).toBe('message.invalid');
  });

  it('json puts what is given into the lane that suits it', async () => {
    const actor = await startPlugin('echo', { input: 'text', output: 'json' });
    expect((await actor.deliver('1e400')).value).toBe(Number.POSITIVE_INFINITY);
    expect((await actor.deliver('9223372036854775807')).value).toBe(9_223_372_036_854_775_807n);
  });

  it('text carries strings', async () => {
    const actor = await startPlugin('echo', { input: 'text' });
    expect((await actor.deliver('ü😀\u0000 {')).value).toBe('ü😀\u0000 {');
    expect((await actor.deliver({ a: 1 })).error).toMatchObject({ code: 'message.unsupported', message: 'the plugin takes text, and the message is a map' });
    const bytes = await startPlugin('echo', { input: 'bytes', output: 'text' });
    expect((await bytes.deliver(Uint8Array.of(0xc0, 0x80))).error?.code).toBe('message.invalid');
  });

  it('bytes carries bytes', async () => {
    const actor = await startPlugin('echo', { input: 'bytes' });
    const all = Uint8Array.from({ length: 70_000 }, (_, index) => index);
    expect((await actor.deliver(all)).value).toEqual(all);
    expect((await actor.deliver('text')).error?.code).toBe('message.unsupported');
  });

  it('msgpack carries every message', async () => {
    const actor = await startPlugin('echo', { input: 'msgpack' });
    for (const value of [null, 1, 'ü', 2n ** 63n - 1n, Number.NaN, at, Uint8Array.of(1, 2), { deep: [{ at }] }])
      expect((await actor.deliver(value)).value).toEqual(value);
    const text = await startPlugin('echo', { input: 'bytes', output: 'msgpack' });
    expect((await text.deliver(Uint8Array.of(0xc1))).error?.code).toBe('message.invalid');
    expect((await text.deliver(Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff))).error?.code).toBe('message.invalid');
  });

  it('refuses a payload of another actor that is no message', async () => {
    const actor = await startPlugin('echo');
    const [text, pack] = await actor.deliverPayloads([
      { lane: 0, text: '1,2' },
      { lane: 1, text: '\xc1' },
    ]);
    expect([text?.error?.code, pack?.error?.code]).toEqual(['message.invalid', 'message.invalid']);
  });

  it('holds the limit of a message in both directions', async () => {
    const limits = { message: 1000 };
    const actor = await startPlugin('echo', { limits });
    expect((await actor.deliver('x'.repeat(998))).value).toHaveLength(998);
    const payload = encode('x'.repeat(999));
    expect(decode(payload)).toHaveLength(999);
    expect((await actor.deliver('x'.repeat(999))).error?.code).toBe('limit.message');
  });
});
