/** UTF-8 of plugins: strict for messages, forgiving for what is only shown. */
import { readUtf8, utf8Length, writeUtf8 } from '../../sdk/codec/utf8.ts';
import { bytesToText } from '../guest/codec.ts';

export function toUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

/** `null` if it is not valid UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string | null => (isAscii(bytes) ? bytesToText(bytes) : readUtf8(bytes, 0, bytes.length));

/** Text for people: what is not valid UTF-8 is shown byte by byte. */
export const toShow = (bytes: Uint8Array): string => fromUtf8(bytes) ?? bytesToText(bytes);

function isAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if ((bytes[index] as number) > 0x7f) return false;
  return true;
}
