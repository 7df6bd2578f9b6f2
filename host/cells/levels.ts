/**
 * The sandbox levels.
 *
 * `process`: a process of its own with an empty environment, Node’s permission model, resource limits and no descriptor
 * beside the channel. `jail`: that, inside bubblewrap: own user, pid, network, mount, ipc and uts namespaces, no
 * capabilities, and a file system that holds Node and the cell’s files only.
 */
import type { Programs } from './programs.ts';

/** From the weakest to the strongest. */
export const sandboxLevels = ['process', 'jail'] as const;
export type SandboxLevel = (typeof sandboxLevels)[number];

export const strongestLevel: SandboxLevel = 'jail';

export interface Jail {
  readonly available: boolean;
  /** Why not, in one sentence. */
  readonly reason?: string | undefined;
  /** What would make it available. */
  readonly hint?: string | undefined;
  /** The version of bubblewrap. */
  readonly bubblewrap?: string | undefined;
  /** This bubblewrap can forbid further user namespaces inside the jail. */
  readonly closesUserNamespaces: boolean;
}

/** What this machine offers to cells that run on one Node executable. */
export interface Sandbox {
  /** The strongest level that is available. */
  readonly level: SandboxLevel;
  readonly jail: Jail;
  /** What weakens a level on this machine, a sentence each, for the report at start. */
  readonly weaknesses: readonly string[];
  readonly platform: NodeJS.Platform;
  readonly node: string;
  readonly programs: Programs;
  /** The shared libraries that Node loads, as absolute paths: all that the jail needs of the system. */
  readonly libraries: readonly string[];
  /** Descriptors of the host that its children would inherit; covered in every cell. */
  readonly leaking: readonly number[];
}
