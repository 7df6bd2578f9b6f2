/** What a guest may say to the capability `state`: the schemas of its operations. */
import { z } from 'zod';

const mostKeyBytes = 512;
export const mostListed = 1000;
const usuallyListed = 100;

const longest = (text: string): boolean => Buffer.byteLength(text) <= mostKeyBytes;
const text = z
  .string()
  .refine((written) => written.length <= mostKeyBytes && longest(written), `a key has at most ${mostKeyBytes} bytes`)
  .refine((written) => written.isWellFormed(), 'a key is well-formed Unicode');
const key = text.min(1, 'a key has at least one character');
const version = z.int().min(1);
const condition = version.nullable().optional();
/** A payload, encoded by the guest: text, or bytes of the binary lane. */
const value = z.union([z.string(), z.instanceof(Uint8Array)]);

export const stateOperations = {
  get: z.strictObject({ key }),
  put: z.strictObject({ key, value, if: condition }),
  delete: z.strictObject({ key, if: condition }),
  list: z.strictObject({ prefix: text.default(''), after: text.default(''), most: z.int().min(1).max(mostListed).default(usuallyListed) }),
} as const;

export type StateOperationName = keyof typeof stateOperations;

export const isStateOperation = (name: string): name is StateOperationName => Object.hasOwn(stateOperations, name);
