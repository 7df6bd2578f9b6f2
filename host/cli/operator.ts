/** The host of a command that runs flows. Whoever runs the command is the operator: nothing is cut away unless they say so. */
import { VivariumError } from '../../sdk/errors.ts';
import { type SandboxLevel, sandboxLevels } from '../cells/levels.ts';
import type { CellEvent } from '../events.ts';
import { createHost, type Host } from '../host.ts';
import { AuditFile } from './audit.ts';
import type { CommandOption } from './command.ts';
import { reasonOf } from './files.ts';
import { environmentOf } from './messages.ts';

export interface OperatorOptions {
  readonly secrets: string | undefined;
  readonly store: string | undefined;
  readonly audit: string | undefined;
  readonly ceiling: string;
  readonly sandbox: SandboxLevel;
}

export const operatorFlags: readonly CommandOption[] = [
  { flags: '--secrets <file>', description: 'values of secrets: NAME=value, one a line, or JSON; without one there, the variable of that name' },
  { flags: '--store <file>', description: 'where actors keep their state (default: in memory, until the run ends)' },
  { flags: '--audit <file>', description: 'every decision of a policy as a line of JSON, appended before it takes effect' },
  { flags: '--ceiling <policy>', description: 'the most that is granted: a preset or a file (default: whatever is requested)' },
  {
    flags: '--sandbox <level>',
    description: 'the weakest sandbox level to run at: process or jail; the strongest of the machine is used (default: process)',
  },
];

/** What every command takes that sends messages. */
export const inputFlags: readonly CommandOption[] = [
  { flags: '--input <file>', description: 'messages as JSON, one a line; - is standard input (default: -)' },
  { flags: '--to <input>', description: 'the input that the messages go to, where the flow has several' },
];

/** @throws VivariumError host.option */
export function operatorOptions(given: Readonly<Record<string, unknown>>): OperatorOptions {
  const { secrets, store, audit, ceiling = 'unrestricted', sandbox = 'process' } = given;
  demandKnownLevel(sandbox);
  return { secrets, store, audit, ceiling, sandbox } as OperatorOptions;
}

/** @throws VivariumError as `createHost` */
export const operatorHost = ({ secrets, store, ceiling, sandbox }: OperatorOptions): Promise<Host> =>
  createHost({
    sandbox: { minimum: sandbox },
    ceiling,
    environment: environmentOf(process.env),
    secrets: { file: secrets, provider: (name) => process.env[name] },
    store: { path: store },
  });

/** Writes what the host decides to the file that was asked for. @param broken told that it cannot be written any further */
export function auditInto(host: Host, { audit: path }: OperatorOptions, broken: (reason: string) => void): AuditFile | undefined {
  if (path === undefined) return undefined;
  const file = new AuditFile(path, (error) => broken(`${path} cannot be written any further: ${reasonOf(error)}`));
  host.on('audit', (event) => file.write(event));
  return file;
}

export const cellLine = ({ event, cell, actor, reason }: CellEvent): string =>
  `warn  ${event === 'quarantined' ? `${actor ?? 'an actor'} is in quarantine` : `cell ${cell} died`}${reason === undefined ? '' : `: ${reason.message} [${reason.code}]`}`;

function demandKnownLevel(level: unknown): void {
  if (!sandboxLevels.includes(level as SandboxLevel))
    throw new VivariumError('host.option', `there is no sandbox level \`${String(level)}\``, { hint: `--sandbox ${sandboxLevels.join(' | ')}` });
}
