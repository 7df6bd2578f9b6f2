/**
 * The secrets of one actor of one deployment: placeholders for the guest, values for the host. No value leaves this folder but in
 * the header of a request that its rule names.
 */
import { randomBytes } from 'node:crypto';
import { type ErrorRecord, VivariumError } from '../../../sdk/errors.ts';
import type { Access, Decision } from '../../policy/index.ts';
import { goesTo, type SecretRule } from '../../policy/rules/secrets.ts';
import { Redaction, type StreamRedactor } from './redaction.ts';

export type Header = readonly [name: string, value: string];

export interface Filled {
  /** What goes out. */
  readonly headers: readonly Header[];
  /** Names, in lower case, of the headers that carry a value now: they follow no redirect to another origin. */
  readonly carrying: ReadonlySet<string>;
}

/** With these an answer could come back in pieces, or in a coding that the host does not read: nothing would be found in it. */
const hiding: ReadonlySet<string> = new Set(['accept-encoding', 'if-range', 'range']);

export class HeldSecrets {
  /** By name: what the guest gets. Drawn at random for this actor of this deployment, worthless anywhere else. */
  readonly placeholders: Readonly<Record<string, string>>;
  readonly #rules: readonly SecretRule[];
  readonly #values: ReadonlyMap<string, string>;
  readonly #redaction: Redaction;

  /** @param values by name, one for each name in the rules */
  constructor(rules: readonly SecretRule[], values: ReadonlyMap<string, string>) {
    this.#rules = rules.filter(({ name }) => values.has(name));
    this.#values = values;
    this.#redaction = new Redaction(values);
    this.placeholders = Object.freeze(Object.fromEntries([...values.keys()].map((name) => [name, `secret-${randomBytes(24).toString('base64url')}`])));
  }

  /**
   * Puts values in for placeholders, in the headers of a request to this very URL: to be called for each hop, with what the guest
   * wrote. A placeholder is replaced where its rule names origin and header, and where it is all that the header says, alone or in
   * the rule's format. Anywhere else it stays what it is. A request to where a value may go, with it or without, asks for its answer
   * whole and readable: the server may tell later what it was told.
   *
   * @param demand decides and tells the audit, before a value is put in
   * @throws VivariumError policy.denied
   */
  fill(url: string, headers: readonly Header[], demand: (access: Access) => Decision): Filled {
    const carrying = new Set<string>();
    const filled = headers.map(([name, written]): Header => {
      const rule = this.#rules.find((candidate) => candidate.header === name.toLowerCase() && goesTo(candidate, url) && this.#stands(candidate, written));
      if (rule === undefined) return [name, written];
      demand({ capability: 'secrets', resource: rule.name });
      carrying.add(rule.header);
      return [name, formatted(rule, this.#values.get(rule.name) as string)];
    });
    const knowsValues = this.#rules.some((rule) => goesTo(rule, url));
    return { headers: knowsValues ? filled.filter(([name]) => !hiding.has(name.toLowerCase())) : headers, carrying };
  }

  /** Takes every value out of a text. */
  redact(text: string): string {
    return this.#redaction.text(text);
  }

  /** The same error without values in its texts. */
  redactError(error: VivariumError): VivariumError {
    if (this.#values.size === 0) return error;
    const texts = Object.entries(error.record).map(([name, value]) => [name, typeof value === 'string' ? this.redact(value) : value]);
    const { code, message, ...rest } = Object.fromEntries(texts) as unknown as ErrorRecord;
    return new VivariumError(code, message, { ...rest, cause: error.cause });
  }

  /** Takes every value out of a stream; undefined where nothing is to be taken out. */
  redactor(): StreamRedactor | undefined {
    return this.#redaction.stream();
  }

  #stands(rule: SecretRule, written: string): boolean {
    const placeholder = this.placeholders[rule.name] as string;
    return written === placeholder || written === formatted(rule, placeholder);
  }
}

/** Of an actor without secrets. */
export const noSecrets = new HeldSecrets([], new Map());

const formatted = ({ format }: SecretRule, value: string): string => format.replace('{}', () => value);
