// biome-ignore-all lint/complexity/noArguments: the standards tell a missing argument from an undefined one
import { apply, charCodeAt, fromCharCode, typedArraySubarray } from './captured.ts';
import { DOMException } from './dom-exception.ts';

/** As many arguments as one call takes without straining the stack. */
const charactersAtOnce = 8192;

/** Decodes base64 to a string of bytes, one a character. Throws an `InvalidCharacterError` on anything else; padding may be missing. */
export function atob(text: unknown): string {
  if (arguments.length === 0) throw new TypeError('The "data" argument must be specified');
  const bytes = decode(`${text}`);
  let binary = '';
  for (let start = 0; start < bytes.length; start += charactersAtOnce) {
    binary += apply(fromCharCode, undefined, typedArraySubarray(bytes, start, start + charactersAtOnce));
  }
  return binary;
}

/** Encodes a string of bytes, one a character, as base64. Throws an `InvalidCharacterError` on a character beyond U+00FF. */
export function btoa(binary: unknown): string {
  if (arguments.length === 0) throw new TypeError('The "data" argument must be specified');
  const text = `${binary}`;
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = charCodeAt(text, index);
    if (code > 0xff) throw new DOMException('Invalid character', 'InvalidCharacterError');
    bytes[index] = code;
  }
  return bytes.toBase64();
}

function decode(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'loose' });
  } catch {
    throw new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
  }
}
