/**
 * The command lines that start a cell, one for each sandbox level.
 *
 * Every program in the chain replaces the one before (`exec`), so the process that was spawned is the one that matters:
 *
 *     process   sh (limits) → setpriv (dies with the host) → env -i (empty environment) → node --permission
 *     jail      sh (limits) → bwrap (namespaces) → env -i → node --permission
 */
import { join } from 'node:path';
import type { Sandbox, SandboxLevel } from './levels.ts';

export interface CellProgram {
  /** The folder that the cell may read. Absent: it may read nothing. */
  readonly folder?: string | undefined;
  /** A file in that folder, or other arguments of Node that say what to run. */
  readonly run: string | readonly string[];
  readonly arguments?: readonly string[] | undefined;
  /** Further flags of Node and V8. */
  readonly flags?: readonly string[] | undefined;
  /** Soft RLIMIT_DATA at the start, in bytes. */
  readonly dataLimit?: number | undefined;
}

export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** Bounds the heap of the cell’s own isolate, in MiB. The isolates of guests do not heed this flag; `--max-heap-size` would override their limits. */
const ownHeapMiB = 512;
/** Enough for a cell, which opens about 25 descriptors of its own and none for its guests. */
const openFiles = 64;

const nodeFlags: readonly string[] = [
  // isolated-vm needs it.
  '--no-node-snapshot',
  '--permission',
  // Dropped by the cell itself as soon as the addon is loaded.
  '--allow-addons',
  '--disable-warning=PERM0001',
  // node:sqlite opens any file past the permission model; node:ffi is one more door that nothing here needs.
  '--no-experimental-sqlite',
  '--no-experimental-ffi',
  '--disable-sigusr1',
  '--disable-proto=throw',
  '--enable-sharedarraybuffer-per-context',
  // For the bootstrap of guests, which takes it out of their realms: see runtimes/guest/garbage.ts.
  '--expose-gc',
  // Once Maglev, V8's middle compiler, has taken a hot loop into the function that calls it, that loop is never given to Turbofan:
  // a guest that computes fell to a third of its pace after some hundred messages.
  '--no-maglev-inlining',
  `--max-old-space-size=${ownHeapMiB}`,
];

const namespaces: readonly string[] = [
  '--unshare-user',
  '--unshare-pid',
  '--unshare-net',
  '--unshare-ipc',
  '--unshare-uts',
  '--unshare-cgroup-try',
  '--uid',
  '65534',
  '--gid',
  '65534',
  '--hostname',
  'cell',
  '--cap-drop',
  'ALL',
  '--die-with-parent',
  '--new-session',
  '--clearenv',
];

/** What lies in the jail beside the program: its own processes, and the two devices that Node opens. */
const jailDevices: readonly string[] = ['--proc', '/proc', '--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom'];
const jailNode = '/node';
const jailEnv = '/env';
const jailFolder = '/app';

/** The command that runs a program at a level which this machine reaches. */
export function cellCommand(sandbox: Sandbox, level: SandboxLevel, program: CellProgram): Command {
  const command = level === 'jail' ? jailCommand(sandbox, program) : processCommand(sandbox, program);
  return withLimits(sandbox, program, command);
}

function processCommand({ programs, node }: Sandbox, program: CellProgram): string[] {
  const command = [node, ...nodeArguments(program, program.folder)];
  if (programs.env !== undefined) command.unshift(programs.env, '-i');
  if (programs.setpriv !== undefined) command.unshift(programs.setpriv, ...setprivArguments());
  return command;
}

/** Only root can lower its bounding set; anybody else has no capabilities to hand down. */
function setprivArguments(): string[] {
  const always = ['--pdeathsig', 'KILL', '--no-new-privs'];
  return process.getuid?.() === 0 ? [...always, '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'] : always;
}

/** The jail holds Node, the libraries that it loads, `env`, and the cell’s folder, all read-only; no shell, no other program, nothing to write to. */
function jailCommand({ programs, node, libraries, jail }: Sandbox, program: CellProgram): string[] {
  const binds = [...libraries.map((library) => [library, library]), [node, jailNode], [programs.env, jailEnv]];
  if (program.folder !== undefined) binds.push([program.folder, jailFolder]);
  return [
    programs.bwrap as string,
    ...namespaces,
    ...(jail.closesUserNamespaces ? ['--disable-userns'] : []),
    ...binds.flatMap(([from, to]) => ['--ro-bind', from as string, to as string]),
    ...jailDevices,
    '--remount-ro',
    '/',
    '--chdir',
    program.folder === undefined ? '/' : jailFolder,
    '--',
    jailEnv,
    '-i',
    jailNode,
    ...nodeArguments(program, program.folder === undefined ? undefined : jailFolder),
  ];
}

function nodeArguments(program: CellProgram, folder: string | undefined): string[] {
  const run = typeof program.run === 'string' ? [join(folder ?? '/', program.run)] : program.run;
  const readable = folder === undefined ? [] : [`--allow-fs-read=${folder}`];
  return [...nodeFlags, ...readable, ...(program.flags ?? []), ...run, ...(program.arguments ?? [])];
}

/** A limit that cannot be set ends the start: `&&`. Windows has no such limits and no shell to set them. */
function withLimits({ programs }: Sandbox, program: CellProgram, command: string[]): Command {
  if (programs.sh === undefined) return { file: command[0] as string, arguments: command.slice(1) };
  const limits = ['ulimit -c 0', 'ulimit -f 0', `ulimit -n ${openFiles}`];
  if (program.dataLimit !== undefined) limits.push(`ulimit -S -d ${Math.ceil(program.dataLimit / 1024)}`);
  return { file: programs.sh, arguments: ['-c', `${limits.join(' && ')} && exec "$@"`, 'sh', ...command] };
}
