/** A command of `vivarium`, as data: what it is called with, what it does, what it exits with. */

/** Exit codes, the same for every command. */
export const exitCodes = {
  /** Everything succeeded. */
  ok: 0,
  /** The command ran, and some of what it ran failed. */
  failed: 1,
  /** The command line, the manifest or the machine is wrong: nothing ran. */
  invalid: 2,
  /** `policy explain`: the access is denied. */
  denied: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CommandOption {
  /** As commander takes it: `--input <file>`. */
  readonly flags: string;
  readonly description: string;
}

export interface Command {
  /** One word, or two: a group and a command in it. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What `--help` adds to it. */
  readonly details?: string;
  /** Positional arguments: `<manifest>`. */
  readonly arguments: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CommandOption[];
  readonly examples: readonly string[];
  run(positional: readonly string[], options: Readonly<Record<string, unknown>>): Promise<ExitCode>;
}
