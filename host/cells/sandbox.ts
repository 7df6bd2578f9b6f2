/** Which sandbox levels this machine reaches, found by trying. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { VivariumError } from '../../sdk/errors.ts';
import { cellCommand } from './command.ts';
import { leakingDescriptors } from './descriptors.ts';
import { type Jail, type Sandbox, type SandboxLevel, sandboxLevels, strongestLevel } from './levels.ts';
import { findPrograms, type Programs } from './programs.ts';
import { askNode, isAtLeast } from './versions.ts';

/** How long the trial of the jail may take, in milliseconds. It takes about 100. */
const trialLimit = 10_000;
const disablesUserNamespacesFrom = '0.8.0';

const detected = new Map<string, Promise<Sandbox>>();

/**
 * Finds out what this machine offers, once per process and Node executable. The jail is tried, not guessed.
 *
 * @param node absolute path of the executable for cells, links resolved (see `checkVersions`)
 * @example const { level, jail, weaknesses } = await detectSandbox();
 */
export function detectSandbox(node: string = process.execPath): Promise<Sandbox> {
  const known = detected.get(node) ?? detect(node);
  detected.set(node, known);
  known.catch(() => detected.delete(node));
  return known;
}

/**
 * The level for the cells: the strongest that is available, or `maximum` if that is weaker.
 *
 * @throws VivariumError `sandbox.unavailable` when what is available is weaker than `minimum`, saying what is missing
 */
export async function chooseLevel(minimum: SandboxLevel = 'process', node?: string, maximum: SandboxLevel = strongestLevel): Promise<SandboxLevel> {
  const reached = demandLevel(await detectSandbox(node), minimum);
  return sandboxLevels.indexOf(reached) <= sandboxLevels.indexOf(maximum) ? reached : maximum;
}

/** {@link chooseLevel} for a sandbox that was detected. */
export function demandLevel({ level, jail }: Pick<Sandbox, 'level' | 'jail'>, minimum: SandboxLevel): SandboxLevel {
  if (sandboxLevels.indexOf(level) >= sandboxLevels.indexOf(minimum)) return level;
  throw new VivariumError('sandbox.unavailable', `The sandbox level \`${minimum}\` was demanded, and this machine reaches \`${level}\`: ${jail.reason}`, {
    hint: `${jail.hint} Or demand no more than \`${level}\`.`,
  });
}

async function detect(node: string): Promise<Sandbox> {
  const programs = await findPrograms();
  const base = { platform: process.platform, node, programs, leaking: await leakingDescriptors() };
  const weaknesses = findWeaknesses(programs);
  if (process.platform !== 'linux') {
    const reason = 'the jail needs Linux and bubblewrap.';
    return {
      ...base,
      level: 'process',
      jail: { available: false, closesUserNamespaces: false, reason, hint: 'Run the host on Linux.' },
      weaknesses,
      libraries: [],
    };
  }
  const libraries = await librariesOf(node);
  const jail = await tryJail({ ...base, level: 'jail', weaknesses, libraries, jail: { available: true, closesUserNamespaces: false } });
  if (jail.available && !jail.closesUserNamespaces) {
    weaknesses.push(`bubblewrap ${jail.bubblewrap} cannot forbid user namespaces inside the jail; ${disablesUserNamespacesFrom} can.`);
  }
  return { ...base, level: jail.available ? 'jail' : 'process', jail, weaknesses, libraries };
}

async function librariesOf(node: string): Promise<string[]> {
  const objects: unknown = JSON.parse(await askNode(node, 'process.report.excludeNetwork = true; JSON.stringify(process.report.getReport().sharedObjects)'));
  return (Array.isArray(objects) ? objects : []).filter((object) => typeof object === 'string' && object.startsWith('/') && object !== node);
}

function findWeaknesses(programs: Programs): string[] {
  if (process.platform !== 'linux') {
    return [
      `${process.platform} has no /proc and no prlimit: the memory of cells is neither limited nor watched.`,
      'Only the end of its channel tells a cell that its host has died.',
    ];
  }
  const weaknesses: string[] = [];
  if (programs.prlimit === undefined) weaknesses.push('prlimit is missing (install util-linux): the memory of cells is watched, but not limited.');
  if (programs.setpriv === undefined)
    weaknesses.push('setpriv is missing (install util-linux): outside the jail only the end of its channel tells a cell that its host has died.');
  if (process.getuid?.() === 0) weaknesses.push('The host runs as root: outside the jail its cells own what root owns, without root’s capabilities.');
  return weaknesses;
}

async function tryJail(sandbox: Sandbox): Promise<Jail> {
  const { bwrap, env, sh } = sandbox.programs;
  if (bwrap === undefined)
    return unavailable(
      'bubblewrap is not installed.',
      'Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), apk add bubblewrap (Alpine).',
    );
  if (env === undefined || sh === undefined) return unavailable('/bin/sh or /usr/bin/env is missing.', 'Install a POSIX shell and coreutils.');
  const bubblewrap = /\d+\.\d+\.\d+/.exec(await output(bwrap, ['--version']))?.[0] ?? 'unknown';
  const jail: Jail = { available: true, bubblewrap, closesUserNamespaces: isAtLeast(bubblewrap, disablesUserNamespacesFrom) };
  const failure = await trial({ ...sandbox, jail });
  return failure === undefined ? jail : { ...unavailable(`bubblewrap ${bubblewrap} fails: ${failure}`, await explainFailure(failure)), bubblewrap };
}

const unavailable = (reason: string, hint: string): Jail => ({ available: false, closesUserNamespaces: false, reason, hint });

/** Runs Node in the jail as a cell would be run, and returns why that failed. */
async function trial(sandbox: Sandbox): Promise<string | undefined> {
  const command = cellCommand(sandbox, 'jail', { run: ['-p', "[process.getuid(), process.pid, Object.keys(process.env).length].join(' ')"] });
  const answer = await output(command.file, command.arguments);
  return answer.trim() === '65534 2 0' ? undefined : `it answers “${answer.trim().slice(0, 500)}”.`;
}

/** What a program prints, errors included. */
async function output(file: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { env: {}, timeout: trialLimit });
    return stdout + stderr;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return stderr || message;
  }
}

/** The settings that forbid user namespaces, with the value that does so. */
const forbiddingSettings = [
  { name: 'kernel.unprivileged_userns_clone', forbids: '0', mend: 'sysctl -w kernel.unprivileged_userns_clone=1' },
  { name: 'user.max_user_namespaces', forbids: '0', mend: 'sysctl -w user.max_user_namespaces=15000' },
  {
    name: 'kernel.apparmor_restrict_unprivileged_userns',
    forbids: '1',
    mend: 'an AppArmor profile that allows bwrap `userns`, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
] as const;

async function explainFailure(failure: string): Promise<string> {
  for (const { name, forbids, mend } of forbiddingSettings) {
    const value = await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').catch(() => '');
    if (value.trim() === forbids) return `User namespaces are forbidden by ${name}=${forbids}; what would allow them: ${mend}.`;
  }
  if (/max_\S*_namespaces/.test(failure))
    return 'This host is in a namespace that may have no further ones: run it outside, or raise user.max_user_namespaces there.';
  return 'In a container, allow it user namespaces and its own mount of /proc (Docker: --security-opt with seccomp=unconfined, apparmor=unconfined and systempaths=unconfined).';
}
