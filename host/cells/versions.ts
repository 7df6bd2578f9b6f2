/** Refuses what is known to be unsafe or not to work before anything else has a chance to fail less clearly. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { VivariumError } from '../../sdk/errors.ts';

/**
 * Older releases of Node lack security fixes that cells rely on; isolated-vm up to 7.0.0 lets a guest take over its
 * process (GHSA-864f-rcv7-6rh4, which has no CVE, so that scanners miss it).
 */
export const minimumVersions = { node: '26.5.1', isolatedVm: '7.0.1' } as const;

/** How long another Node may take to tell its version, in milliseconds. */
const answerLimit = 10_000;

const numbers = (version: string): number[] => (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1) ?? []).map(Number);

/** Whether `version` is `minimum` or newer. A version that cannot be read is not. */
export function isAtLeast(version: string, minimum: string): boolean {
  const found = numbers(version);
  if (found.length === 0) return false;
  const wanted = numbers(minimum);
  const difference = wanted.map((number, place) => (found[place] as number) - number).find((step) => step !== 0);
  return difference === undefined || difference > 0;
}

/** An executable that cells can run on. */
export interface NodeExecutable {
  /** Absolute, links resolved. */
  readonly path: string;
  /** As in `process.versions.node`. */
  readonly version: string;
}

/**
 * Checks the Node that cells will run on, the isolated-vm that they will load, and the Node that this host runs on.
 *
 * @param options.node path of the executable for cells; default: that of this process
 * @param options.isolatedVm the version of isolated-vm that the cell files were built with; default: the installed one
 * @throws VivariumError `host.unsupported`
 * @example const { path } = await checkVersions({ node: '/opt/node-26/bin/node' });
 */
export async function checkVersions(options: { readonly node?: string | undefined; readonly isolatedVm?: string | undefined } = {}): Promise<NodeExecutable> {
  demandNode(process.versions.node, process.execPath);
  demandIsolatedVm(options.isolatedVm ?? installedIsolatedVm());
  const path = await resolveNode(options.node ?? process.execPath);
  if (path === (await resolveNode(process.execPath))) return { path, version: process.versions.node };
  const version = (await askNode(path, 'process.versions.node')).trim();
  demandNode(version, path);
  return { path, version };
}

/** To be called before anything else: what follows may need a Node that is not there. @throws VivariumError `host.unsupported` */
export const demandThisNode = (): void => demandNode(process.versions.node, process.execPath);

/** Evaluates an expression in a Node executable with an empty environment, and returns what it prints. */
export async function askNode(path: string, expression: string): Promise<string> {
  try {
    return (await promisify(execFile)(path, ['-p', expression], { env: {}, timeout: answerLimit })).stdout;
  } catch (cause) {
    throw unsupported(`${path} does not answer as a Node executable does.`, 'Set the option `node` to the path of a Node executable.', cause);
  }
}

async function resolveNode(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw unsupported(`The Node executable ${path} does not exist.`, 'Set the option `node` to the path of a Node executable.', cause);
  }
}

function demandNode(version: string, path: string): void {
  if (isAtLeast(version, minimumVersions.node)) return;
  throw unsupported(
    `Vivarium needs Node ${minimumVersions.node} or newer, and ${path} is ${version || 'of no known version'}.`,
    `Install Node ${minimumVersions.node} or newer, or set the option \`node\` for the cells.`,
  );
}

function demandIsolatedVm(version: string): void {
  if (isAtLeast(version, minimumVersions.isolatedVm)) return;
  throw unsupported(
    `Vivarium needs isolated-vm ${minimumVersions.isolatedVm} or newer, and ${version} is installed: a guest can break out of older versions (GHSA-864f-rcv7-6rh4).`,
    `Run \`npm install isolated-vm@${minimumVersions.isolatedVm}\`, then \`npm run build\`.`,
  );
}

function installedIsolatedVm(): string {
  try {
    const file = createRequire(import.meta.url).resolve('isolated-vm/package.json');
    return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown }).version);
  } catch (cause) {
    throw unsupported('isolated-vm is not installed.', 'Run `npm ci`.', cause);
  }
}

const unsupported = (message: string, hint: string, cause?: unknown): VivariumError => new VivariumError('host.unsupported', message, { hint, cause });
