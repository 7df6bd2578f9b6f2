/** What guests say in each operation of the network. Strict: what does not fit is `message.invalid`. */
import { z } from 'zod';
import { VivariumError } from '../../../sdk/errors.ts';
import { decode } from '../../../sdk/message.ts';
import { budgetOf } from '../../routing/topology.ts';
import type { CapabilityCall } from '../capability.ts';

const number = z.int().min(1);
const bytes = z.instanceof(Uint8Array);

const isText = (value: unknown): value is string => typeof value === 'string';
const isHeader = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isText);
// Lists are checked in one loop that stops at the first mistake: an array of schemas makes an issue for each of them, and the host has one thread.
const headers = z.custom<[name: string, value: string][]>((value) => Array.isArray(value) && value.every(isHeader), 'headers are a list of [name, value]');
const protocols = z.custom<string[]>(
  (value) => Array.isArray(value) && value.length <= 32 && value.every((word) => isText(word) && word.length <= 256),
  'protocols are a list of at most 32 words',
);

/** What a guest is told of its mistakes: the first few, in so many characters. */
const told = { mistakes: 3, characters: 1024 } as const;

export const operations = {
  /** → {@link Answer}, or `{ upload }` if the body is streamed. */
  request: z.strictObject({
    method: z.string(),
    url: z.string(),
    headers,
    redirect: z.enum(['follow', 'manual', 'error']).default('follow'),
    body: bytes.nullable().default(null),
    /** The body follows by `send` and `finish`. */
    streaming: z.boolean().default(false),
    /** A number of the guest's choice, by which `cancel` knows the request until it is answered. */
    tag: number.optional(),
  }),
  /** → null, when there is room for more */
  send: z.strictObject({ upload: number, data: bytes }),
  /** → {@link Answer} */
  finish: z.strictObject({ upload: number }),
  /** → bytes, or null at the end */
  read: z.strictObject({ response: number, length: z.int().min(1) }),
  /** → null */
  cancel: z.strictObject({ tag: number }),
  /** → null; of an upload, a response or a socket */
  close: z.strictObject({ handle: number }),
  /** → `{ socket, protocol }` */
  connect: z.strictObject({ url: z.string(), protocols: protocols.default([]), headers: headers.default([]) }),
  /** → null, when there is room for more */
  socketSend: z.strictObject({ socket: number, data: z.union([z.string(), bytes]) }),
  /** → `{ data }`, or `{ closed: { code, reason, clean } }` */
  socketReceive: z.strictObject({ socket: number }),
  /** → null */
  socketClose: z.strictObject({ socket: number, code: z.int().optional(), reason: z.string().optional() }),
} as const;

export type OperationName = keyof typeof operations;
export type Input<Name extends OperationName> = z.infer<(typeof operations)[Name]>;

/** @throws VivariumError message.invalid, limit.message */
export function readInput<Name extends OperationName>(name: Name, { payload, grant }: CapabilityCall): Input<Name> {
  const checked = operations[name].safeParse(decode(payload, budgetOf(grant.limits)));
  if (checked.success) return checked.data as Input<Name>;
  throw new VivariumError('message.invalid', `network.${name}: ${mistakesOf(checked.error)}`);
}

const mistakesOf = ({ issues }: z.ZodError): string => z.prettifyError(new z.ZodError(issues.slice(0, told.mistakes))).slice(0, told.characters);
