/** `TextEncoder` and `TextDecoder`. */
import type * as library from '@exodus/bytes/encoding-lite.js';
import { late } from './late.ts';

/** Resolved by the bundler. */
declare const require: (module: string) => unknown;

export const encoding = late<typeof library>(['TextDecoder', 'TextEncoder'], () => require('@exodus/bytes/encoding-lite.js') as typeof library);
