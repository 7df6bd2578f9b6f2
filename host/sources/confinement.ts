/**
 * Runs a program of ours in a process that can do little: empty environment, limited processor time and memory,
 * no file to write, no core; where bubblewrap works also without network, without other processes, and with
 * nothing to read but the program.
 */
import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What a confined program may read, and its arguments. */
export interface ConfinedProgram {
  /** Absolute path of a script for Node. */
  readonly script: string;
  readonly arguments: readonly string[];
  /** Absolute paths of files and folders that it may read. The script is one of its own. */
  readonly readable: readonly string[];
}

/** What to spawn, with an empty environment. */
export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** `jail`: inside bubblewrap. `process`: without. */
export type Confinement = 'jail' | 'process';

/** Seconds of processor time; KiB of writable memory: Node itself takes 600 MiB of address space that it never touches. */
const limits = { processorSeconds: 20, dataKibibytes: 2 * 1024 * 1024 } as const;

const underLimits = `ulimit -t ${limits.processorSeconds}; ulimit -d ${limits.dataKibibytes}; ulimit -f 0; ulimit -c 0; exec env -i "$@"`;

const libraries = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/nix/store'];

/**
 * The command that runs a program confined.
 *
 * @example const { file, arguments: args } = await confinedCommand({ script, arguments: [], readable: [] }, await bestConfinement());
 */
export async function confinedCommand(program: ConfinedProgram, confinement: Confinement): Promise<Command> {
  const node = await realpath(process.execPath);
  const readable = [program.script, ...program.readable];
  // Node's own permission model: no file but these, no network, no threads, no addons, no inspector.
  const permissions = ['--permission', '--allow-child-process', '--disable-warning=SecurityWarning', ...readable.map((path) => `--allow-fs-read=${path}`)];
  const run = [node, '--max-old-space-size=512', ...permissions, program.script, ...program.arguments];
  const jail = confinement === 'jail' ? jailed([node, ...readable]) : [];
  return { file: '/bin/sh', arguments: ['-c', underLimits, 'sh', ...jail, ...run] };
}

function jailed(readable: readonly string[]): string[] {
  const bind = (option: string, paths: readonly string[]): string[] => paths.flatMap((path) => [option, path, path]);
  return [
    ...['bwrap', '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL', '--uid', '65534', '--gid', '65534'],
    ...bind('--ro-bind-try', libraries),
    ...bind('--ro-bind', readable),
    ...['--proc', '/proc', '--dev', '/dev', '--chdir', '/', '--'],
  ];
}

let best: Promise<Confinement> | undefined;

/** The best confinement that works on this machine; tried once. */
export function bestConfinement(): Promise<Confinement> {
  best ??= tryJail();
  return best;
}

async function tryJail(): Promise<Confinement> {
  const node = await realpath(process.execPath);
  const trial = ['-c', underLimits, 'sh', ...jailed([node]), node, '--version'];
  return promisify(execFile)('/bin/sh', trial, { env: {}, timeout: 10_000 }).then(
    () => 'jail',
    () => 'process',
  );
}
