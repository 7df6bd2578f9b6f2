/** How things are named: what a schema checks, and what a message says about it. */
import { z } from 'zod';

/** Names that every JavaScript object has already: looked up in a map, they would be found without having been put there. */
const inherited: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Exports with a meaning of their own, in all three languages. */
const reservedPorts: ReadonlySet<string> = new Set(['start', 'stop', 'handle', 'default']);

export const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
export const portPattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
export const functionPattern = /^[!-~]{1,128}$/;
export const namespacePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export const isReservedPort = (name: string): boolean => reservedPorts.has(name);

const notInherited = (schema: z.ZodString) =>
  schema.refine((name) => !inherited.has(name), { error: (issue) => `\`${issue.input}\` is the name of something that every JavaScript object has` });

/** Names of actors, inputs and outputs. */
export const nameSchema = notInherited(
  z.string().regex(namePattern, 'a name begins with a letter and goes on with letters, digits, `_` and `-`, 64 characters at most'),
);

/** Names of inlets and outlets: they are names of functions too. */
export const portSchema = notInherited(
  z.string().regex(portPattern, 'a port is named like a function: letters, digits and `_`, not beginning with a digit, 64 characters at most'),
).refine((name) => !isReservedPort(name), { error: (issue) => `\`${issue.input}\` is reserved and cannot name a port` });

/** Environment variables and secrets. */
export const variableSchema = notInherited(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'a variable is named with letters, digits and `_`, not beginning with a digit'),
);
