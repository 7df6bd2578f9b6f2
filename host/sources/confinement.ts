/**
 * Runs a program of ours that reads hostile text: in a process with an empty environment, limited processor time and
 * memory, no file to write and no core; in the jail also without network, without other processes, and with nothing to
 * read but the program.
 *
 * It differs from a cell in one thing: the program may start another one (esbuild).
 */
import type { Sandbox, SandboxLevel } from '../cells/levels.ts';

export interface ConfinedProgram {
  /** Absolute path of a script for Node, links resolved. */
  readonly script: string;
  readonly arguments: readonly string[];
  /** Absolute paths, links resolved, of what it may read or start beside the script. */
  readonly readable: readonly string[];
}

export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** Each process may use 20 s of processor time and 1.5 GiB of data, of which Node takes 600 MiB that it never touches. */
const limits = 'ulimit -t 20 && ulimit -d 1572864 && ulimit -f 0 && ulimit -c 0';

const heapMiB = 512;

/**
 * The command that runs a program confined; to be spawned with an empty environment.
 *
 * @param sandbox what this machine offers, from `detectSandbox()`.
 */
export function confinedCommand(program: ConfinedProgram, sandbox: Sandbox, level: SandboxLevel): Command {
  const { sh } = sandbox.programs;
  const command = level === 'jail' ? inJail(program, sandbox) : outsideJail(program, sandbox);
  if (sh === undefined) return { file: command[0] as string, arguments: command.slice(1) };
  return { file: sh, arguments: ['-c', `${limits} && exec "$@"`, 'sh', ...command] };
}

function outsideJail(program: ConfinedProgram, { programs: { env, setpriv }, node }: Sandbox): string[] {
  const command = [node, ...nodeArguments(program)];
  if (env !== undefined) command.unshift(env, '-i');
  if (setpriv !== undefined) command.unshift(setpriv, '--pdeathsig', 'KILL', '--no-new-privs');
  return command;
}

/** All paths are the same inside as outside, so that what Node and esbuild say of them is true. */
function inJail(program: ConfinedProgram, { programs, node, libraries, jail }: Sandbox): string[] {
  const readable = [node, programs.env as string, ...libraries, program.script, ...program.readable];
  return [
    programs.bwrap as string,
    ...['--unshare-all', '--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL', '--die-with-parent', '--new-session', '--clearenv'],
    ...(jail.closesUserNamespaces ? ['--unshare-user', '--disable-userns'] : []),
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...['--proc', '/proc', '--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom'],
    ...['--remount-ro', '/', '--chdir', '/', '--', programs.env as string, '-i'],
    ...[node, ...nodeArguments(program)],
  ];
}

/** Node's own permission model on top: no file but these, no network, no threads, no addons, no inspector. */
function nodeArguments({ script, readable, arguments: args }: ConfinedProgram): string[] {
  const files = [script, ...readable].map((path) => `--allow-fs-read=${path}`);
  return ['--permission', '--allow-child-process', '--disable-warning=SecurityWarning', ...files, `--max-old-space-size=${heapMiB}`, script, ...args];
}
