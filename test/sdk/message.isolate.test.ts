/** The codec in the world it is made for: a bare isolate, without Node, without TextEncoder, from a V8 snapshot, below frozen prototypes. */
import { build } from 'esbuild';
import ivm from 'isolated-vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { decode, encode, type Payload } from '../../sdk/message.ts';
import { payloadOf, vectors } from './message.vectors.ts';

/** Decodes a payload and encodes it again; bytes cross as one character a byte. */
const entry = `
  import { decode, encode } from './message.ts';
  const bytesOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const textOf = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  globalThis.passThrough = (lane, text) => {
    try {
      const payload = encode(decode(lane === 'text' ? { lane, text } : { lane, bytes: bytesOf(text) }));
      return JSON.stringify([payload.lane, payload.lane === 'text' ? payload.text : textOf(payload.bytes)]);
    } catch (error) {
      return JSON.stringify([error.code ?? String(error), '']);
    }
  };`;

let bundle: string;
beforeAll(async () => {
  const result = await build({
    stdin: { contents: entry, resolveDir: new URL('../../sdk', import.meta.url).pathname, loader: 'js' },
    bundle: true,
    format: 'iife',
    platform: 'neutral',
    write: false,
  });
  bundle = result.outputFiles[0]?.text ?? '';
});

const freeze = 'for (const intrinsic of [Object, Array, Function, Map, Date, Uint8Array, String, BigInt]) Object.freeze(intrinsic.prototype);';

async function open(options: { snapshot: boolean; frozen: boolean }) {
  const isolate = options.snapshot ? new ivm.Isolate({ snapshot: ivm.Isolate.createSnapshot([{ code: bundle }]) }) : new ivm.Isolate();
  const context = await isolate.createContext();
  if (!options.snapshot) await context.eval(bundle);
  if (options.frozen) await context.eval(freeze);
  const passThrough = await context.global.get('passThrough', { reference: true });
  const pass = (lane: string, text: string): [string, string] => JSON.parse(passThrough.applySync(undefined, [lane, text]) as string);
  return { pass, globals: await context.eval('typeof TextEncoder + typeof Buffer + typeof process'), [Symbol.dispose]: () => isolate.dispose() };
}

const contentOf = (payload: Payload): [string, string] =>
  payload.lane === 'text' ? ['text', payload.text] : ['binary', Buffer.from(payload.bytes).toString('latin1')];

describe.each([
  { snapshot: false, frozen: false },
  { snapshot: true, frozen: false },
  { snapshot: true, frozen: true },
])('a bare isolate, snapshot: $snapshot, frozen prototypes: $frozen', (options) => {
  it('takes and gives every vector as Node does', async () => {
    using isolate = await open(options);
    expect(isolate.globals).toBe('undefinedundefinedundefined');
    for (const vector of vectors.valid) {
      expect(isolate.pass(...contentOf(payloadOf(vector))), vector.name).toEqual(contentOf(encode(decode(payloadOf(vector)))));
    }
  });

  it('refuses every hostile vector', async () => {
    using isolate = await open(options);
    for (const vector of vectors.invalid) expect(isolate.pass(...contentOf(payloadOf(vector)))[0], vector.name).toBe(vector.code);
  });
});
