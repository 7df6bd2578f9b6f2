/** What the rules of all capabilities have in common. */
import type { Position } from '../../manifest/diagnostic.ts';

export const capabilities = ['services', 'environment', 'filesystem', 'network', 'secrets', 'state'] as const;
export type Capability = (typeof capabilities)[number];

/** Where a rule was written, and how. */
export interface Origin extends Position {
  readonly file: string;
  /** The rule as a line of a policy: `services: [orders.list]`. */
  readonly text: string;
}

export interface Rule {
  readonly origin: Origin;
}

/**
 * The algebra of one kind of rule. What `intersect` answers never allows more than either side;
 * when one rule covers another, their intersection is the covered one.
 */
export interface RuleKind<R extends Rule> {
  readonly capability: Capability;
  /** Everything that `narrow` allows, `wide` allows too. */
  covers(wide: R, narrow: R): boolean;
  /** What both allow, with the origin of `request`; null when that is nothing. */
  intersect(request: R, level: R): R | null;
  /**
   * What all rules of a level leave of a request, where that is not simply what each of them leaves: for kinds whose rules hide each
   * other. `whole`: it is all of it.
   */
  meet?(request: R, level: readonly R[]): { readonly common: readonly R[]; readonly whole: boolean };
  /** Whether the rule allows this access. `operation` is what the capability calls it. */
  matches(rule: R, resource: string, operation: string): boolean;
  /** The line of a policy that says this. */
  text(rule: Omit<R, 'origin'>): string;
  /** What bounds a granted rule beside what its line says. */
  beside?(rule: R): readonly string[];
}

/** The line of a granted rule; what no line can say follows as a comment. */
export const grantedText = <R extends Rule>(kind: RuleKind<R>, rule: R): string => [kind.text(rule), ...(kind.beside?.(rule) ?? [])].join('  # ');

/** A text as it stands in YAML: in quotes only where it must. */
export const yamlText = (text: string): string =>
  /^(\.{0,2}\/|[A-Za-z_])[\w./-]*$/.test(text) && !/^(true|false|null|~)$/i.test(text) ? text : JSON.stringify(text);
