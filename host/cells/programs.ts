/** The programs of the operating system that start and limit a cell. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const standardFolders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

export interface Programs {
  /** Absolute paths; undefined where the machine lacks the program. */
  readonly sh: string | undefined;
  readonly env: string | undefined;
  /** Makes the jail. */
  readonly bwrap: string | undefined;
  /** Moves the memory limit of a running cell. */
  readonly prlimit: string | undefined;
  /** Ties a cell outside the jail to the life of the host, and takes the privileges that a host run by root would hand down. */
  readonly setpriv: string | undefined;
}

export async function findPrograms(): Promise<Programs> {
  const [sh, env, bwrap, prlimit, setpriv] = await Promise.all(['sh', 'env', 'bwrap', 'prlimit', 'setpriv'].map(findProgram));
  return { sh, env, bwrap, prlimit, setpriv };
}

async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...standardFolders, ...(process.env.PATH ?? '').split(delimiter)].filter((folder) => folder.startsWith('/'));
  for (const folder of folders) {
    const path = join(folder, name);
    if (await canExecute(path)) return path;
  }
  return undefined;
}

const canExecute = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
