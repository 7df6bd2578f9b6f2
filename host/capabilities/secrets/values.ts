/** Where the values of secrets come from, and whether they can be secrets at all. Asked when a flow is deployed. */
import { z } from 'zod';
import { VivariumError } from '../../../sdk/errors.ts';
import { type Grant, originText } from '../../policy/index.ts';
import type { SecretRule } from '../../policy/rules/secrets.ts';
import { readSecretsFile } from './file.ts';
import { HeldSecrets, noSecrets } from './held.ts';

/** Who is to have a secret, and until when an answer is of use. */
export interface SecretAsker {
  readonly namespace: string;
  readonly actor: string;
  readonly signal: AbortSignal;
}

/** Looks up the value of a granted secret; undefined if it has none. Asked once for each actor and secret of a deployment. */
export type SecretProvider = (name: string, asker: SecretAsker) => string | undefined | Promise<string | undefined>;

/** Where values are looked for, in this order: `values`, then the file, then the provider. */
export interface SecretsInput {
  readonly values?: Readonly<Record<string, string | undefined>> | undefined;
  /** `NAME=value`, one a line, or a JSON object of strings. Nobody but its owner and group may read it. Read at each deployment. */
  readonly file?: string | undefined;
  readonly provider?: SecretProvider | undefined;
}

export const secretsSchema = z.strictObject({
  values: z.custom<SecretsInput['values']>((value) => typeof value === 'object' && value !== null, 'values are an object: { NAME: value }').optional(),
  file: z.string().min(1).optional(),
  provider: z.custom<SecretProvider>((value) => typeof value === 'function', 'a provider is a function of a name').optional(),
});

/** How long a provider may take. Milliseconds. */
const patience = 30_000;

/** Shorter values are guessed, and would be found by chance in much of what is redacted. */
const fewestCharacters = 8;
const mostCharacters = 4096;

/** Finds the value of a secret; undefined if it has none. */
export type SecretLookup = (name: string, asker: SecretAsker) => Promise<string | undefined>;

/**
 * Opens the places where values lie; the first that has one counts.
 * @throws VivariumError host.option
 */
export async function openSecrets(inputs: readonly (SecretsInput | undefined)[]): Promise<SecretLookup> {
  const places: SecretLookup[] = [];
  for (const input of inputs) {
    const { values, file, provider } = checked(input);
    if (values !== undefined) places.push(async (name) => (Object.hasOwn(values, name) ? values[name] : undefined));
    if (file !== undefined) {
      const read = await readSecretsFile(file);
      places.push(async (name) => read.get(name));
    }
    if (provider !== undefined) places.push((name, asker) => ask(provider, name, asker));
  }
  return async (name, asker) => {
    for (const place of places) {
      const value = await place(name, asker);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

/**
 * The secrets of an actor. No message tells anything of a value.
 * @throws VivariumError policy.required when a granted secret has no value, or one that cannot be a secret
 */
export async function holdSecrets({ actor, secrets }: Grant, namespace: string, lookup: SecretLookup): Promise<HeldSecrets> {
  if (secrets.length === 0) return noSecrets;
  const values = new Map<string, string>();
  const missing: string[] = [];
  for (const name of new Set(secrets.map((rule) => rule.name))) {
    const value = await lookup(name, { namespace, actor, signal: AbortSignal.timeout(patience) });
    if (value === undefined || value === '') missing.push(name);
    else values.set(name, demandUsable(actor, name, value));
  }
  if (missing.length > 0) throw withoutValue(actor, missing, secrets);
  return new HeldSecrets(secrets, values);
}

function checked(input: SecretsInput | undefined): SecretsInput {
  const result = secretsSchema.safeParse(input ?? {});
  if (result.success) return result.data;
  throw new VivariumError('host.option', `secrets: ${z.prettifyError(result.error)}`, { hint: 'secrets: { values, file, provider }' });
}

async function ask(provider: SecretProvider, name: string, asker: SecretAsker): Promise<string | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${patience} ms`)), patience);
  try {
    const value: unknown = await Promise.race([provider(name, asker), late.promise]);
    if (value === undefined || typeof value === 'string') return value;
    throw new TypeError(`a value is a text, not ${typeof value}`);
  } catch (cause) {
    throw new VivariumError('policy.required', `the value of the secret ${name} for \`${asker.actor}\` could not be had: its provider failed`, {
      actor: asker.actor,
      hint: 'the cause of this error is what the provider threw',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Printable ASCII: what a header can carry, and what can be found again in every form that it may come back in. */
function demandUsable(actor: string, name: string, value: string): string {
  const reason =
    value.length < fewestCharacters
      ? `has fewer than ${fewestCharacters} characters`
      : value.length > mostCharacters
        ? `has more than ${mostCharacters} characters`
        : !/^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/.test(value)
          ? 'holds something that no header can carry (a line break, a space at an end, or a character beyond ASCII)'
          : undefined;
  if (reason === undefined) return value;
  throw new VivariumError('policy.required', `the value of the secret ${name} for \`${actor}\` cannot be used: it ${reason}`, {
    actor,
    hint: `A secret is printable ASCII, ${fewestCharacters} to ${mostCharacters} characters. What belongs around it goes into \`format\`.`,
  });
}

function withoutValue(actor: string, names: readonly string[], rules: readonly SecretRule[]): VivariumError {
  const places = names.map((name) => originText((rules.find((rule) => rule.name === name) as SecretRule).origin)).join('; ');
  return new VivariumError(
    'policy.required',
    `\`${actor}\` is granted the ${names.length === 1 ? 'secret' : 'secrets'} ${names.join(', ')}, and no value was provided (${places})`,
    {
      actor,
      hint: `Provide a value for ${names.join(', ')}: createHost({ secrets: { values | file | provider } }), or on the command line --secrets FILE or a variable of that name.`,
    },
  );
}
