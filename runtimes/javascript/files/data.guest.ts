/** Bytes and texts of files: Uint8Arrays and strings; there is no `Buffer` in an actor. */
import { bytesToText, textToBytes } from '../../guest/codec.ts';
import { uncurry } from '../../guest/web/captured.ts';
import {
  bufferByteLength,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  isView,
  typedArrayBuffer,
  typedArrayByteOffset,
  typedArrayName,
} from '../../guest/web/captured.ts';
import { getterOf } from '../../guest/web/captured.ts';
import { encoding } from '../../guest/web/encoding.ts';
import { ArrayBufferIntrinsic, getPrototypeOf, Uint8ArrayIntrinsic } from '../../guest/primordials.ts';
import { invalidType, invalidValue } from './errors.guest.ts';

export type Encoding = 'utf8' | 'latin1' | undefined;

const { TextDecoder, TextEncoder } = encoding.make();
const encode = uncurry(TextEncoder.prototype.encode);
const decode = uncurry(TextDecoder.prototype.decode);
const encoder = new TextEncoder();
/** Byte by byte as Node does it: what is no UTF-8 becomes U+FFFD, and a byte order mark stays. */
const decoder = (): object => new TextDecoder('utf-8', { ignoreBOM: true });
const shared = decoder();
const byteLength = getterOf<number>(getPrototypeOf(Uint8Array.prototype) as object, 'byteLength');

/** @param value what an author gave: an encoding, or options that may name one */
export function encodingOf(value: unknown): Encoding {
  const encoding = typeof value === 'object' && value !== null ? (value as { encoding?: unknown }).encoding : value;
  if (encoding === undefined || encoding === null || encoding === 'buffer') return undefined;
  if (encoding === 'utf8' || encoding === 'utf-8' || encoding === 'UTF-8') return 'utf8';
  if (encoding === 'latin1' || encoding === 'binary') return 'latin1';
  throw invalidValue('encoding', 'is not one of utf8 and latin1');
}

export const decoded = (bytes: Uint8Array, encoding: Encoding): Uint8Array | string =>
  encoding === undefined ? bytes : encoding === 'latin1' ? bytesToText(bytes) : (decode(shared, bytes) as string);

/** Makes text of bytes that come in pieces, which may end within a character. */
export function streamDecoder(encoding: Encoding): (bytes: Uint8Array, last: boolean) => Uint8Array | string {
  if (encoding !== 'utf8') return (bytes) => decoded(bytes, encoding);
  const own = decoder();
  return (bytes, last) => decode(own, bytes, { stream: !last }) as string;
}

/** The bytes of what an author wants to write: a view of them, or of their encoding. */
export function bytesOf(data: unknown, encoding: Encoding = 'utf8', name = 'data'): Uint8Array {
  const bytes = bytesIfAny(data, encoding);
  if (bytes === undefined) throw invalidType(name, 'of type string, an ArrayBuffer, a view of one, or an iterable of these');
  return bytes;
}

export function bytesIfAny(data: unknown, encoding: Encoding = 'utf8'): Uint8Array | undefined {
  if (typeof data === 'string') return encoding === 'latin1' ? textToBytes(data) : (encode(encoder, data) as Uint8Array);
  if (isView(data)) {
    if (typedArrayName(data) === undefined) return new Uint8ArrayIntrinsic(dataViewBuffer(data), dataViewByteOffset(data), dataViewByteLength(data));
    return new Uint8ArrayIntrinsic(typedArrayBuffer(data), typedArrayByteOffset(data), byteLength(data));
  }
  if (data instanceof ArrayBufferIntrinsic) return new Uint8ArrayIntrinsic(data, 0, bufferByteLength(data));
  return undefined;
}
